"""``edgerun import``: what other tools have logged."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from typing import Any

from .terminal import Progress, add_connection, connect, print_json, printable, run_id

FORMATS = ("log", "tensorboard", "mlflow")


def add(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "import",
        help="import a log, a TensorBoard folder or an mlruns folder",
        description=(
            "Imports a log of JSON lines or CSV, a folder with TensorBoard's event files, MLflow's folder mlruns or its "
            "database mlflow.db. Whatever is imported again is stored no second time."
        ),
    )
    parser.add_argument("path", metavar="PATH", help="the file or folder")
    parser.add_argument("--format", choices=FORMATS, help="what it is, where its name does not tell")
    parser.add_argument(
        "--experiment",
        metavar="NAME",
        help="where to (default: the name of the file, folder or MLflow experiment)",
    )
    parser.add_argument("--owner", help="of the experiment (default: you)")
    parser.add_argument(
        "--name", help="of the run, where there is one (default: the name of the file or folder)"
    )
    parser.add_argument(
        "--run-id", type=run_id, help="of the run, for a log (default: one that goes with the file)"
    )
    parser.add_argument(
        "--no-artifacts", action="store_true", help="leave out the artifacts of MLflow's runs"
    )
    parser.add_argument("--json", action="store_true", help="say as JSON what was imported")
    add_connection(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Imports; 1 when something was left out."""
    # Not for the other commands: a Python may lack what one of them reads, as SQLite.
    from ..imports.logs import import_log
    from ..imports.mlruns import import_mlflow
    from ..imports.target import Target
    from ..imports.tensorboard import import_tensorboard

    path = options.path
    if not os.path.exists(path):
        raise ValueError(f"There is no {path}")
    form = options.format or _format(path)
    if form is None:
        raise ValueError(
            f"{path} is no log, and no folder of TensorBoard or MLflow: say by --format what it is"
        )
    owner = options.owner or _user()
    own = os.path.basename(os.path.abspath(path))
    if os.path.isfile(path):
        own = os.path.splitext(own)[0]
    with Progress(f"import {os.path.basename(os.path.abspath(path))}", None) as progress:
        target = Target(connect(options), owner[:50], progress)
        if form == "log":
            import_log(target, path, options.experiment or own, options.name, options.run_id)
        elif form == "tensorboard":
            import_tensorboard(target, path, options.experiment or own, options.name)
        else:
            import_mlflow(target, path, options.experiment, artifacts=not options.no_artifacts)
    if options.json:
        keys = ("id", "name", "stored", "duplicates", "artifacts")
        print_json(
            {"runs": [{key: each[key] for key in keys} for each in target.runs], "left_out": target.left_out}
        )
    else:
        for each in target.runs:
            again = f", {each['duplicates']} were there already" if each["duplicates"] else ""
            files = f", {each['artifacts']} artifacts" if each["artifacts"] else ""
            print(f"{each['id']}  {printable(each['name'])}: {each['stored']} points{again}{files}")
    for fault in target.left_out:
        print(f"edgerun: left out of {printable(fault)}", file=sys.stderr)
    return int(bool(target.left_out))


def _format(path: str) -> str | None:
    from ..imports.tensorboard import find_runs

    if os.path.isfile(path):
        with open(path, "rb") as file:
            if file.read(16) == b"SQLite format 3\0":
                return "mlflow"
        return "log" if path.lower().endswith((".jsonl", ".ndjson", ".json", ".csv", ".tsv")) else None
    if any(os.path.isfile(os.path.join(path, entry, "meta.yaml")) for entry in os.listdir(path)):
        return "mlflow"
    return "tensorboard" if next(find_runs(path), None) else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
