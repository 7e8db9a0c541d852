"""Brings what lies in a stream to the tracker, each piece as often as it takes: all of it may be sent twice."""

from __future__ import annotations

import os
import re
import time
import urllib.parse
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Callable, NoReturn

from .api import Api
from .errors import ApiError, EdgerunError, SpoolError, Unreachable
from .job import as_uuid
from .notices import warn_once
from .spool import Chunk, Columns
from .values import batches, wire_steps, wire_values

#: How long a rank waits for rank 0 to create the run before it does so itself, in seconds.
GRACE = 10.0

#: A larger artifact is sent in parts, of so many bytes. Cloudflare takes 100 MB a request.
WHOLE_BYTES = 64 * 1024 * 1024
PART_BYTES = 16 * 1024 * 1024

#: How long a part is sent again for before the whole file is, in seconds.
PART_PATIENCE = 60.0

#: Statuses that tell that a part of a request is not taken, so that the rest of it may be.
_REFUSED = (400, 413, 422)

#: Where copies of artifacts lie in the folder of a run. Nothing else is ever deleted.
_COPY = re.compile("files/[0-9a-f]{32}")

Batch = list[tuple[str, Columns]]


class Refused(EdgerunError):
    """The tracker does not take something, whenever it is sent."""


class Delivery:
    """Sends the chunks of one stream.

    Args:
        head: Of the stream.
        folder: In which it lies: artifacts that were copied are found from there.
        is_live: Whether it is being written, and not what an ended process has left behind.
        is_outdated: Whether a later attempt has the last word on the run: its status, its end, its name and its seed.

    Raises:
        SpoolError: The head is of no run.
    """

    def __init__(
        self,
        api: Api,
        head: Mapping[str, Any],
        folder: str,
        *,
        is_live: bool,
        is_outdated: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._head = head
        self._folder = folder
        self._is_live = is_live
        self._is_outdated = is_outdated
        self._clock = clock
        run = as_uuid(str(head["run"]))
        if run is None:
            raise SpoolError(f"{str(head['run'])[:80]!r} is no id of a run")
        self.run = run
        self._missing_since: float | None = None
        self._refused_names: dict[str, None] = {}
        self._takes_attempt = True
        self._ended = False
        self._artifacts_at: str | None = None
        #: How many points a request may have; less where the tracker is set to take less.
        self.max_points = 20_000
        #: Whether the run was there when it was last asked for.
        self.run_exists = False
        #: How many points the tracker has confirmed.
        self.delivered = 0
        #: Why some of it will never be sent.
        self.left_out: list[str] = []

    def send(self, chunk: Chunk) -> None:
        """Sends a chunk. When it returns the tracker has it, or will never take what it lacks, which is warned of.

        Raises:
            ApiError, Unreachable: It has to be sent again.
        """
        if chunk.damaged:
            warn_once("damaged", f"{chunk.damaged} bytes of the spool are damaged and were left out")
        if chunk.points:
            self._send_points([(name, columns) for name, columns in chunk.series.items()])
        if chunk.action is not None:
            self.act(chunk.action)

    def close(self) -> None:
        """Closes the connection of this thread."""
        self._api.close()

    def heartbeat(self) -> str:
        """Shows that the run lives; gives its status."""
        _, _, answer = self._api.request("POST", f"/runs/{self.run}/heartbeat")
        if not isinstance(answer, dict) or "status" not in answer:
            raise Unreachable("Something answered that is no tracker")
        return str(answer["status"])

    def tell_of_death(self) -> None:
        """After all of a stream that was left behind: tells, in a tag of the run, of a rank that ended without a word."""
        head = self._head
        if self._ended or head.get("role") != "rank" or head["world_size"] == 1:
            return
        said = (
            f"attempt {head['attempt']} ended without a word on {head.get('host')}, process {head.get('pid')}"
        )
        self._change({"tags": {f"edgerun.rank.{head['rank']}": said}})

    # Points

    def _send_points(self, batch: Batch) -> None:
        batch = [entry for entry in batch if entry[0] not in self._refused_names]
        count = sum(len(columns[0]) for _, columns in batch)
        if count == 0:
            return
        try:
            self._post(batch, count)
        except ApiError as error:
            if not error.of_tracker:
                if error.status == 413:
                    # A proxy that takes less at once; what follows comes in smaller requests.
                    self.max_points = max(1, min(self.max_points, (count + 1) // 2))
                raise
            if (
                error.status == 422
                and self._takes_attempt
                and "attempt" in {e.get("path") for e in error.errors}
            ):
                # A tracker that does not know of attempts yet.
                self._takes_attempt = False
                return self._send_points(batch)
            if error.status not in _REFUSED:
                raise
            self._send_parts(batch, count, error)
        except RunMissing:
            self._wait_or_create()
            try:
                self._post(batch, count)
            except RunMissing as error:
                # A key that is for another run may not have created it.
                raise ApiError(404, "There is no such run, and it could not be created") from error

    def _send_parts(self, batch: Batch, count: int, error: ApiError) -> None:
        """Halves what was refused until it is known what cannot be stored; all else is."""
        if count == 1:
            name = batch[0][0]
            if error.status == 413:
                # One curve more than a run may have: none of its points will do.
                self._refused_names[name] = None
            warn_once(f"refused {name}", f"The tracker does not take a point of {name!r}: {error}")
            return
        if len(batch) > 1:
            middle = len(batch) // 2
            halves = [batch[:middle], batch[middle:]]
        else:
            name, (steps, values, times) = batch[0]
            middle = count // 2
            halves = [
                [(name, (steps[:middle], values[:middle], times[:middle]))],
                [(name, (steps[middle:], values[middle:], times[middle:]))],
            ]
        before = self.delivered
        for half in halves:
            self._send_points(half)
        if self.delivered - before == count:
            # Nothing is wrong with any of them: there were too many.
            self.max_points = max(1, min(self.max_points, (count + 1) // 2))

    def _post(self, batch: Batch, count: int) -> None:
        body: dict[str, Any] = {
            "rank": self._head["rank"],
            "series": [
                {
                    "name": name,
                    "steps": wire_steps(steps),
                    "values": wire_values(values),
                    "timestamps": times,
                }
                for name, (steps, values, times) in batch
            ],
        }
        if self._head["attempt"] > 0 and self._takes_attempt:
            body["attempt"] = self._head["attempt"]
        try:
            _, _, answer = self._api.request("POST", f"/runs/{self.run}/metrics", body)
        except ApiError as error:
            if error.status == 404 and error.of_tracker:
                raise RunMissing(error) from error
            raise
        stored = answer.get("stored", -1) if isinstance(answer, dict) else -1
        if stored < 0 or stored + answer.get("duplicates", 0) != count:
            raise Unreachable("Something answered that is no tracker")
        self.run_exists = True
        self._missing_since = None
        self.delivered += count

    def _wait_or_create(self) -> None:
        """A run is created by rank 0. Another rank creates it when rank 0 does not come."""
        self.run_exists = False
        now = self._clock()
        if self._missing_since is None:
            self._missing_since = now
        if self._head.get("role") == "rank" and self._head["rank"] == 0:
            # In its stream the creation stands before everything else.
            raise ApiError(404, "There is no such run any more, or the key is for another workspace")
        if self._is_live and now - self._missing_since < GRACE:
            raise NotCreatedYet("rank 0 has not created the run yet")
        self._create({})

    def _wait_for_run(self, error: ApiError) -> NoReturn:
        """Artifacts have a stream of their own, beside that which creates the run."""
        now = self._clock()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < 2 * GRACE:
            raise NotCreatedYet("the run has not been created yet") from error
        raise error

    # What is done once

    def act(self, action: Mapping[str, Any]) -> None:
        """Does what is done once."""
        kind = action["kind"]
        if self._is_outdated and kind == "create":
            action = {key: value for key, value in action.items() if key not in ("name", "seed")}
        elif self._is_outdated and kind == "change":
            change = {
                key: value for key, value in action["change"].items() if key not in ("status", "ended_at")
            }
            action = {**action, "change": change}
        try:
            if kind == "create":
                self._create(action)
            elif kind == "change":
                self._change_or_create(dict(action["change"]))
            elif kind == "end":
                self._ended = True
            elif kind == "artifact":
                self._upload(action)
            else:
                warn_once(f"kind {kind}", f"The spool has {kind!r} in it, which a newer edgerun has written")
        except Refused as error:
            self.left_out.append(str(error))
            warn_once(f"refused {kind}: {error}", str(error))
        if kind == "artifact" and action.get("copied") and _COPY.fullmatch(action["path"]):
            with suppress(OSError):
                os.unlink(os.path.join(self._folder, action["path"]))

    def _create(self, action: Mapping[str, Any]) -> None:
        """Creates experiment and run, or finds that they are there."""
        experiment = self._experiment()
        named = {key: dict(action.get(key) or {}) for key in ("params", "tags")}
        new: dict[str, Any] = {
            key: action[key] for key in ("name", "seed", "started_at") if action.get(key) is not None
        }
        new["id"] = self.run
        if self._head.get("heartbeat_timeout"):
            new["heartbeat_timeout"] = self._head["heartbeat_timeout"]
        at_once = {key: values for key, values in named.items() if 0 < len(values) <= 1_000}
        path = f"/experiments/{urllib.parse.quote(experiment, safe='')}/runs"
        change: dict[str, Any] = {}
        try:
            try:
                _, _, run = self._api.request("POST", path, {**new, **at_once})
            except ApiError as error:
                if not error.of_tracker or error.status not in _REFUSED or not at_once:
                    raise
                at_once = {}
                _, _, run = self._api.request("POST", path, new)
            if not isinstance(run, dict) or run.get("id") != self.run:
                raise Unreachable("Something answered that is no tracker")
            if self._is_live and run.get("status") != "running":
                change["status"] = "running"
        except ApiError as error:
            # 409: the run is there, from an earlier attempt or by another rank; 403: the key is for this run alone.
            if not error.of_tracker or error.status not in (403, 409):
                raise
            at_once = {}
            if action:
                change = {key: action[key] for key in ("name",) if action.get(key) is not None}
                if action.get("seed") is not None:
                    named["params"].setdefault("seed", action["seed"])
            if self._is_live and action:
                change["status"] = "running"
                if "heartbeat_timeout" in new:
                    change["heartbeat_timeout"] = new["heartbeat_timeout"]
        if change:
            self._change(change)
        for key, values in named.items():
            if values and key not in at_once:
                self._change({key: values})
        self.run_exists = True
        self._missing_since = None

    def _experiment(self) -> str:
        """The id of the experiment: of one by name, the oldest of that name and owner, which is created if there is none.

        Whoever comes at the same time creates it under the same id, so it is one all the same.
        """
        head = self._head["experiment"]
        own = str(head["id"])
        if not head.get("name"):
            return own
        wanted = {key: head[key] for key in ("name", "owner")}
        try:
            query = {"q": head["name"], "owner": head["owner"], "limit": 1_000}
            found = [
                str(experiment["id"])
                for experiment in self._api.pages("/experiments", query)
                if all(experiment[key] == value for key, value in wanted.items())
            ]
            if found:
                return own if own in found else found[-1]
        except (KeyError, TypeError) as error:
            raise Unreachable("Something answered that is no tracker") from error
        except ApiError as error:
            # A key for one experiment or run alone may not look.
            if not error.of_tracker or error.status != 403:
                raise
        try:
            self._api.request("POST", "/experiments", {"id": own, **wanted})
        except ApiError as error:
            # Nor create any; 409: it is there, and has another name by now.
            if not error.of_tracker or error.status not in (403, 409):
                raise
        return own

    def _change_or_create(self, change: dict[str, Any]) -> None:
        try:
            self._change(change)
        except ApiError as error:
            if not error.of_tracker or error.status != 404:
                raise
            self._wait_or_create()
            self._change(change)

    def _change(self, change: dict[str, Any]) -> None:
        """Changes the run; what of it is not taken is warned of, and left out."""
        for key in ("params", "tags"):
            if len(change.get(key) or {}) > 1_000:
                for part in batches(change.pop(key)):
                    self._change({key: part})
        if not change:
            return
        try:
            self._api.request("PATCH", f"/runs/{self.run}", change)
        except ApiError as error:
            if not error.of_tracker or error.status not in (*_REFUSED, 409):
                raise
            parts = self._parts_of(change)
            if len(parts) > 1:
                for part in parts:
                    self._change(part)
                return
            what = next(iter(change))
            name = next(iter(change[what]), "") if isinstance(change[what], dict) else ""
            warn_once(f"{what} {name}", f"The tracker does not take {change}: {error}")

    @staticmethod
    def _parts_of(change: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A change as smaller ones: its fields, or each of its params or tags."""
        if "status" in change:
            # An end belongs to its status.
            ending = {key: change[key] for key in ("status", "ended_at") if key in change}
            rest = {key: value for key, value in change.items() if key not in ending}
            return [*([rest] if rest else []), ending]
        if len(change) > 1:
            return [{key: value} for key, value in change.items()]
        ((key, values),) = change.items()
        return (
            [{key: {name: value}} for name, value in values.items()]
            if isinstance(values, dict)
            else [{key: values}]
        )

    # Artifacts

    def _upload(self, action: Mapping[str, Any]) -> None:
        path = os.path.join(self._folder, action["path"])
        if action.get("copied") and not _COPY.fullmatch(action["path"]):
            raise Refused(f"The artifact {action['name']!r} is left out: {path} is no copy of one")
        if os.path.exists(path) and not os.path.isfile(path):
            # Reading a pipe would wait for whoever writes it.
            raise Refused(f"The artifact {action['name']!r} is left out: {path} is no file")
        try:
            file = open(path, "rb")
        except OSError as error:
            raise Refused(
                f"The artifact {action['name']!r} cannot be read, and is left out: {error}"
            ) from error
        with file:
            try:
                self._put(file, os.fstat(file.fileno()).st_size, action["name"])
            except ApiError as error:
                if error.of_tracker and error.status == 404 and not self.run_exists:
                    self._wait_for_run(error)
                if error.status in (401, 429) or error.passing:
                    raise
                raise Refused(
                    f"The tracker does not take the artifact {action['name']!r}: {error}"
                ) from error

    def _put(self, file: BinaryIO, size: int, name: str) -> None:
        folder = self._where_artifacts_are()
        quoted = urllib.parse.quote(name)
        target = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/{quoted}"
        if size <= WHOLE_BYTES:
            self._api.request("PUT", target, file, headers={"Content-Length": str(size)})
            return
        door = "/api/2.0/mlflow-artifacts/mpu"
        parent = os.path.dirname(f"{folder}/{quoted}")
        own = os.path.basename(name)
        count = -(-size // PART_BYTES)
        _, _, upload = self._api.request("POST", f"{door}/create/{parent}", {"path": own, "num_parts": count})
        parts = []
        for number in range(1, count + 1):
            query = {"upload_id": upload["upload_id"], "part_number": number}
            piece = file.read(PART_BYTES)
            # With our key, the address needs no signature.
            _, headers, _ = self._api.request(
                "PUT", f"{door}/part/{folder}/{quoted}", piece, query=query, patience=PART_PATIENCE
            )
            parts.append({"part_number": number, "etag": headers.get("ETag") or "", "url": ""})
        done = {"path": own, "upload_id": upload["upload_id"], "parts": parts}
        self._api.request("POST", f"{door}/complete/{parent}", done)

    def _where_artifacts_are(self) -> str:
        """The folder of the run's artifacts, as its URI says."""
        if self._artifacts_at is None:
            query = {"run_id": self.run.replace("-", "")}
            _, _, answer = self._api.request("GET", "/api/2.0/mlflow/runs/get", query=query)
            uri = str(answer["run"]["info"]["artifact_uri"])
            parts = urllib.parse.urlsplit(uri)
            if parts.scheme != "mlflow-artifacts":
                raise Refused(f"The run's artifacts lie at {uri}, which is not written through the tracker")
            self.run_exists = True
            self._artifacts_at = parts.path.strip("/")
        return self._artifacts_at


class NotCreatedYet(Unreachable):
    """The run will be created by another rank."""


class RunMissing(EdgerunError):
    """There is no such run."""


def is_passing(error: Exception) -> bool:
    """Whether what failed may succeed by itself."""
    if isinstance(error, ApiError):
        return error.passing
    return isinstance(error, Unreachable)
