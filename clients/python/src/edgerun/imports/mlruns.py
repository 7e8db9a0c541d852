"""MLflow's stores: a folder ``mlruns``, or a database ``mlflow.db`` of SQLite.

Experiments, runs, params, tags, metrics and artifacts that lie on this machine. Datasets, models and traces are left out,
and so is what was deleted.
"""

from __future__ import annotations

import os
import sqlite3
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Callable, NamedTuple

from ..job import as_uuid, derived
from . import plainyaml
from .target import Target

_STATUSES = {
    "RUNNING": "running",
    "SCHEDULED": "scheduled",
    "FINISHED": "completed",
    "FAILED": "failed",
    "KILLED": "killed",
    # As `meta.yaml` has them.
    "1": "running",
    "2": "scheduled",
    "3": "completed",
    "4": "failed",
    "5": "killed",
}

#: Tags that are fields of a run here.
_NAME, _PARENT = "mlflow.runName", "mlflow.parentRunId"
_NOTE = "mlflow.note.content"


class Point(NamedTuple):
    """A value of a metric."""

    name: str
    value: float
    #: Epoch milliseconds.
    timestamp: int
    step: int


@dataclass
class StoredRun:
    """A run as MLflow has stored it."""

    id: str
    name: str
    status: str
    user: str
    started_at: int | None
    ended_at: int | None
    artifact_uri: str
    points: Callable[[], Iterator[Point]]
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    #: Where artifacts are looked for beside what the URI says.
    folders: list[str] = field(default_factory=list)


@dataclass
class StoredExperiment:
    """An experiment as MLflow has stored it."""

    name: str
    description: str | None
    runs: Callable[[], Iterable[StoredRun]]


def import_mlflow(target: Target, path: str, experiment: str | None, *, artifacts: bool = True) -> None:
    """Imports all experiments and runs, under their names and ids.

    Args:
        path: The folder, or the database.
        experiment: Into which all of it goes, instead of experiments of the names it has.
    """
    for stored in _database(path) if os.path.isfile(path) else _folder(path):
        runs = list(stored.runs())
        # MLflow makes a default experiment that nobody may have used.
        if runs:
            experiment_id = target.experiment(
                experiment or stored.name, None if experiment else stored.description
            )
            for run in _parents_first(runs):
                _import_run(target, experiment_id, run, {other.id for other in runs}, artifacts)


def _import_run(target: Target, experiment: str, run: StoredRun, ids: set[str], artifacts: bool) -> None:
    tags = {name: value for name, value in run.tags.items() if name not in (_NAME, _PARENT)}
    if run.user not in ("", "unknown"):
        tags.setdefault("mlflow.user", run.user)
    parent = run.tags.get(_PARENT)
    name = run.name or run.tags.get(_NAME) or run.id
    imported = target.run(
        experiment,
        _run_id(run.id),
        name=name,
        started_at=run.started_at,
        parent=_run_id(parent) if parent is not None and parent in ids else None,
        params=run.params,
        tags=tags,
    )
    for point in run.points():
        imported.add(point.name, point.step, point.value, point.timestamp)
    imported.finish(_STATUSES.get(run.status, "running"), run.ended_at)
    if artifacts:
        folder = next(
            (
                folder
                for folder in [*run.folders, _local(run.artifact_uri)]
                if folder and os.path.isdir(folder)
            ),
            None,
        )
        if folder is not None:
            imported.artifacts(folder)
        elif _local(run.artifact_uri) is None:
            target.left_out.append(f"{name}: artifacts, which lie at {run.artifact_uri}")


def _parents_first(runs: list[StoredRun]) -> Iterator[StoredRun]:
    """Runs in an order in which a parent comes before its children."""
    by_id = {run.id: run for run in runs}
    done: dict[str, None] = {}
    for run in runs:
        line: list[StoredRun] = []
        at: StoredRun | None = run
        while at is not None and at.id not in done and at not in line:
            line.append(at)
            at = by_id.get(at.tags.get(_PARENT, ""))
        for each in reversed(line):
            done[each.id] = None
            yield each


def _run_id(own: str) -> str:
    return as_uuid(own) or derived("import", "mlflow", own)


def _local(uri: str) -> str | None:
    """The path of a URI that leads to a file of this machine."""
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme == "file":
        return urllib.parse.unquote(parts.path)
    return uri if not parts.scheme else None


# The folder


def _folder(root: str) -> Iterator[StoredExperiment]:
    for entry in sorted(os.listdir(root)):
        folder = os.path.join(root, entry)
        meta = _meta(folder)
        if meta is not None and "name" in meta and meta.get("lifecycle_stage") != "deleted":
            note = _texts(os.path.join(folder, "tags")).get(_NOTE)
            yield StoredExperiment(str(meta["name"]), note, partial(_runs, folder))


