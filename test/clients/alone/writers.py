"""Many processes that log through the real client at once: `python writers.py write|read EXPERIMENT`.

`write` prints a line for each call that was acknowledged, `read` what of it is missing or doubled, as JSON.
"""

import json
import multiprocessing
import os
import sys

import mlflow
from mlflow.entities import Metric, Param, RunTag

PROCESSES = 16
BATCHES = 24
POINTS = 25
THEN = 1_600_000_000_000


def points(process, batch):
    first = batch * POINTS
    return [
        Metric(f"loss {process}", (process + 1) / (n + 1), THEN + n, n) for n in range(first, first + POINTS)
    ]


def single(process, batch):
    return batch * 1.5 + process


def write(process, shared, experiment_id):
    """Logs into a run that all share and into one of its own."""
    client = mlflow.MlflowClient()
    own = client.create_run(experiment_id, run_name=f"own {process}").info.run_id
    for batch in range(BATCHES):
        for run_id in (shared, own):
            tags = [RunTag(f"done {process}", str(batch))]
            client.log_batch(
                run_id, points(process, batch), [Param(f"p {process} {batch}", str(batch))], tags
            )
            client.log_metric(run_id, f"single {process}", single(process, batch), THEN + batch, batch)
            print("acknowledged", flush=True)
    client.set_terminated(own, "FINISHED")


def start(experiment):
    client = mlflow.MlflowClient()
    experiment_id = client.create_experiment(experiment)
    shared = client.create_run(experiment_id, run_name="shared").info.run_id
    # Importing mlflow takes seconds: once is enough.
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=write, args=(n, shared, experiment_id)) for n in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    client.set_terminated(shared, "FINISHED")
    sys.exit(max(abs(process.exitcode) for process in processes))


def read(experiment):
    client = mlflow.MlflowClient()
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    runs = {run.info.run_name: run for run in client.search_runs([experiment_id], max_results=1_000)}
    wrong = []
    for process in range(PROCESSES):
        for name in ("shared", f"own {process}"):
            run = runs[name]
            histories = {
                f"loss {process}": [
                    (m.step, m.value) for batch in range(BATCHES) for m in points(process, batch)
                ],
                f"single {process}": [(batch, single(process, batch)) for batch in range(BATCHES)],
            }
            for key, expected in histories.items():
                found = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
                if found != expected:
                    missing = sorted(set(expected) - set(found))[:5]
                    wrong.append([name, key, len(found), len(expected), missing])
                if run.data.metrics.get(key) != expected[-1][1]:
                    wrong.append([name, key, "latest", run.data.metrics.get(key)])
            for batch in range(BATCHES):
                if run.data.params.get(f"p {process} {batch}") != str(batch):
                    wrong.append([name, f"p {process} {batch}"])
            if run.data.tags.get(f"done {process}") != str(BATCHES - 1):
                wrong.append([name, f"done {process}", run.data.tags.get(f"done {process}")])
            if run.info.status != "FINISHED":
                wrong.append([name, run.info.status])
    print(json.dumps({"runs": len(runs), "wrong": wrong}))


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_TRACKING_URI", "http://127.0.0.1:8787")
    {"write": start, "read": read}[sys.argv[1]](sys.argv[2])
