"""The command line: `mlflow experiments`, `mlflow runs` and `mlflow artifacts`."""

import csv
import io
import json
import os
import pathlib
import re
import subprocess
import sys

from click.testing import CliRunner
from harness import scenario
from mlflow.cli import cli

THEN = 1_600_000_000_000


def call(t, label, *arguments, keep=None):
    """Calls a command within this process, which saves seconds, and writes down what it says."""
    result = CliRunner().invoke(cli, arguments)
    said = "\n".join(line.rstrip() for line in result.output.splitlines())
    if result.exception and not isinstance(result.exception, SystemExit):
        said += f"\n{type(result.exception).__name__}: {result.exception}"
    t.record(label, [result.exit_code, keep(said) if keep else said])
    return result.output


def process(t, *arguments):
    """Calls a command as a person does."""
    program = pathlib.Path(sys.executable).parent / "mlflow"
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def rows(said):
    """The rows of a table without its spaces and lines."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in said.splitlines()]
    return [line for line in lines if not set("".join(line)) <= {"-", " "}]


def without_id(said):
    return said.split(" with id ")[0]


def answer(said):
    """The JSON that ends what was said."""
    return json.loads(said[said.find("{") :])


@scenario("mlflow experiments creates, finds, renames, deletes and restores")
def experiments(t):
    name, renamed = t.name("made"), t.name("renamed")
    made = process(t, "experiments", "create", "-n", name)
    experiment_id = re.search(r"with id (\w+)", made.stdout)[1]
    t.normal.experiment(experiment_id)
    t.record("create", [made.returncode, made.stdout])
    call(
        t,
        "create again",
        "experiments",
        "create",
        "-n",
        name,
        keep=lambda said: said.split("Error:")[0].strip(),
    )
    call(
        t,
        "create elsewhere",
        "experiments",
        "create",
        "-n",
        t.name("placed"),
        "-l",
        "s3://bucket/x",
        keep=without_id,
    )
    mine = lambda said: sorted(row[1:] for row in rows(said) if any(t.slug in cell for cell in row))
    call(t, "search", "experiments", "search", keep=mine)
    call(t, "get", "experiments", "get", "-n", name, "--output", "json", keep=json.loads)
    call(t, "get by id", "experiments", "get", "-x", experiment_id, "--output", "json", keep=json.loads)
    call(t, "rename", "experiments", "rename", "-x", experiment_id, "--new-name", renamed)
    call(t, "delete", "experiments", "delete", "-x", experiment_id)
    call(t, "search active", "experiments", "search", "--view", "active_only", keep=mine)
    call(t, "search deleted", "experiments", "search", "--view", "deleted_only", keep=mine)
    call(t, "search all", "experiments", "search", "--view", "all", keep=mine)
    call(t, "restore", "experiments", "restore", "-x", experiment_id)
    call(t, "restore what is not there", "experiments", "restore", "-x", "999999")
    t.record("in the end", t.client.get_experiment(experiment_id))


@scenario("mlflow experiments csv writes a table of the runs")
def experiments_csv(t):
    experiment_id = t.experiment()
    for n in range(3):
        run_id = t.run(experiment_id, start_time=THEN + n, run_name=f"r{n}")
        t.client.log_metric(run_id, "loss", n / 2, THEN, 0)
        t.client.log_param(run_id, "lr", n)
        t.client.set_terminated(run_id, end_time=THEN + 1_000 + n)
    table = lambda said: sorted(
        ({key: row[key] for key in sorted(row)} for row in csv.DictReader(io.StringIO(said))),
        key=lambda row: row["tags.mlflow.runName"],
    )
    call(t, "printed", "experiments", "csv", "-x", experiment_id, keep=table)
    file = t.folder / "runs.csv"
    call(t, "written", "experiments", "csv", "-x", experiment_id, "-o", str(file))
    t.record("file", table(file.read_text()))
    call(t, "of none", "experiments", "csv", "-x", "999999")


@scenario("mlflow runs creates, lists, describes, deletes and restores")
def runs(t):
    experiment_id = t.experiment()
    run_id = t.run(experiment_id, run_name="it", start_time=THEN)
    t.client.log_metric(run_id, "loss", 0.5, THEN, 0)
    t.client.log_param(run_id, "lr", 0.1)
    listed = process(t, "runs", "list", "--experiment-id", experiment_id)
    t.record("list", [listed.returncode, rows(listed.stdout)])
    call(t, "describe", "runs", "describe", "--run-id", run_id, keep=json.loads)
    call(t, "delete", "runs", "delete", "--run-id", run_id)
    call(t, "list without it", "runs", "list", "--experiment-id", experiment_id, keep=rows)
    deleted = ["runs", "list", "--experiment-id", experiment_id, "--view", "deleted_only"]
    call(t, "list deleted", *deleted, keep=rows)
    call(t, "restore", "runs", "restore", "--run-id", run_id)
    call(t, "describe what is not there", "runs", "describe", "--run-id", "f" * 32)
    call(t, "delete what is not there", "runs", "delete", "--run-id", "f" * 32)
    made = ["runs", "create", "--experiment-id", experiment_id, "--run-name", "made", "--tags", "a=1"]
    call(t, "create", *made, "--status", "failed", keep=answer)
    call(t, "create elsewhere", "runs", "create", "--experiment-name", "nobody's", keep=answer)
    found = t.client.search_runs([experiment_id], "run_name = 'made'")[0]
    t.record("created", [found.info.status, found.data.tags.get("a")])


@scenario("mlflow artifacts logs, lists and downloads")
def artifacts(t):
    run_id = t.run()
    one = t.file("one.txt", "one")
    t.file("folder/two.txt", "two")
    t.file("folder/deep/three.txt", "three")
    call(t, "log a file", "artifacts", "log-artifact", "-l", one, "-r", run_id)
    call(t, "log it below", "artifacts", "log-artifact", "-l", one, "-r", run_id, "-a", "a/b")
    call(
        t,
        "log a folder",
        "artifacts",
        "log-artifacts",
        "-l",
        str(t.folder / "folder"),
        "-r",
        run_id,
        "-a",
        "f",
    )
    call(t, "list", "artifacts", "list", "-r", run_id, keep=json.loads)
    call(t, "list below", "artifacts", "list", "-r", run_id, "-a", "f", keep=json.loads)
    place = t.folder / "down"
    os.makedirs(place)
    down = process(t, "artifacts", "download", "-r", run_id, "-a", "f", "-d", str(place))
    t.record("download", [down.returncode, down.stdout.strip().splitlines()[-1:]])
    t.record("files", sorted(str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()))
    uri = t.client.get_run(run_id).info.artifact_uri
    call(
        t,
        "download by URI",
        "artifacts",
        "download",
        "-u",
        f"{uri}/one.txt",
        "-d",
        str(place),
        keep=lambda said: "",
    )
    t.record("its content", (place / "one.txt").read_text())
    call(t, "of a run that is not there", "artifacts", "list", "-r", "f" * 32)
