"""The spool: where points and all else that a process logs lie until the tracker has stored them.

A run has a folder, named by its id. Every process that logs has a *stream* in it, which nobody else writes:

====================  ==================================================================================
``NAME.000000.wal``   segments, each a sequence of frames that are only ever appended
``NAME.ack``          up to which place the tracker has everything; missing or broken, from the beginning
``NAME.lock``         locked while somebody writes or sends the stream; a killed process leaves it unlocked
``files/``            copies of artifacts, which the streams refer to
====================  ==================================================================================

A frame is ``magic (2 bytes) | length (4) | CRC-32 of the payload (4) | payload``, all little-endian. The payload's first
byte says what it is:

- ``P`` one call of ``log``: schema (uint32), step (int64), epoch milliseconds (int64), a double for each name;
- ``S`` a schema: its number (uint32), and the names as a JSON list. It may come again; it stands before its points;
- ``J`` anything else, as a JSON object: the head of each segment, and what is done once.

So nothing that was written in part is ever sent: it has no valid checksum. Whoever reads goes on at the next frame that
has one. Segments stand for themselves, and are deleted as soon as the tracker has what is in them.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import stat
import struct
import sys
import tempfile
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Callable, NamedTuple
from zlib import crc32

from .errors import SpoolError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MAGIC = b"\xed\x9e"
_HEAD = struct.Struct("<2sII")
_PREFIX = struct.Struct("<2sI")
_POINT_HEAD = struct.Struct("<cIqq")
_NUMBER = struct.Struct("<I")

#: No frame is longer; a length beyond it is damage.
MAX_FRAME = 8 * 1024 * 1024

#: How much is read at a time.
WINDOW = 1024 * 1024

#: About how long the pieces are of what is too long for one frame; and what of it may come in pieces.
_PIECE = 1024 * 1024
_NAMED = ("params", "tags")

#: A segment is followed by another one when it is this long, or has so many schemas.
SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENT_SCHEMAS = 4_096

#: How much of it may be unsent before the sender is woken ahead of its time.
NUDGE_BYTES = 256 * 1024

#: How much that is done once may wait in memory where the disk takes nothing.
_MAX_PENDING = 1_000

#: What a spool may take on disk, for each process that logs.
MAX_BYTES = 2 * 1024 * 1024 * 1024

_ACK = struct.Struct("<IQ")
_SEGMENT_NAME = re.compile(r"(?P<stream>r(?P<rank>\d+)-a(?P<attempt>\d+)-[0-9a-z-]+)\.(?P<index>\d{6,})\.wal")

#: Where references are not counted, a thread may take so long between looking up a segment and having written to it, in
#: seconds: beyond all reason.
_COUNTS_REFERENCES = sys.implementation.name == "cpython"
_LATE = 60.0

_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_structs: dict[int, struct.Struct] = {}


def frame(payload: bytes) -> bytes:
    """A payload, framed."""
    return _HEAD.pack(MAGIC, len(payload), crc32(payload)) + payload


def json_frame(content: Any) -> bytes:
    return frame(b"J" + json.dumps(content, separators=(",", ":")).encode())


def _pieces(content: Any) -> Iterator[Any]:
    """The same as one thing or several, none of which is longer than a frame: params and tags can be set bit by bit.

    Raises:
        SpoolError: It cannot be told in pieces.
    """
    if _length(content) < MAX_FRAME:
        yield content
        return
    is_change = content["kind"] == "change"
    whole = content["change"] if is_change else content
    named = {key: values for key, values in whole.items() if key in _NAMED}
    rest = {key: value for key, value in whole.items() if key not in _NAMED}
    longest = max((_length(item) for values in named.values() for item in values.items()), default=0)
    if max(longest, _length(rest)) > _PIECE:
        raise SpoolError(f"{content['kind']!r} has more than {MAX_FRAME} bytes")
    if not is_change:
        yield rest
    elif rest:
        yield {"kind": "change", "change": rest}
    for key, values in named.items():
        piece: dict[str, Any] = {}
        size = 0
        for name, value in values.items():
            length = _length((name, value))
            if piece and size + length > _PIECE:
                yield {"kind": "change", "change": {key: piece}}
                piece, size = {}, 0
            piece[name] = value
            size += length
        if piece:
            yield {"kind": "change", "change": {key: piece}}


def _length(content: Any) -> int:
    return len(json.dumps(content, separators=(",", ":")))


def point_struct(count: int) -> struct.Struct:
    """The payload of a call that logs so many names."""
    found = _structs.get(count)
    if found is None:
        found = _structs[count] = struct.Struct(f"<cIqq{count}d")
    return found


def default_root() -> str:
    """Where spools lie: ``EDGERUN_SPOOL``, or a folder for the state of programs that outlives a reboot."""
    named = os.environ.get("EDGERUN_SPOOL")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "edgerun", "spool")


def usable_root(root: str) -> tuple[str, str | None]:
    """A root that can be written, and what is wrong with the one that was asked for if it is another."""
    try:
        os.makedirs(root, mode=0o700, exist_ok=True)
        if os.access(root, os.W_OK | os.X_OK):
            return root, None
        fault = "may not be written"
    except OSError as error:
        fault = str(error)
    own = os.path.join(tempfile.gettempdir(), f"edgerun-spool-{os.getuid() if hasattr(os, 'getuid') else ''}")
    os.makedirs(own, mode=0o700, exist_ok=True)
    found = os.lstat(own)
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise OSError(f"{own} belongs to somebody else, and {root} {fault}")
    return own, fault


class Lock:
    """A lock on a file, held until it is released or the process ends, however it ends."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd: int | None = fd

    @classmethod
    def take(cls, path: str, *, own: bool = False) -> Lock | None:
        """The lock, or None while somebody else has it. Creates the file.

        Some file systems of clusters have no locks. There a stream of one's own counts as locked, and one of others too.
        """
        for _ in range(10):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
            try:
                if sys.platform == "win32":
                    msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
                else:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it before may have removed the file: then this is a lock on nothing.
                if os.stat(path).st_ino == os.fstat(fd).st_ino:
                    return cls(path, fd)
            except FileNotFoundError:
                pass
            except OSError as error:
                if own and error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                    return cls(path, fd)
                os.close(fd)
                return None
            os.close(fd)
        return None

    def release(self, *, remove: bool = False) -> None:
        if self._fd is None:
            return
        if remove:
            with suppress(OSError):
                os.unlink(self.path)
        fd, self._fd = self._fd, None
        os.close(fd)


