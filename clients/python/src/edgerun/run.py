"""A run, as training code has it: what is logged goes into the spool and nowhere else, so nothing waits for a network."""

from __future__ import annotations

import getpass
import hashlib
import itertools
import logging
import os
import shutil
import socket
import stat
import struct
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Callable

from . import hooks, watch
from .api import Api, default_key, default_uri
from .delivery import Delivery
from .errors import ApiError, SpoolError
from .job import (
    Ranks,
    as_uuid,
    derived,
    find_attempt,
    find_job,
    find_ranks,
    find_restart,
    find_siblings,
    new_id,
)
from .notices import logger, say, warn_once
from .sender import Courier, Sender, adopted, interval_for, neighbour
from .spool import (
    MAX_BYTES,
    Attempts,
    Segment,
    Stream,
    StreamReader,
    StreamWriter,
    default_root,
    run_folders,
    streams_of,
    tidy_folder,
    usable_root,
)
from .values import (
    MAX_SAFE,
    NAME_LENGTH,
    PARAM_LENGTH,
    TAG_LENGTH,
    Scalar,
    is_moment,
    is_step,
    name_fault,
    named,
    storable,
)

STATUSES = ("completed", "failed", "killed")

MODES = ("online", "offline", "disabled")

#: After how many seconds without a sign of life the tracker takes a run for failed.
HEARTBEAT_TIMEOUT = 300

#: Larger artifacts are not copied into the spool, but sent from where they are.
COPIED_BYTES = 64 * 1024 * 1024

#: A stream of another host counts as left behind when nothing came for so long, in seconds: some file systems have locks
#: that hold within one host alone.
LEFT_AFTER = 300.0

_NOT_NUMBERS = (struct.error, TypeError, ValueError, OverflowError)


class Named(MutableMapping[str, Any]):
    """Params or tags of a run, as this process has set them. What is set goes to the tracker."""

    def __init__(self, set_values: Callable[[dict[str, Any]], dict[str, Scalar]], removable: bool) -> None:
        self._set_values = set_values
        self._values: dict[str, Scalar] = {}
        self._removable = removable

    def __getitem__(self, name: str) -> Scalar:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        if not self._removable:
            raise TypeError("A param stays as it was logged")
        del self._values[name]
        self._set_values({name: None})

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def update(self, *args: Any, **values: Any) -> None:
        """Sets many at once. Mappings within mappings become names with dots; a tag that is set to None goes."""
        given = dict(*args, **values)
        kept = self._set_values(given)
        for name in given.keys() - kept.keys():
            self._values.pop(name, None)
        self._values.update(kept)


