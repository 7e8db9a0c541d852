"""Fills a store of MLflow's, and writes down what MLflow's client reads from one, or from a tracker."""

import json
import math
import os
import pathlib
import sys
import tempfile

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType

NAMES = [
    "digits",
    "signs: # of [YAML], {in} & * ! | > % @ `",
    "a long name that goes on and on, because the YAML of it is folded into several lines of eighty",
    "größe 模型 \U0001f600",
    " spaces around ",
    "no",
    "1e3",
]


def fill(uri, experiments):
    client = MlflowClient(uri)
    for number, name in enumerate(NAMES[:experiments]):
        experiment = client.create_experiment(name, tags={"mlflow.note.content": f"Note {number}\nof {name}"})
        parent = client.create_run(
            experiment, run_name=f"{name} {number}", start_time=1_700_000_000_000 + number
        )
        child = client.create_run(experiment, tags={"mlflow.parentRunId": parent.info.run_id, "team": "a"})
        for run in (parent, child):
            fill_run(client, run.info.run_id, number)
        client.set_terminated(parent.info.run_id, ["FINISHED", "FAILED", "KILLED"][number % 3])
        if number % 2:
            client.set_terminated(child.info.run_id, "FINISHED", end_time=1_700_000_500_000)
    gone = client.create_run(client.get_experiment_by_name(NAMES[0]).experiment_id)
    client.log_metric(gone.info.run_id, "loss", 1.0)
    client.delete_run(gone.info.run_id)
    client.delete_experiment(client.create_experiment("deleted"))


def fill_run(client, run_id, number):
    points = [
        Metric(name, value, 1_700_000_000_000 + 1_000 * step, step)
        for name in ("loss", "train/deep/accuracy", "a b.c-d")
        for step, value in enumerate([0.1 + number, 1 / 3, 1e-300, -2.5, 12345678901.25])
    ]
    points += [
        Metric("odd", float("nan"), 1_700_000_000_000, 0),
        Metric("odd", 1.0, 1_700_000_000_001, -5),
        Metric("odd", 2.0, 1_700_000_000_001, 10**15),
        Metric("same step", 1.0, 1_700_000_000_000, 3),
        Metric("same step", 2.0, 1_700_000_000_001, 3),
    ]
    params = [Param("lr", "0.1"), Param("layers/0.units", "64"), Param("text", "two\nlines, größer ")]
    tags = [RunTag("mlflow.user", "alice"), RunTag("note", "one\r\ntwo"), RunTag("empty", "")]
    client.log_batch(run_id, points, params, tags)
    client.log_batch(
        run_id, [Metric("many", math.sin(step), 1_700_000_000_000 + step, step) for step in range(300)]
    )
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "weights größe.bin")
        path.write_bytes(bytes(range(256)) * (number + 1))
        client.log_artifact(run_id, str(path), "deep/er")
    client.log_text(run_id, "", "empty.txt")


def dump(uri, run_ids=None):
    """Everything of the runs, by their ids."""
    client = MlflowClient(uri)
    if run_ids is None:
        experiments = client.search_experiments(ViewType.ACTIVE_ONLY)
        found = client.search_runs([each.experiment_id for each in experiments], max_results=10_000)
        run_ids = [run.info.run_id for run in found]
    return {run_id: dump_run(client, run_id) for run_id in sorted(run_ids)}


def dump_run(client, run_id):
    run = client.get_run(run_id)
    return {
        "experiment": client.get_experiment(run.info.experiment_id).name,
        "name": run.info.run_name,
        "status": run.info.status,
        "start": run.info.start_time,
        "end": run.info.end_time,
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": {
            name: sorted(
                [point.step, point.timestamp, repr(point.value)]
                for point in client.get_metric_history(run_id, name)
            )
            for name in run.data.metrics
        },
        "artifacts": dict(artifacts(client, run_id, "")),
    }


def artifacts(client, run_id, folder):
    for entry in client.list_artifacts(run_id, folder):
        if entry.is_dir:
            yield from artifacts(client, run_id, entry.path)
        else:
            with tempfile.TemporaryDirectory() as here:
                yield (
                    entry.path,
                    pathlib.Path(client.download_artifacts(run_id, entry.path, here)).read_bytes().hex(),
                )


if __name__ == "__main__":
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    if sys.argv[1] == "fill":
        fill(sys.argv[2], int(sys.argv[3]))
    else:
        print(json.dumps(dump(sys.argv[2], sys.argv[3:] or None)))