class Segment:
    """The file that is being appended to. It is closed when nobody refers to it any more, which the reader waits for."""

    __slots__ = (
        "__weakref__",
        "_close",
        "fd",
        "head",
        "index",
        "mark",
        "path",
        "pending",
        "numbers",
        "schemas",
        "size",
    )

    def __init__(self, path: str, index: int, head: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | _FLAGS
        self._close = os.close
        self.fd = -1
        self.fd = os.open(path, flags, 0o600)
        self.path = path
        self.index = index
        #: Where the writer looks up from its work; see `StreamWriter.set_marks`.
        self.mark = 0
        #: About its length: threads that write at the same time may forget to count each other.
        self.size = 0
        #: By names, in their order: what stands before each of its points, how they are packed, and its number.
        self.schemas: dict[tuple[str, ...], tuple[bytes, Callable[..., bytes], int]] = {}
        #: Numbers of schemas that may not be written yet.
        self.pending: dict[tuple[str, ...], int] = {}
        self.numbers = itertools.count()
        #: What it begins with, until that could be written: a disk that is full takes a file, but nothing in it.
        self.head: bytes | None = head
        self.begin()

    def begin(self) -> None:
        """Writes what the segment begins with, if that has not been done."""
        if self.head is not None:
            with suppress(OSError, SpoolError):
                self.write(self.head)
                self.head = None

    def write(self, data: bytes) -> None:
        """Appends, with one system call: what is written at once is in one piece, whoever else writes."""
        written = os.write(self.fd, data)
        self.size += written
        if written != len(data):
            raise SpoolError("the disk is full")

    def __del__(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self._close(fd)


class StreamWriter:
    """Appends to a stream. Any thread may, at any time, also in the middle of another call; there is no lock.

    Args:
        folder: That of the run.
        head: What each segment begins with.
        wake: Called when a lot is waiting to be sent.
    """

    def __init__(
        self,
        folder: str,
        head: Mapping[str, Any],
        *,
        max_bytes: int = MAX_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = f"r{head['rank']:06d}-a{head['attempt']:04d}-{uuid.uuid4().hex[:16]}"
        self.folder = folder
        self.head = dict(head, kind="head")
        self._wake = wake
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max(max_bytes // 4, 4_096))
        self.lock = self._take_lock()
        self._segment: Segment | None = self._create(0)
        if self._segment.head is not None:
            self.lock.release(remove=True)
            os.unlink(self._segment.path)
            raise SpoolError("the disk is full")
        #: Whether something could not be written since the last segment began.
        self.is_short_of_room = False
        #: What is done once and could not be written: the sender takes it from here.
        self.pending: deque[Any] = deque()
        #: What is not written to any more, but by threads that have looked it up before: number, segment, and since when.
        self._retired: list[tuple[int, weakref.ref[Segment], float]] = []
        #: For what changes the segment in use; a signal may come in the middle of it. `append` does not take it.
        self._switch = threading.RLock()
        self._allowed = max_bytes
        #: The number of the segment in use, or of the last one.
        self.index = 0
        self.set_marks(0, 0)

    def append(self, metrics: Mapping[str, Any], step: int, milliseconds: int) -> None:
        """Appends one call of ``log``. When it returns, the points outlive the process.

        Raises:
            SpoolError: They could not be written, or would take more than the spool may.
            struct.error, TypeError, OverflowError, ValueError: A value is no number, or a step no int64.
        """
        segment = self._segment
        if segment is None:
            raise SpoolError("the run has been finished")
        schema = segment.schemas.get(tuple(metrics))
        if schema is None:
            self._append_new(segment, metrics, step, milliseconds)
            return
        prefix, pack, number = schema
        payload = pack(b"P", number, step, milliseconds, *metrics.values())
        data = prefix + crc32(payload).to_bytes(4, "little") + payload
        if segment.size >= segment.mark:
            self._look_up(segment)
        written = os.write(segment.fd, data)
        segment.size += written
        if written != len(data):
            raise SpoolError("the disk is full")

    def append_json(self, content: Any) -> None:
        """Appends something that is done once, in several pieces where it is long. Where there is no room for it, it waits
        in memory to be sent.

        Raises:
            SpoolError: The stream is closed, too much is waiting already, or it is too long.
        """
        for piece in _pieces(content):
            self._append_piece(piece)

    def _append_piece(self, content: Any) -> None:
        segment = self._segment
        if segment is None:
            raise SpoolError("the run has been finished")
        try:
            # What came before has to be done before.
            if not self.pending:
                segment.write(json_frame(content))
                return
        except (OSError, SpoolError):
            self.is_short_of_room = True
        if len(self.pending) >= _MAX_PENDING:
            raise SpoolError("the disk is full")
        self.pending.append(content)

    def _append_new(self, segment: Segment, metrics: Mapping[str, Any], step: int, milliseconds: int) -> None:
        """Appends the first points of a schema, and the schema before them, in one piece.

        Another thread that comes meanwhile does the same: a schema counts as written only when it is.
        """
        names = tuple(metrics)
        if not names:
            return
        number = segment.pending.setdefault(names, next(segment.numbers))
        packing = point_struct(len(names))
        payload = packing.pack(b"P", number, step, milliseconds, *metrics.values())
        schema = b"S" + _NUMBER.pack(number) + json.dumps(names).encode()
        if max(len(schema), len(payload)) > MAX_FRAME:
            raise ValueError("there are too many metrics in one call")
        if segment.size >= segment.mark:
            self._look_up(segment)
        segment.write(frame(schema) + frame(payload))
        segment.schemas[names] = (_PREFIX.pack(MAGIC, len(payload)), packing.pack, number)

    def _look_up(self, segment: Segment) -> None:
        if segment.size >= self._allowed:
            raise SpoolError(f"the spool has reached its limit of {self._max_bytes} bytes")
        segment.mark = self._allowed
        self._wake()

    def set_marks(self, sent: int, elsewhere: int) -> None:
        """Says how much of the segment in use is sent, and what the other segments take."""
        segment = self._segment
        self._allowed = self._max_bytes - elsewhere
        if segment is not None:
            segment.mark = min(self._allowed, sent + NUDGE_BYTES)

    def rotate(self, *, force: bool = False) -> bool:
        """Begins another segment where it is time. The sender's thread does, between two of its batches."""
        with self._switch:
            segment = self._segment
            if segment is None:
                return False
            segment.begin()
            if not force and segment.size < self._segment_bytes and len(segment.schemas) < SEGMENT_SCHEMAS:
                return False
            self.is_short_of_room = False
            following = self._create(self.index + 1)
            following.mark = segment.mark
            self._retire(segment)
            self.index += 1
            self._segment = following
            return True

    def close(self) -> None:
        """Takes no more. What other threads are just writing still comes."""
        with self._switch:
            segment, self._segment = self._segment, None
            if segment is not None:
                self._retire(segment)

    def _retire(self, segment: Segment) -> None:
        self._retired.append((segment.index, weakref.ref(segment), time.monotonic()))

    @property
    def closed(self) -> bool:
        return self._segment is None

    def is_complete(self, index: int) -> bool:
        """Whether nothing more comes into a segment."""
        if index > self.index or (index == self.index and self._segment is not None):
            return False
        with self._switch:
            now = time.monotonic()
            self._retired = [
                (number, reference, since)
                for number, reference, since in self._retired
                if reference() is not None and (_COUNTS_REFERENCES or now - since < _LATE)
            ]
            return all(number != index for number, _, _ in self._retired)

    def is_last(self, index: int) -> bool:
        return index >= self.index and self._segment is None

    def touch(self) -> None:
        """Shows other hosts that it is still written, though nothing may come."""
        segment = self._segment
        if segment is not None:
            with suppress(OSError):
                os.utime(segment.fd)

    def abandon(self) -> None:
        """In a child that was forked: lets go of what is the parent's."""
        self._segment = None
        self.lock.release()

    def _take_lock(self) -> Lock:
        for _ in range(10):
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            # Another process may have just sent all there was in the folder, and removed it.
            with suppress(FileNotFoundError):
                lock = Lock.take(os.path.join(self.folder, f"{self.name}.lock"), own=True)
                if lock is not None:
                    return lock
        raise SpoolError(f"{self.folder} cannot be locked")

    def _create(self, index: int) -> Segment:
        path = os.path.join(self.folder, f"{self.name}.{index:06d}.wal")
        return Segment(path, index, json_frame(self.head))


class Stream(NamedTuple):
    """A stream as it lies on disk."""

    folder: str
    name: str
    rank: int
    attempt: int

    @property
    def lock_path(self) -> str:
        return os.path.join(self.folder, f"{self.name}.lock")

    @property
    def ack_path(self) -> str:
        return os.path.join(self.folder, f"{self.name}.ack")

    def path(self, index: int) -> str:
        return os.path.join(self.folder, f"{self.name}.{index:06d}.wal")

    def indexes(self) -> list[int]:
        """The numbers of its segments, in order."""
        found = []
        # Where the folder cannot be read for another reason, it is not known that there are none.
        with suppress(FileNotFoundError):
            for file in os.listdir(self.folder):
                match = _SEGMENT_NAME.fullmatch(file)
                if match and match["stream"] == self.name:
                    found.append(int(match["index"]))
        return sorted(found)

    def modified(self) -> float:
        """When something last came into it, in seconds since the epoch."""
        return max((os.stat(self.path(index)).st_mtime for index in self.indexes()[-1:]), default=0.0)

    def is_own(self) -> bool:
        """Whether all of it was written by this user. What others have written might name any file of this one."""
        if not hasattr(os, "getuid"):
            return True
        return all(os.stat(self.path(index)).st_uid == os.getuid() for index in self.indexes())

    def head(self) -> dict[str, Any] | None:
        """What its first readable segment begins with."""
        for index in self.indexes():
            with suppress(OSError), open(self.path(index), "rb") as file:
                for _, payload in frames(file.read(WINDOW)):
                    if payload[:1] == b"J":
                        found = json.loads(payload[1:])
                        if isinstance(found, dict) and found.get("kind") == "head":
                            return found
        return None


def streams_of(folder: str) -> list[Stream]:
    """The streams of a run, by name."""
    found = {}
    with suppress(OSError):
        for file in os.listdir(folder):
            match = _SEGMENT_NAME.fullmatch(file)
            if match:
                name = match["stream"]
                found[name] = Stream(folder, name, int(match["rank"]), int(match["attempt"]))
    return [found[name] for name in sorted(found)]


def run_folders(root: str) -> list[str]:
    """The folders of runs in a spool. A folder of one run is a spool as well."""
    if streams_of(root):
        return [root]
    found = []
    with suppress(OSError):
        for name in sorted(os.listdir(root)):
            folder = os.path.join(root, name)
            if os.path.isdir(folder):
                found.append(folder)
    return found


def frame_at(data: bytes, at: int) -> tuple[bytes | None, int]:
    """The payload of the frame at a place, None where there is no whole and sound one; and how many bytes it would take."""
    if len(data) - at < _HEAD.size:
        return None, _HEAD.size
    magic, length, checksum = _HEAD.unpack_from(data, at)
    if magic != MAGIC or length == 0 or length > MAX_FRAME:
        return None, 0
    payload = data[at + _HEAD.size : at + _HEAD.size + length]
    if len(payload) == length and crc32(payload) == checksum:
        return payload, _HEAD.size + length
    return None, _HEAD.size + length


def next_frame(data: bytes, at: int) -> int:
    """Where the next sound frame begins, at or behind a place; -1 where none does."""
    while True:
        at = data.find(MAGIC, at)
        if at < 0 or frame_at(data, at)[0] is not None:
            return at
        at += 1


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """All sound frames of some bytes: where each begins, and its payload."""
    at = 0
    while True:
        payload, size = frame_at(data, at)
        if payload is None:
            at = next_frame(data, at + 1)
            if at < 0:
                return
            continue
        yield at, payload
        at += size


def _read_at(fd: int, size: int, at: int) -> bytes:
    os.lseek(fd, at, os.SEEK_SET)
    return os.read(fd, size)


def _next_in(fd: int, at: int) -> tuple[int, bytes] | None:
    """The next sound frame of a file at or behind a place. Slow; for what is not read in one go."""
    end = os.fstat(fd).st_size
    while at < end:
        data = _read_at(fd, WINDOW, at)
        payload, size = frame_at(data, 0)
        if payload is None and len(data) < size <= end - at:
            payload, size = frame_at(_read_at(fd, size, at), 0)
        if payload is not None:
            return at, payload
        found = next_frame(data, 1)
        if found >= 0:
            at += found
            continue
        # A frame may begin in this window and end behind it.
        begin = data.find(MAGIC, 1)
        at += begin if begin >= 0 else max(1, len(data) - 1)
    return None


def _learn(schemas: dict[int, list[str]], payload: bytes) -> None:
    schemas[_NUMBER.unpack_from(payload, 1)[0]] = json.loads(payload[5:])


class Position(NamedTuple):
    """A place in a stream: a segment, and bytes into it."""

    segment: int
    offset: int


Columns = tuple[list[int], list[float], list[int]]


class Chunk:
    """What is sent next: points, and then at most one thing that is not points."""

    def __init__(self, start: Position) -> None:
        #: By name: steps, values and epoch milliseconds.
        self.series: dict[str, Columns] = {}
        self.points = 0
        self.action: dict[str, Any] | None = None
        self.start = start
        #: Where what follows begins.
        self.end = start
        #: Bytes that are no sound frame.
        self.damaged = 0

    @property
    def empty(self) -> bool:
        return self.points == 0 and self.action is None

    def add(self, names: list[str], payload: bytes) -> None:
        """Adds the points of one call."""
        _, _, step, milliseconds, *values = point_struct(len(names)).unpack(payload)
        for name, value in zip(names, values):
            columns = self.series.get(name)
            if columns is None:
                columns = self.series[name] = ([], [], [])
            columns[0].append(step)
            columns[1].append(value)
            columns[2].append(milliseconds)
        self.points += len(names)


class StreamReader:
    """Reads a stream from where the tracker has it, while it is written or afterwards.

    Args:
        writer: Who writes it, in this process; None for a stream that nobody writes any more.
    """

    def __init__(self, stream: Stream, writer: StreamWriter | None = None) -> None:
        self.stream = stream
        self._writer = writer
        self._schemas: dict[int, list[str]] = {}
        self._fd = -1
        self._ack_fd = -1
        #: Up to where the disk has it, and the newest segment whose name it has.
        self._synced = Position(0, 0)
        self._synced_name = -1
        #: The number of the oldest segment that is left.
        self._first = 0
        self.position = Position(0, 0)
        self._begin()

    def read(self, max_points: int) -> Chunk:
        """What comes next, without going past it; of more points only when one call has more."""
        if self._fd < 0:
            # It may not have been there, or the file system may have failed.
            self._open(self.position)
        chunk = Chunk(self.position)
        while chunk.points < max_points and chunk.action is None:
            complete = self._is_complete(chunk.end.segment)
            if self._read_segment(chunk, max_points):
                continue
            if not complete or chunk.points >= max_points or chunk.action is not None:
                break
            following = self._following(chunk.end.segment)
            if following is None:
                break
            if not chunk.empty:
                # What is behind is another chunk, so that a segment can go when it is sent.
                break
            self._open(Position(following, 0))
            chunk.end = chunk.start = self.position
        return chunk

    def advance(self, position: Position) -> None:
        """Goes on behind what the tracker has; deletes segments that it has all of."""
        self.position = position
        self._save()
        for index in range(self._first, position.segment):
            with suppress(OSError):
                os.unlink(self.stream.path(index))
        self._first = position.segment

    def finished(self) -> bool:
        """Whether all was read that will ever be there."""
        index, offset = self.position
        if not self._is_complete(index):
            return False
        if self._following(index) is not None:
            return False
        if self._writer is not None and not self._writer.is_last(index):
            return False
        if self._fd >= 0:
            return self._next(offset) is None
        try:
            os.stat(self.stream.path(index))
        except FileNotFoundError:
            return True
        return False

    def disk_bytes(self) -> int:
        """How many bytes the stream takes, the segment that is written to left out."""
        total = 0
        for index in self._indexes():
            if self._writer is None or self._writer.closed or index < self._writer.index:
                with suppress(OSError):
                    total += os.stat(self.stream.path(index)).st_size
        return total

    def sync(self) -> None:
        """Sees to it that what was written outlives a loss of power, but for what the tracker has.

        Raises:
            OSError: It could not be done.
        """
        for index in self._indexes():
            if index >= max(self._synced.segment, self.position.segment):
                # One that is not there any more needs nothing.
                with suppress(FileNotFoundError):
                    self._sync_segment(index)

    def _sync_segment(self, index: int) -> None:
        safe = max(
            (place.offset for place in (self._synced, self.position) if place.segment == index), default=0
        )
        # Looked up first: what comes after is for another time.
        is_complete = self._is_complete(index)
        fd = os.open(self.stream.path(index), os.O_RDONLY | _FLAGS)
        try:
            size = os.fstat(fd).st_size
            if size > safe:
                os.fsync(fd)
        finally:
            os.close(fd)
        if size > safe and index > self._synced_name:
            # Its name as well, which lies in the folder.
            fd = os.open(self.stream.folder, os.O_RDONLY | _FLAGS)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            self._synced_name = index
        self._synced = Position(index + 1, 0) if is_complete else Position(index, size)

    def close(self) -> None:
        fds = (self._fd, self._ack_fd)
        # First: a number that is closed may at once be another file's.
        self._fd = self._ack_fd = -1
        for fd in fds:
            if fd >= 0:
                os.close(fd)

    def remove(self) -> None:
        """Deletes the stream, its lock left out."""
        self.close()
        for index in self.stream.indexes():
            with suppress(OSError):
                os.unlink(self.stream.path(index))
        with suppress(OSError):
            os.unlink(self.stream.ack_path)

    def _begin(self) -> None:
        indexes = self.stream.indexes()
        first = self._first = indexes[0] if indexes else 0
        position = Position(first, 0)
        with suppress(OSError, ValueError, struct.error):
            with open(self.stream.ack_path, "rb") as file:
                payload, _ = frame_at(file.read(64), 0)
            if payload is not None:
                saved = Position(*_ACK.unpack(payload))
                if saved.segment in indexes:
                    position = saved
                elif saved.segment >= first:
                    following = [index for index in indexes if index > saved.segment]
                    position = Position(following[0] if following else saved.segment, 0)
        self._open(position)

    def _open(self, position: Position) -> None:
        """Goes to a place in a segment; learns the schemas that stand before it. Where that fails, it stays where it is.

        Raises:
            OSError: The segment cannot be read, though it may be there.
        """
        schemas: dict[int, list[str]] = {}
        try:
            fd = os.open(self.stream.path(position.segment), os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            fd = -1
        try:
            at = 0
            while fd >= 0 and at < position.offset:
                found = _next_in(fd, at)
                if found is None:
                    break
                at, payload = found
                if at >= position.offset:
                    break
                if payload[:1] == b"S":
                    _learn(schemas, payload)
                at += _HEAD.size + len(payload)
        except BaseException:
            os.close(fd)
            raise
        before, self._fd = self._fd, fd
        self.position = position
        self._schemas = schemas
        if before >= 0:
            os.close(before)

    def _next(self, at: int) -> tuple[int, bytes] | None:
        return _next_in(self._fd, at)

    def _read_segment(self, chunk: Chunk, max_points: int) -> bool:
        """Reads a window of the segment into the chunk; whether there may be more of it to read at once."""
        if self._fd < 0:
            return False
        index, offset = chunk.end
        data = _read_at(self._fd, WINDOW, offset)
        at = 0
        while chunk.points < max_points:
            payload, size = frame_at(data, at)
            if payload is None:
                break
            kind = payload[0]
            if kind == 80:  # P
                names = self._schemas.get(_NUMBER.unpack_from(payload, 1)[0])
                if names is None or len(payload) != _POINT_HEAD.size + 8 * len(names):
                    chunk.damaged += size
                else:
                    # A call that would not fit goes into the next chunk, unless it is larger than any.
                    if chunk.points and chunk.points + len(names) > max_points:
                        chunk.end = Position(index, offset + at)
                        return False
                    chunk.add(names, payload)
            elif kind == 83:  # S
                _learn(self._schemas, payload)
            else:
                action = json.loads(payload[1:])
                if action.get("kind") != "head":
                    chunk.action = action
                    chunk.end = Position(index, offset + at + size)
                    return False
            at += size
        chunk.end = Position(index, offset + at)
        if chunk.points >= max_points:
            return False
        if at > 0:
            return True
        if not data:
            return False
        # No sound frame here: one that is just being written, or damage if a sound one follows.
        found = self._next(offset)
        if found is None:
            return False
        chunk.damaged += found[0] - offset
        if found[0] == offset:
            # Longer than a window.
            return self._read_long(chunk, found[1])
        chunk.end = Position(index, found[0])
        return True

    def _read_long(self, chunk: Chunk, payload: bytes) -> bool:
        index, offset = chunk.end
        chunk.end = Position(index, offset + _HEAD.size + len(payload))
        if payload[:1] == b"S":
            _learn(self._schemas, payload)
        elif payload[:1] == b"P":
            names = self._schemas.get(_NUMBER.unpack_from(payload, 1)[0])
            if names is not None:
                chunk.add(names, payload)
        else:
            chunk.action = json.loads(payload[1:])
            return False
        return True

    def _is_complete(self, index: int) -> bool:
        return self._writer is None or self._writer.is_complete(index)

    def _indexes(self) -> list[int]:
        """The numbers of the segments that are left. While it is written they are known without looking at the folder,
        in which hundreds of ranks may have theirs."""
        if self._writer is None:
            return self.stream.indexes()
        return list(range(self._first, self._writer.index + 1))

    def _following(self, index: int) -> int | None:
        if self._writer is not None:
            return index + 1 if index < self._writer.index else None
        return next((other for other in self.stream.indexes() if other > index), None)

    def _save(self) -> None:
        # Where the disk takes nothing the place is not written down: then more than needed is sent another time.
        with suppress(OSError):
            if self._ack_fd < 0:
                flags = os.O_RDWR | os.O_CREAT | _FLAGS
                self._ack_fd = os.open(self.stream.ack_path, flags, 0o600)
            os.lseek(self._ack_fd, 0, os.SEEK_SET)
            os.write(self._ack_fd, frame(_ACK.pack(*self.position)))


class Attempts:
    """Counts the attempts of each rank of a run where no scheduler does."""

    def __init__(self, folder: str, rank: int) -> None:
        self._path = os.path.join(folder, f"r{rank:06d}.attempts")
        self._ended_path = os.path.join(folder, f"r{rank:06d}.ended.attempts")

    def end(self, restart: str) -> None:
        """Writes down that the run has been completed, and after which restart of its job."""
        with open(self._ended_path, "w", encoding="utf-8") as file:
            file.write(restart)

    def ended(self) -> str | None:
        """After which restart the run was completed; None where it was not."""
        try:
            with open(self._ended_path, encoding="utf-8") as file:
                return file.read()
        except OSError:
            return None

    def next(self) -> int:
        """The number of an attempt that begins: 0 for the first."""
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # One byte for each attempt: no reading and writing that two could do at once.
            os.write(fd, b".")
            # Behind the own byte: another process may have written one since.
            return os.lseek(fd, 0, os.SEEK_CUR) - 1
        finally:
            os.close(fd)


#: Folders that hold nothing but counts of attempts are kept for so long, in seconds.
_COUNTS_KEPT = 90 * 24 * 60 * 60


def tidy_folder(folder: str) -> None:
    """Removes a run's folder when nothing is left in it that matters."""
    with suppress(OSError):
        left = os.listdir(folder)
        if any(name.endswith(".wal") for name in left):
            return
        files = os.path.join(folder, "files")
        if "files" in left:
            with suppress(OSError):
                os.rmdir(files)
                left.remove("files")
        counts = [name for name in left if name.endswith(".attempts")]
        if len(counts) == len(left):
            newest = max((os.stat(os.path.join(folder, name)).st_mtime for name in counts), default=0.0)
            if newest < time.time() - _COUNTS_KEPT:
                for name in counts:
                    os.unlink(os.path.join(folder, name))
                os.rmdir(folder)
