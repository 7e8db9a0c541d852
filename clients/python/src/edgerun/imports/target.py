"""Where what is imported goes: experiments and runs, made where they are not there yet, and their points.

All of it may be imported again. Runs keep their ids, and the tracker stores no point a second time.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

from ..api import Api
from ..commands.terminal import PATIENCE, Progress, find_experiments
from ..errors import ApiError
from ..job import derived
from ..values import PARAM_LENGTH, TAG_LENGTH, batches, name_fault, named, wire_steps, wire_values

#: Points a request; the tracker takes 20,000 unless it is set to take less.
_POINTS = 10_000

#: A larger artifact is sent in pieces of so many bytes. Cloudflare takes 100 MB a request.
_PIECE = 64 * 1024 * 1024


class Target:
    """A tracker that is imported into.

    Args:
        owner: Of experiments that are made.
    """

    def __init__(self, api: Api, owner: str, progress: Progress) -> None:
        self.api = api
        self.owner = owner
        self._progress = progress
        self.runs: list[dict[str, Any]] = []
        #: What was left out, and why.
        self.left_out: list[str] = []

    def experiment(self, name: str, description: str | None = None) -> str:
        """The id of the owner's experiment of this name, which is made where there is none."""
        if not 1 <= len(name) <= 100:
            raise ValueError(
                f"The name of an experiment has 1 to 100 characters: choose one by --experiment, not {name!r}"
            )
        existing = find_experiments(self.api, name, self.owner)
        if existing:
            return str(existing[0]["id"])
        # The same that `edgerun.init` makes.
        new: dict[str, Any] = {
            "id": derived("experiment", self.owner, name),
            "name": name,
            "owner": self.owner,
        }
        if description:
            new["description"] = description
        _, _, made = self.api.request("POST", "/experiments", new, patience=PATIENCE)
        return str(made["id"])

    def run(
        self,
        experiment: str,
        run: str,
        *,
        name: str,
        started_at: int | None = None,
        parent: str | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> ImportedRun:
        """A run, made where there is none of this id.

        Args:
            run: Its id, the same whenever the same thing is imported.
            started_at: Epoch milliseconds; now where nobody knows.
        """
        new: dict[str, Any] = {"id": run, "name": name[:250]}
        if started_at is not None:
            new["started_at"] = started_at
        if parent is not None:
            new["parent_run_id"] = parent
        try:
            _, _, found = self.api.request("GET", f"/runs/{run}", patience=PATIENCE)
        except ApiError as error:
            if error.status != 404:
                raise
            found = self.api.request("POST", f"/experiments/{experiment}/runs", new, patience=PATIENCE)[2]
        imported = ImportedRun(self, run, name)
        for key, values, longest, there in (
            ("params", params or {}, PARAM_LENGTH, found["params"]),
            ("tags", tags or {}, TAG_LENGTH, found["tags"]),
        ):
            kept, refused = named(values, longest)
            for fault in refused:
                self.left_out.append(f"{name}: {fault[:80]!r}, which cannot be a name among {key}")
            for value_name, value in kept.items():
                if isinstance(value, str) and len(str(values.get(value_name))) > longest:
                    self.left_out.append(
                        f"{name}: what is behind {longest:,} characters of {value_name!r} among {key}"
                    )
            for part in batches({key_: value for key_, value in kept.items() if there.get(key_) != value}):
                self.api.request("PATCH", f"/runs/{run}", {key: part}, patience=PATIENCE)
        return imported

    def count(self, points: int) -> None:
        self._progress.add(points)


class ImportedRun:
    """A run that points are put into, some thousand at a time."""

    def __init__(self, target: Target, run: str, name: str) -> None:
        self._target = target
        self.id = run
        self._name = name
        self._waiting: dict[tuple[str, int, int], tuple[list[int], list[float], list[int | None]]] = {}
        self._count = 0
        self._refused: dict[str, str] = {}
        self._folder: str | None = None
        self._told: dict[str, Any] = {"id": run, "name": name, "stored": 0, "duplicates": 0, "artifacts": 0}
        target.runs.append(self._told)

    def add(
        self, name: str, step: int, value: float, timestamp: int | None, rank: int = 0, attempt: int = 0
    ) -> None:
        """Adds a point.

        Args:
            timestamp: Epoch milliseconds; the time of arrival where nobody knows.
        """
        waiting = self._waiting.get((name, rank, attempt))
        if waiting is None:
            if name in self._refused:
                return
            fault = name_fault(name)
            if fault is not None:
                self._refused[name] = fault
                self._target.left_out.append(
                    f"{self._name}: the metric {name[:80]!r}, because its name {fault}"
                )
                return
            waiting = self._waiting[name, rank, attempt] = ([], [], [])
        waiting[0].append(step)
        waiting[1].append(value)
        waiting[2].append(timestamp)
        self._count += 1
        if self._count >= _POINTS:
            self.flush()

    def flush(self) -> None:
        """Sends what was added."""
        by_process: dict[tuple[int, int], list[dict[str, Any]]] = {}
        for (name, rank, attempt), (steps, values, timestamps) in self._waiting.items():
            series = {
                "name": name,
                "steps": wire_steps(steps),
                "values": wire_values(values),
                "timestamps": timestamps,
            }
            by_process.setdefault((rank, attempt), []).append(series)
        for (rank, attempt), columns in by_process.items():
            body = {"rank": rank, "attempt": attempt, "series": columns}
            _, _, stored = self._target.api.request(
                "POST", f"/runs/{self.id}/metrics", body, patience=PATIENCE
            )
            self._told["stored"] += stored["stored"]
            self._told["duplicates"] += stored["duplicates"]
        self._target.count(self._count)
        self._waiting = {}
        self._count = 0

    def finish(self, status: str, ended_at: int | None) -> None:
        """Sends what is left, and says how the run ended.

        Args:
            ended_at: Epoch milliseconds; now where nobody knows.
        """
        self.flush()
        change: dict[str, Any] = {"status": status}
        if ended_at is not None and status not in ("running", "scheduled"):
            change["ended_at"] = ended_at
        self._target.api.request("PATCH", f"/runs/{self.id}", change, patience=PATIENCE)

    def artifacts(self, folder: str) -> None:
        """Uploads all files of a folder."""
        for parent, _, files in os.walk(folder):
            for file in sorted(files):
                path = os.path.join(parent, file)
                name = os.path.relpath(path, folder).replace(os.sep, "/")
                try:
                    with open(path, "rb") as content:
                        self._upload(content, os.fstat(content.fileno()).st_size, name)
                except OSError as error:
                    self._target.left_out.append(
                        f"{self._name}: the artifact {name}, because it cannot be read: {error}"
                    )
                    continue
                self._told["artifacts"] += 1

    def _upload(self, file: BinaryIO, size: int, name: str) -> None:
        api = self._target.api
        if self._folder is None:
            query = {"run_id": self.id.replace("-", "")}
            _, _, answer = api.request("GET", "/api/2.0/mlflow/runs/get", query=query, patience=PATIENCE)
            self._folder = urllib.parse.urlsplit(answer["run"]["info"]["artifact_uri"]).path.strip("/")
        path = f"{self._folder}/{urllib.parse.quote(name)}"
        if size <= _PIECE:
            headers = {"Content-Type": "application/octet-stream"}
            target = f"/api/2.0/mlflow-artifacts/artifacts/{path}"
            api.request("PUT", target, file.read(), headers=headers, patience=PATIENCE)
            return
        door = "/api/2.0/mlflow-artifacts/mpu"
        parent, _, own = path.rpartition("/")
        count = -(-size // _PIECE)
        own = urllib.parse.unquote(own)
        begin = {"path": own, "num_parts": count}
        _, _, upload = api.request("POST", f"{door}/create/{parent}", begin, patience=PATIENCE)
        told = {"path": own, "upload_id": upload["upload_id"]}
        try:
            parts = []
            for number in range(1, count + 1):
                place = {"upload_id": upload["upload_id"], "part_number": number}
                piece = file.read(_PIECE)
                _, heads, _ = api.request("PUT", f"{door}/part/{path}", piece, query=place, patience=PATIENCE)
                parts.append({"part_number": number, "etag": heads.get("ETag") or "", "url": ""})
            api.request("POST", f"{door}/complete/{parent}", {**told, "parts": parts}, patience=PATIENCE)
        except BaseException:
            with suppress(Exception):
                api.request("POST", f"{door}/abort/{parent}", told)
            raise