def _runs(folder: str) -> Iterator[StoredRun]:
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry)
        meta = _meta(path)
        if meta is None or meta.get("lifecycle_stage") == "deleted":
            continue
        run_id = meta.get("run_id") or meta.get("run_uuid")
        if run_id is None:
            # Of models and datasets.
            continue
        yield StoredRun(
            id=str(run_id),
            name=str(meta.get("run_name") or meta.get("name") or ""),
            status=str(meta.get("status") or "1"),
            user=str(meta.get("user_id") or ""),
            started_at=_moment(meta.get("start_time")),
            ended_at=_moment(meta.get("end_time")),
            artifact_uri=str(meta.get("artifact_uri") or ""),
            points=partial(_points, os.path.join(path, "metrics")),
            params=_texts(os.path.join(path, "params")),
            tags=_texts(os.path.join(path, "tags")),
            # Whoever moved the folder did not change the URIs in it.
            folders=[os.path.join(path, "artifacts")],
        )


def _meta(folder: str) -> dict[str, plainyaml.Scalar] | None:
    try:
        return plainyaml.read(_read(os.path.join(folder, "meta.yaml")))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _texts(folder: str) -> dict[str, str]:
    """Names and contents of the files of a folder; a name with slashes lies in folders of it."""
    return {name: _read(path) for name, path in _files(folder)}


def _points(folder: str) -> Iterator[Point]:
    for name, path in _files(folder):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                # Timestamp and value; then the step, and then a dataset's name and digest, in newer ones.
                parts = line.split()
                if not parts:
                    continue
                try:
                    yield Point(name, float(parts[1]), int(parts[0]), int(parts[2]) if len(parts) > 2 else 0)
                except (ValueError, IndexError):
                    raise ValueError(
                        f"{path}, line {number}: {line.strip()[:80]!r} is no point of a metric"
                    ) from None


def _files(folder: str) -> Iterator[tuple[str, str]]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = os.path.join(parent, file)
            yield os.path.relpath(path, folder).replace(os.sep, "/"), path


def _read(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def _moment(value: str | int | None) -> int | None:
    """Epoch milliseconds; MLflow writes 0 or null where it knows none."""
    return value if isinstance(value, int) and value != 0 else None


# The database


def _database(path: str) -> Iterator[StoredExperiment]:
    # Only to be read; it may be in use.
    address = f"file:{urllib.parse.quote(os.path.abspath(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        database.row_factory = sqlite3.Row
        experiments = database.execute(
            "select experiment_id, name from experiments where lifecycle_stage = 'active' order by experiment_id"
        ).fetchall()
        for each in experiments:
            tags = dict(
                database.execute(
                    "select key, value from experiment_tags where experiment_id = ?", (each["experiment_id"],)
                )
            )
            runs = partial(_rows, database, each["experiment_id"], os.path.dirname(os.path.abspath(path)))
            yield StoredExperiment(each["name"], tags.get(_NOTE), runs)


def _rows(database: sqlite3.Connection, experiment: int, beside: str) -> Iterator[StoredRun]:
    found = database.execute(
        "select * from runs where experiment_id = ? and lifecycle_stage = 'active' order by start_time, run_uuid",
        (experiment,),
    )
    for row in found.fetchall():
        uri = row["artifact_uri"] or ""
        parts = urllib.parse.urlsplit(uri)
        folders = [os.path.join(beside, uri)] if not parts.scheme else []
        if parts.scheme == "mlflow-artifacts":
            # Where `mlflow server` keeps them unless it is told otherwise.
            folders = [os.path.join(beside, "mlartifacts", parts.path.lstrip("/"))]
        yield StoredRun(
            id=row["run_uuid"],
            name=row["name"] or "",
            status=row["status"] or "",
            user=row["user_id"] or "",
            started_at=_moment(row["start_time"]),
            ended_at=_moment(row["end_time"]),
            artifact_uri=uri,
            points=partial(_metrics, database, row["run_uuid"]),
            params=dict(
                database.execute("select key, value from params where run_uuid = ?", (row["run_uuid"],))
            ),
            tags=dict(
                database.execute(
                    "select key, coalesce(value, '') from tags where run_uuid = ?", (row["run_uuid"],)
                )
            ),
            folders=folders,
        )


def _metrics(database: sqlite3.Connection, run: str) -> Iterator[Point]:
    rows = database.execute(
        "select key, value, timestamp, step, is_nan from metrics where run_uuid = ? order by key, timestamp, step",
        (run,),
    )
    for key, value, timestamp, step, is_nan in rows:
        yield Point(key, float("nan") if is_nan else value, timestamp, step)