class Run:
    """A run that is being logged to; `edgerun.init` makes one.

    Attributes:
        id: The run's id, a UUID.
        url: The run's page; empty where nothing is logged.
        rank: Which process of the job this is.
        world_size: How many there are.
        attempt: How often the job was restarted before.
        mode: ``online``, ``offline`` or ``disabled``.
        params: What the run was made with; those that rank 0 sets go to the tracker. A param never changes its value.
        tags: What else is said of it; may be changed and deleted.
    """

    def __init__(self, config: Mapping[str, Any], *, key: str | None = None, is_child: bool = False) -> None:
        self._config = dict(config)
        self._key = key
        self._is_child = is_child
        self.id: str = config["head"]["run"]
        self.rank: int = config["head"]["rank"]
        self.world_size: int = config["head"]["world_size"]
        self.local_rank: int = config["local_rank"]
        self.attempt: int = config["head"]["attempt"]
        self.mode: str = config["mode"]
        self.url: str = f"{config['uri']}/r/{self.id}" if self.mode != "disabled" else ""
        self.params = Named(lambda values: self._set("params", values), False)
        self.tags = Named(lambda values: self._set("tags", values), True)
        self._pid = os.getpid()
        self._steps = itertools.count()
        #: What creates the run, until it is in the spool.
        self._creation: dict[str, Any] | None = None
        self._dropped = 0
        #: Bytes of artifacts that were copied into the spool, be they sent or not.
        self._copied = 0
        self._opening = threading.RLock()
        self._writer: StreamWriter | None = None
        self._courier: Courier | None = None
        self._files: tuple[StreamWriter, Courier] | None = None
        self._is_finishing = False
        self._is_drained = False
        self._cleanups: list[Callable[[], None]] = []
        self._append: Callable[[Mapping[str, Any], int, int], None] = (
            self._append_nothing if self.mode == "disabled" else self._append_first
        )

    # Logging

    def log(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        *,
        timestamp: float | None = None,
    ) -> None:
        """Logs a value for each name. Never raises, and never waits for a network: it appends to the spool.

        When it returns, the points outlive the process, however that ends.

        Args:
            metrics: Names and numbers; whatever has ``__float__`` will do. NaN and infinities are kept as they are.
            step: Counts up by itself from the last one where it is left out, beginning with 0 in each attempt: a job that
                goes on from a checkpoint names its steps.
            timestamp: Seconds since the epoch; now where it is left out.
        """
        try:
            if timestamp is None:
                moment = time.time_ns() // 1_000_000
            else:
                moment = round(timestamp * 1000)
                if not is_moment(moment):
                    raise ValueError
            if step is None:
                step = next(self._steps)
            elif -(2**63) <= step < 2**63:
                self._steps = itertools.count(step + 1)
            else:
                raise ValueError
            self._append(metrics, step, moment)
        except _NOT_NUMBERS:
            self._log_what_will_do(metrics, step, timestamp)
        except Exception as error:
            self._lose(metrics, str(error))

    def log_artifact(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Logs a file, or all files of a folder, in the background. Never raises.

        Args:
            path: Files up to 64 MiB are copied at once, as long as all that were take no more than the spool may; larger
                ones must stay as they are until they are sent.
            name: Where it lies among the run's artifacts, as in ``plots/loss.png``; the file's name where left out.
        """
        if self.mode == "disabled":
            return
        try:
            path = os.path.abspath(os.fspath(path))
            name = (name or os.path.basename(path)).strip("/")
            if os.path.isdir(path):
                for folder, _, files in os.walk(path):
                    for file in sorted(files):
                        inside = os.path.relpath(os.path.join(folder, file), path).replace(os.sep, "/")
                        self._log_file_quietly(os.path.join(folder, file), f"{name}/{inside}")
            else:
                self._log_file_quietly(path, name)
        except Exception as error:
            warn_once(f"artifact {path}", f"The artifact {path} is not logged: {error}")

    def finish(self, status: str = "completed", *, patience: float | None = None) -> None:
        """Ends the run, and waits until the tracker has everything. Never raises.

        What it does not have after ``patience`` seconds (60, or ``EDGERUN_FINISH_TIMEOUT``) stays in the spool, for
        ``edgerun sync`` or the next `init`.

        Args:
            status: ``completed``, ``failed`` or ``killed``; ``failed`` for what is none of them. The status of a job is
                that of its rank 0.
        """
        if status not in STATUSES:
            warn_once(
                f"status {status}",
                f"A run ends as {', '.join(STATUSES)}; {str(status)[:80]!r} is none of them, so it is failed",
            )
            status = "failed"
        self._end(status)
        self._drain(time.monotonic() + (hooks.patience() if patience is None else patience))
        hooks.forget(self)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.finish()
        else:
            self._end("failed", hooks.describe(error))
            self.finish("failed")

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process, as one that was spawned, a run is a way to log to the same one."""
        return _attach, (self._config, self._key)

    def __repr__(self) -> str:
        return f"<Run {self.id} rank {self.rank} of {self.world_size}, attempt {self.attempt}, {self.mode}>"

    # Inside

    def _append_nothing(self, metrics: Mapping[str, Any], step: int, moment: int) -> None:
        """In disabled mode."""

    def _append_first(self, metrics: Mapping[str, Any], step: int, moment: int) -> None:
        """In a process that has not logged anything yet."""
        append = self._open().append
        append(metrics, step, moment)
        self._append = append

    def _open(self) -> StreamWriter:
        """The writer of this process's stream; begins one where there is none."""
        if self._is_finishing:
            raise SpoolError("the run has been finished")
        with self._opening:
            if self._writer is None:
                self._writer = self._start()
            return self._writer

    def _start(self) -> StreamWriter:
        config = self._config
        head = dict(
            config["head"],
            role="child" if self._is_child else "rank",
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        folder = os.path.join(config["root"], self.id)
        writer = _Writer(folder, head, max_bytes=config["max_bytes"], wake=self._wake)
        # Before the thread is there, which writes as well: nothing may come before the creation.
        creation, self._creation = self._creation, None
        if creation is not None:
            writer.append_json(creation)
        api = self._api()
        sender = Sender(
            StreamReader(_stream_of(writer), writer),
            None if api is None else Delivery(api, head, folder, is_live=True),
            writer=writer,
            interval=interval_for(self.world_size),
            heartbeat=head.get("heartbeat_timeout"),
        )
        self._courier = Courier(sender, _Rounds(self, writer.name, api))
        self._courier.start()
        hooks.on_process_end()
        return writer

    def _api(self) -> Api | None:
        return Api(self._config["uri"], self._key) if self.mode == "online" else None

    def _show_life(self, value: float) -> None:
        """Shows, where there are several ranks, that this one lives, or has ended by itself."""
        if self.world_size == 1 or self._is_child:
            return
        now = time.time_ns() // 1_000_000
        try:
            self._append({watch.METRIC: value}, now // 1_000, now)
        except (SpoolError, OSError) as error:
            logger.debug("The rank could not show that it lives: %s", error)

    def _tell_of_rank(self, rank: int, said: str | None) -> None:
        self._set("tags", {f"edgerun.rank.{rank}": said})

    def _wake(self) -> None:
        if self._courier is not None:
            self._courier.wake()

    def _log_what_will_do(self, metrics: Any, step: Any, timestamp: Any) -> None:
        """Logs those of some metrics that can be logged, and says what is wrong with the others."""
        try:
            if step is not None and not is_step(step):
                step = int(step)
                if not is_step(step):
                    return self._lose(metrics, f"{step} is no step: it does not fit 64 bits", "step")
                self._steps = itertools.count(step + 1)
            moment = time.time_ns() // 1_000_000 if timestamp is None else round(float(timestamp) * 1000)
            if not is_moment(moment):
                why = f"{timestamp} is no time in seconds of the years 1 to 9999"
                return self._lose(metrics, why, "timestamp")
            if step is None:
                step = next(self._steps)
            good: dict[str, float] = {}
            for name, value in dict(metrics).items():
                fault = name_fault(name)
                if fault is not None:
                    warn_once(
                        f"name {name!r}", f"A metric is not logged: the name {str(name)[:80]!r} {fault}"
                    )
                    continue
                try:
                    good[name] = _number(value)
                except Exception:
                    warn_once(
                        f"value {name}",
                        f"{name!r} is not logged where it is no number; first it was of {type(value).__name__}",
                    )
            if good:
                self._append(good, step, moment)
        except Exception as error:
            self._lose(metrics, str(error))

    def _lose(self, metrics: Any, why: str, key: str | None = None) -> None:
        self._dropped += len(metrics) if isinstance(metrics, Mapping) else 1
        if self._writer is not None:
            self._writer.is_short_of_room = True
        warn_once(f"lost: {key or why}", f"Points are lost: {why}", level=logging.ERROR)
        if self._dropped & (self._dropped - 1) == 0:
            say(logging.ERROR, "%s points are lost by now: %s", self._dropped, why)

    def _set(self, key: str, values: dict[str, Any]) -> dict[str, Scalar]:
        removed = [name for name, value in values.items() if value is None and key == "tags"]
        kept, refused = named(
            {name: value for name, value in values.items() if name not in removed},
            PARAM_LENGTH if key == "params" else TAG_LENGTH,
        )
        for name in refused:
            warn_once(f"{key} {name}", f"{name[:80]!r} cannot be a name among {key}")
        change: dict[str, Any] = {**kept, **{str(name): None for name in removed}}
        # Every rank runs the same code; the params are those of rank 0.
        if change and (key == "tags" or self.rank == 0):
            self._once({"kind": "change", "change": {key: change}})
        return kept

    def _once(self, content: dict[str, Any]) -> None:
        """Has something done once."""
        if self.mode == "disabled":
            return
        try:
            self._open().append_json(content)
        except Exception as error:
            warn_once(f"once: {error}", f"It is not logged: {error}")

    def _log_file_quietly(self, path: str, name: str) -> None:
        try:
            self._log_file(path, name)
        except Exception as error:
            warn_once(f"artifact {path}", f"The artifact {path} is not logged: {error}")

    def _log_file(self, path: str, name: str) -> None:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is neither a file nor a folder")
        size = found.st_size
        writer, courier = self._open_files()
        content: dict[str, Any] = {"kind": "artifact", "name": name, "path": path}
        if size <= COPIED_BYTES and self._copied + size <= self._config["max_bytes"]:
            copy = os.path.join("files", uuid.uuid4().hex)
            if _copy(path, os.path.join(writer.folder, copy)):
                self._copied += size
                content = {"kind": "artifact", "name": name, "path": copy, "copied": True}
        writer.append_json(content)
        courier.wake()

    def _open_files(self) -> tuple[StreamWriter, Courier]:
        """Artifacts have a stream and a thread of their own, so that points do not wait for them."""
        with self._opening:
            own = self._open()
            if self._files is None:
                head = dict(own.head, role="files")
                writer = StreamWriter(own.folder, head)
                api = self._api()
                delivery = None if api is None else Delivery(api, head, own.folder, is_live=True)
                sender = Sender(StreamReader(_stream_of(writer), writer), delivery, writer=writer)
                courier = Courier(sender, name="edgerun-artifacts")
                self._files = writer, courier
                courier.start()
            return self._files

    def _end(self, status: str, why: str | None = None) -> None:
        """Writes into the spool how the run ended; nothing is logged after that.

        Args:
            why: It failed; for its tags.
        """
        if self._is_finishing:
            return
        try:
            # A signal that comes meanwhile does not call them again.
            cleanups, self._cleanups = self._cleanups, []
            for cleanup in cleanups:
                cleanup()
            if self.mode != "disabled" and self._writer is not None:
                self._write_end(status, why)
        except Exception as error:
            warn_once("finish", f"The run could not be finished: {error}")
        self._is_finishing = True
        self._append = self._append_late
        for writer, courier in self._streams():
            writer.close()
            if courier is not None:
                courier.hasten()

    def _streams(self) -> list[tuple[StreamWriter, Courier | None]]:
        """The stream of points and the one of artifacts, as far as they have begun."""
        points = [] if self._writer is None else [(self._writer, self._courier)]
        return [*points, *([] if self._files is None else [self._files])]

    def _write_end(self, status: str, why: str | None) -> None:
        # How a child ends is its parent's business: data loaders are ended by signals.
        if not self._is_child:
            self._show_life(0.0)
            if self._dropped:
                self.tags[f"edgerun.lost.{self.rank}"] = self._dropped
            if self.rank == 0:
                if why is not None:
                    self.tags["edgerun.failure"] = why
                ended = time.time_ns() // 1_000_000
                self._once({"kind": "change", "change": {"status": status, "ended_at": ended}})
            elif status != "completed":
                how = f"ended as {status}" if why is None else f"failed: {why}"
                self._tell_of_rank(self.rank, f"attempt {self.attempt} {how}")
        self._once({"kind": "end"})
        restart = self._config["restart"]
        if status == "completed" and restart is not None and self._writer is not None and not self._is_child:
            with suppress(OSError):
                Attempts(self._writer.folder, self.rank).end(restart)

    def _drain(self, deadline: float) -> None:
        """Waits, once, until the tracker has everything.

        Args:
            deadline: When to wait no more, as `time.monotonic` counts.
        """
        if self._is_drained:
            return
        try:
            for writer, courier in self._streams():
                if courier is not None and not courier.drain(deadline):
                    self._tell_what_is_left(writer.folder, courier.own.failure)
        finally:
            # Whoever interrupts this, as by Ctrl-C, does not want it again when the process ends. Only now: a signal that
            # comes meanwhile waits in here for its own time.
            self._is_drained = True

    def _tell_what_is_left(self, folder: str, failure: Exception | None) -> None:
        # The next run may have another key, and does not send with it what this one was refused.
        is_barred = isinstance(failure, ApiError) and failure.status in (401, 403)
        by = "" if is_barred else "the next run, or by: "
        warn_once(
            f"left {self.id}",
            f"The tracker does not have all that was logged ({failure or 'it takes longer'}). It stays "
            f"in {folder} and is sent by {by}edgerun sync {folder}",
        )

    def _append_late(self, metrics: Mapping[str, Any], step: int, moment: int) -> None:
        raise SpoolError("the run has been finished")

    def _after_fork_in_child(self) -> None:
        """Makes the run of a parent one of this process, which has a stream of its own as soon as it logs."""
        if self.mode == "disabled":
            return
        self._pid = os.getpid()
        self._opening = threading.RLock()
        self._is_child = True
        self._creation = None
        for writer, courier in self._streams():
            if courier is not None:
                courier.let_go()
            writer.abandon()
        self._writer = self._courier = self._files = None
        self._cleanups = []
        if not self._is_finishing:
            self._append = self._append_first


class _Writer(StreamWriter):
    """A stream of points whose names are looked at when they are new."""

    def _append_new(self, segment: Segment, metrics: Mapping[str, Any], step: int, milliseconds: int) -> None:
        for name in metrics:
            if name_fault(name) is not None:
                raise ValueError(name)
        super()._append_new(segment, metrics, step, milliseconds)


def _copy(path: str, copy: str) -> bool:
    """Copies a file; gives whether there was room for it."""
    os.makedirs(os.path.dirname(copy), mode=0o700, exist_ok=True)
    try:
        shutil.copyfile(path, copy)
    except OSError as error:
        logger.debug("%s cannot be copied into the spool: %s", path, error)
        with suppress(OSError):
            os.unlink(copy)
        return False
    return True


def _number(value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError
    return float(value)


def _stream_of(writer: StreamWriter) -> Stream:
    return Stream(writer.folder, writer.name, writer.head["rank"], writer.head["attempt"])


class _Rounds:
    """What a process does from time to time: shows that its rank lives, and looks for what ended processes have left.

    At first that may be anything in the spool; later what the process beside it in the run left; and at the end, what any
    other did, such as children of its own.
    """

    def __init__(self, run: Run, own: str, api: Api | None) -> None:
        self._run = run
        self._own = own
        self._root: str = run._config["root"]
        self._folder = os.path.join(self._root, run.id)
        self._is_first = True
        self._next_sign = 0.0
        self._api = api
        self._watch: watch.Watch | None = None
        if api is not None and run.rank == 0 and run.world_size > 1 and not run._is_child:
            self._watch = watch.Watch(api, run.id, run._tell_of_rank)

    def __call__(self) -> Iterable[Sender]:
        if time.monotonic() >= self._next_sign and not self._run._is_finishing:
            self._next_sign = time.monotonic() + watch.EVERY
            self._run._show_life(1.0)
        if self._api is None:
            return []
        if self._watch is not None and not self._run._is_finishing:
            self._watch.look()
        return self._senders(self._api, self._streams())

    def _senders(self, api: Api, streams: list[Stream]) -> Iterator[Sender]:
        for stream in streams:
            try:
                if not stream.is_own():
                    continue
                sender = adopted(stream, api, partial(self._may_adopt, stream), self._is_outdated)
            except Exception as error:
                logger.debug("The stream %s cannot be sent: %s", stream.name, error)
                continue
            if sender is not None:
                yield sender

    def _streams(self) -> list[Stream]:
        is_first, self._is_first = self._is_first, False
        run = self._run
        if is_first and run.local_rank == 0 and not run._is_child:
            folders = run_folders(self._root)
            for folder in folders:
                tidy_folder(folder)
            found = [stream for folder in folders for stream in streams_of(folder)]
        elif is_first or run._is_finishing:
            found = streams_of(self._folder)
        else:
            beside = neighbour(self._folder, self._own)
            found = [beside] if beside is not None else []
        return [stream for stream in found if stream.name != self._own]

    def _may_adopt(self, stream: Stream, head: Mapping[str, Any]) -> bool:
        if not self._is_ours(head):
            return False
        return head.get("host") == socket.gethostname() or time.time() - stream.modified() > LEFT_AFTER

    def _is_outdated(self, head: Mapping[str, Any]) -> bool:
        return bool(head["run"] == self._run.id and head["attempt"] < self._run.attempt)

    def _is_ours(self, head: Mapping[str, Any]) -> bool:
        # Another key may be for another workspace, in which the run would be created a second time.
        own = self._run._config["head"]
        return head.get("mode") == "online" and all(head.get(key) == own[key] for key in ("uri", "key"))


#: Runs of other processes that this one logs to: one of each, however often it is handed over.
_attached: dict[tuple[Any, ...], Run] = {}


def _attach(config: Mapping[str, Any], key: str | None) -> Run:
    """A run that another process has begun."""
    head = config["head"]
    own = (head["run"], head["rank"], head["attempt"], config["root"], config["mode"])
    run = _attached.get(own)
    if run is None or run._is_finishing:
        run = _attached[own] = Run(config, key=key, is_child=True)
        hooks.watch(run)
    return run


_inits = itertools.count()


def init(
    experiment: str,
    *,
    owner: str | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    seed: int | None = None,
    uri: str | None = None,
    key: str | None = None,
    run_id: str | uuid.UUID | None = None,
    mode: str | None = None,
    rank: int | None = None,
    world_size: int | None = None,
    attempt: int | None = None,
    system_metrics: bool = True,
    spool: str | None = None,
    heartbeat_timeout: int | None = HEARTBEAT_TIMEOUT,
) -> Run:
    """Begins a run, or goes on with the one of this job, and returns at once, whether or not there is a tracker.

    Args:
        experiment: Its name, or the id of one that is there. A name stands for the owner's oldest experiment of that name,
            which is created with its first run.
        owner: Of the experiment; the user of this process where left out.
        name: Of the run.
        params: What it is made with. Mappings within mappings become names with dots.
        tags: What else is said of it.
        seed: Of its random numbers.
        uri: The address of the tracker; ``EDGERUN_URI`` where left out.
        key: An API key; ``EDGERUN_KEY`` where left out.
        run_id: The run's id: a UUID, or any text that stands for one. Where it is left out it comes from the job's id
            (``EDGERUN_JOB``, torchrun, SLURM and others), so that all ranks and attempts log to one run; and is random
            where there is no job.
        mode: ``online``, ``offline`` (all stays in the spool until ``edgerun sync``) or ``disabled`` (nothing is logged);
            ``EDGERUN_MODE`` where left out.
        rank: Which process of the job this is; as torchrun, SLURM, MPI or JAX say where left out.
        world_size: How many processes there are, likewise.
        attempt: How often the job was restarted; by its scheduler's count, or the spool's, where left out.
        system_metrics: Whether the first process of a machine logs what the machine does.
        spool: The folder for what is not sent yet; ``EDGERUN_SPOOL`` where left out, or one in the user's home.
        heartbeat_timeout: After how many seconds without a sign of life the tracker takes the run for failed; None for
            never; 15 to 604,800.

    Raises:
        ValueError: An argument makes no sense.
    """
    mode = mode or os.environ.get("EDGERUN_MODE") or "online"
    if mode not in MODES:
        raise ValueError(f"The mode is one of {', '.join(MODES)}, not {mode!r}")
    if not experiment or len(experiment) > 100 or "\0" in experiment:
        raise ValueError("The name of an experiment has 1 to 100 characters, and no NUL among them")
    for what, given in (("params", params), ("tags", tags)):
        if given is not None and not isinstance(given, Mapping):
            raise ValueError(f"{what} are a mapping, as vars(args) is one; {type(given).__name__} is none")
    if heartbeat_timeout is not None and not (
        15 <= heartbeat_timeout <= 604_800 and heartbeat_timeout == int(heartbeat_timeout)
    ):
        raise ValueError("A heartbeat_timeout is 15 seconds to a week, in whole seconds, or None")
    key = default_key(key)
    address = default_uri(uri) if mode == "disabled" else Api(uri, key).uri
    ranks = find_ranks(rank, world_size)
    experiment_head = _experiment(experiment, owner)
    root = _root(spool) if mode != "disabled" else ""
    asked_id = None if run_id is None else str(run_id)
    found_id, is_lasting, restart = _run_id(asked_id, experiment_head["id"], ranks, root)
    if attempt is None:
        attempt = _attempt(os.path.join(root, found_id), ranks, is_lasting) if root else 0
    if attempt < 0:
        raise ValueError(f"Attempts are counted from 0; {attempt} is none")
    config = {
        "uri": address,
        "mode": mode,
        "root": root,
        "local_rank": ranks.local_rank,
        "restart": restart,
        "max_bytes": _max_bytes(),
        "head": {
            "version": 1,
            "run": found_id,
            "experiment": experiment_head,
            "rank": ranks.rank,
            "world_size": ranks.world_size,
            "attempt": attempt,
            "heartbeat_timeout": None if heartbeat_timeout is None else int(heartbeat_timeout),
            "uri": address,
            "key": _fingerprint(key),
            "mode": mode,
            "started": time.time_ns() // 1_000_000,
        },
    }
    run = Run(config, key=key)
    if mode == "disabled":
        run.params._values.update(named(params or {}, PARAM_LENGTH)[0])
        run.tags._values.update(named(tags or {}, TAG_LENGTH)[0])
        return run
    hooks.watch(run)
    _create(run, name, seed, params or {}, tags or {})
    if system_metrics and ranks.local_rank == 0:
        _start_system_metrics(run)
    return run


def _max_bytes() -> int:
    text = os.environ.get("EDGERUN_SPOOL_MAX_BYTES") or str(MAX_BYTES)
    if not text.strip().isdecimal():
        raise ValueError(f"EDGERUN_SPOOL_MAX_BYTES is a number of bytes, not {text!r}")
    return int(text)


def _fingerprint(key: str | None) -> str:
    """What tells keys apart, and tells nothing of them."""
    return hashlib.sha256(f"edgerun spool {key}".encode()).hexdigest()[:12] if key else ""


def _create(
    run: Run, name: str | None, seed: int | None, params: Mapping[str, Any], tags: Mapping[str, Any]
) -> None:
    """Has rank 0 create the run; the other ranks only begin their streams."""
    kept = {}
    for key, values, longest in (("params", params, PARAM_LENGTH), ("tags", tags, TAG_LENGTH)):
        kept[key], refused = named(values, longest)
        for fault in refused:
            warn_once(f"{key} {fault}", f"{fault[:80]!r} cannot be a name among {key}")
    run.params._values.update(kept["params"])
    run.tags._values.update(kept["tags"])
    if seed is not None and abs(seed) > MAX_SAFE:
        # The tracker's seeds are numbers of JSON; those of PyTorch may have 64 bits.
        kept["params"].setdefault("seed", str(seed))
        seed = None
    if run.rank == 0:
        started = run._config["head"]["started"]
        run._creation = {
            "kind": "create",
            "name": None if name is None else storable(str(name), NAME_LENGTH) or None,
            "seed": None if seed is None else int(seed),
            "started_at": started,
            **kept,
        }
    try:
        run._open()
    except Exception as error:
        warn_once("spool", f"Nothing is logged: the spool cannot be written: {error}", level=logging.ERROR)
        run.mode = "disabled"
        run._append = run._append_nothing


def _experiment(experiment: str, owner: str | None) -> dict[str, str]:
    """What the stream says of the experiment: its id, and for one by name how to create it."""
    known = as_uuid(experiment)
    if known is not None:
        return {"id": known}
    if not owner:
        try:
            owner = getpass.getuser()
        except (KeyError, OSError, ImportError):
            owner = "unknown"
    owner = owner[:50]
    return {"id": derived("experiment", owner, experiment), "name": experiment, "owner": owner}


def _run_id(run_id: str | None, experiment: str, ranks: Ranks, root: str) -> tuple[str, bool, str | None]:
    """The run's id, whether another attempt of the job would have it again, and for one of several of a job its start."""
    number = next(_inits)
    run_id = run_id or os.environ.get("EDGERUN_RUN_ID")
    if run_id:
        return as_uuid(run_id) or derived("run", experiment, run_id), True, None
    job = find_job()
    if job is None:
        job = find_siblings(ranks)
    if job is not None:
        # A process that begins several runs, one after another, begins as many in each rank and attempt.
        found = derived("job", job, experiment, str(number))
        if ranks.world_size > 1 or job.startswith("edgerun:"):
            return found, True, None
        # So does a script that starts one process after another: what one has completed is no earlier attempt of the next.
        restart = find_restart()
        while root and Attempts(os.path.join(root, found), ranks.rank).ended() == restart:
            number = next(_inits)
            found = derived("job", job, experiment, str(number))
        return found, True, restart
    if ranks.world_size > 1:
        warn_once(
            "no job",
            f"Nothing tells the {ranks.world_size} ranks of this job which run is theirs, so each logs to one of its own: "
            "set EDGERUN_JOB to the same text for all of them",
        )
    return new_id(), False, None


def _attempt(folder: str, ranks: Ranks, is_lasting: bool) -> int:
    counted = find_attempt()
    if counted is not None:
        return counted
    if not is_lasting:
        return 0
    try:
        return Attempts(folder, ranks.rank).next()
    except OSError as error:
        warn_once("attempts", f"Attempts cannot be counted: {error}")
        return 0


def _root(folder: str | None) -> str:
    """The folder of spools that is used."""
    asked = os.path.abspath(os.path.expanduser(folder)) if folder else default_root()
    try:
        root, fault = usable_root(asked)
    except OSError as error:
        root, fault = asked, str(error)
    if fault:
        warn_once(
            "root",
            f"The spool {asked} cannot be used ({fault}); {root} is taken, which may not outlive a reboot",
        )
    return root


def _start_system_metrics(run: Run) -> None:
    try:
        from . import system

        run._cleanups.append(system.start(run))
    except Exception as error:
        warn_once("system", f"What the machine does is not logged: {error}")
