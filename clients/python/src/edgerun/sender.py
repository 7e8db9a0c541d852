"""The thread that sends. It is the only one that talks to the tracker, and the only one that waits for it."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Callable

from .api import Api, jittered
from .delivery import Delivery, NotCreatedYet, is_passing
from .errors import ApiError, EdgerunError
from .notices import logger, warn_once
from .spool import Lock, Stream, StreamReader, StreamWriter, streams_of, tidy_folder

#: How long points wait for others to be sent with, in seconds; longer in large jobs, see `interval_for`.
INTERVAL = 1.0

#: A usual request has at most so many points; one that has to catch up more.
BATCH_POINTS = 5_000

#: How long what is not sent yet may wait for the disk, in seconds.
SYNC_EVERY = 3.0

#: How often a stream shows that it is still written, in seconds.
TOUCH_EVERY = 60.0

#: Of a request that fails again and again, in seconds.
LONGEST_PAUSE = 30.0

#: Of one that is refused, and will be until somebody does something about it.
LONGEST_REFUSAL = 60.0

#: How often a process looks after the one beside it, in seconds.
WATCH_EVERY = 20.0

#: How many streams that others have left are sent at the same time: each takes descriptors from the training.
MOST_ADOPTED = 8


def interval_for(world_size: int) -> float:
    """How long points wait in a job of so many ranks: all of them together ask some fifty times a second at most."""
    return max(INTERVAL, world_size / 50)


class Sender:
    """Sends one stream. `step` does what is due and never waits but for answers; so a test can have a clock of its own."""

    def __init__(
        self,
        reader: StreamReader,
        delivery: Delivery | None,
        *,
        writer: StreamWriter | None = None,
        lock: Lock | None = None,
        interval: float = INTERVAL,
        heartbeat: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reader = reader
        self.delivery = delivery
        self.writer = writer
        self._lock = writer.lock if writer is not None else lock
        self._interval = interval
        self._heartbeat = heartbeat
        self._clock = clock
        self._failures = 0
        self._last_sign = clock()
        self._last_sync = clock()
        self._last_touch = clock()
        self._next_batch = clock()
        #: What the tracker has asked for, which nothing hurries.
        self._not_before = clock()
        self._is_behind = False
        self._has_sent_all = False
        #: Whether all was sent that there will ever be. No `Event`: whoever waits may be a signal handler that has
        #: interrupted whoever waits.
        self.done = False
        #: What the last attempt failed with.
        self.failure: Exception | None = None
        #: Whether to send at once whatever there is.
        self.hurry = writer is None

    def step(self) -> float:
        """Sends a chunk if one is due; gives the seconds after which there is something to do again."""
        if self.done:
            return LONGEST_PAUSE
        self.keep_house()
        if self.delivery is None:
            if self.writer is not None and self.writer.closed:
                if self.writer.pending:
                    warn_once(
                        "spool full", "The spool lacks the end of the run, for which the disk has no room"
                    )
                with suppress(OSError):
                    self.reader.sync()
                self.reader.close()
                self.writer.lock.release()
                self.done = True
            return self._interval
        now = self._clock()
        if now < self._not_before:
            return self._not_before - now
        if now < self._next_batch and not (self._failures == 0 and (self.hurry or self._is_behind)):
            return self._next_batch - now
        try:
            is_behind = self._send()
        except Exception as error:
            return self._put_off(error)
        self._failures = 0
        self.failure = None
        self._is_behind = is_behind
        took = self._clock() - now
        if self.done or is_behind:
            return 0.0
        # A tracker that is slow gets fewer and larger requests.
        pause = max(self._interval, 2 * took) * random.uniform(0.75, 1.25)
        self._next_batch = self._clock() + pause
        return min(pause, 0.05) if self.hurry else pause

    def _send(self) -> bool:
        """Sends the next chunk. Gives whether more is waiting."""
        delivery = self.delivery
        if delivery is None:
            return False
        most = (
            delivery.max_points if self._is_behind or self.hurry else min(BATCH_POINTS, delivery.max_points)
        )
        if self.writer is not None and self.writer.pending and self.writer.pending[0]["kind"] == "create":
            # There was no room for it in the spool, and nothing else can be stored before.
            delivery.act(self.writer.pending[0])
            self.writer.pending.popleft()
            return True
        before = self.reader.position
        chunk = self.reader.read(most)
        if not chunk.empty:
            delivery.send(chunk)
            self._last_sign = self._clock()
        elif (
            self._heartbeat and delivery.run_exists and self._clock() - self._last_sign > self._heartbeat / 4
        ):
            delivery.heartbeat()
            self._last_sign = self._clock()
        if chunk.end != before:
            self.reader.advance(chunk.end)
            self._mark()
        self._has_sent_all = chunk.empty
        if not chunk.empty:
            return chunk.points >= most // 2 or chunk.action is not None or self.hurry
        if self.writer is not None and self.writer.pending:
            delivery.act(self.writer.pending[0])
            self.writer.pending.popleft()
            return True
        if self.reader.finished():
            self._finish()
        return False

    def _put_off(self, error: Exception) -> float:
        self.failure = error
        self._has_sent_all = False
        passing = is_passing(error)
        asked = error.retry_after if isinstance(error, ApiError) else None
        longest = LONGEST_PAUSE if passing else LONGEST_REFUSAL
        if isinstance(error, NotCreatedYet):
            longest = 2 * self._interval
        pause = jittered(self._failures, asked, longest=longest)
        self._failures += 1
        if not isinstance(error, EdgerunError):
            pause = max(pause, 1.0)
            warn_once("spool", f"The spool cannot be sent: {type(error).__name__}: {error}")
        elif not passing:
            pause = max(pause, 1.0)
            warn_once(
                f"refused: {error}",
                f"The tracker does not take {self._what()}, which stays in the spool: {error}",
            )
        elif self._failures == 5 and not isinstance(error, NotCreatedYet):
            warn_once("unreachable", f"What is logged stays in the spool until the tracker takes it: {error}")
        if not isinstance(error, EdgerunError):
            logger.debug("Sending failed", exc_info=error)
        self._next_batch = self._clock() + pause
        if asked is not None:
            self._not_before = self._next_batch
        self._mark()
        return pause

    def _what(self) -> str:
        if self.writer is not None:
            return "what is logged"
        return f"what an earlier process has left in {self.reader.stream.folder}"

    def nudge(self) -> None:
        """A lot is waiting: it is sent before its time, unless sending fails."""
        self._is_behind = True

    def make_haste(self) -> None:
        """From now on sends at once whatever there is, and tries again sooner what has failed."""
        self.hurry = True
        self._failures = 0
        self._next_batch = self._clock()

    def keep_house(self) -> None:
        """Begins another segment where it is time, and has the disk take what waits for long. To be called at least
        every `SYNC_EVERY` seconds, also while nothing is to be sent."""
        if self.done:
            return
        if self.writer is not None:
            try:
                # What was sent is given back at once where there is no room.
                if self.writer.rotate(force=self.writer.is_short_of_room and self._has_sent_all):
                    self._mark()
            except OSError as error:
                warn_once("rotate", f"The spool cannot go on in another file: {error}")
        now = self._clock()
        if self.writer is not None and now - self._last_touch >= TOUCH_EVERY:
            self._last_touch = now
            self.writer.touch()
        if now - self._last_sync >= SYNC_EVERY:
            self._last_sync = now
            with suppress(OSError):
                self.reader.sync()
            self._mark()

    def _mark(self) -> None:
        if self.writer is None or self.writer.closed:
            return
        position = self.reader.position
        sent = position.offset if position.segment == self.writer.index else 0
        if self._failures > 0 or self.delivery is None:
            # Waking up does not help.
            sent = 2**60
        self.writer.set_marks(sent, self.reader.disk_bytes())

    def _finish(self) -> None:
        if self.delivery is not None and self.writer is None:
            self.delivery.tell_of_death()
        self.reader.remove()
        if self._lock is not None:
            self._lock.release(remove=True)
        tidy_folder(self.reader.stream.folder)
        self.done = True

    def let_go(self) -> None:
        """Stops sending a stream that stays as it is, for somebody else."""
        self.reader.close()
        if self._lock is not None:
            self._lock.release()

    @property
    def is_refused(self) -> bool:
        """Whether it takes somebody to do something about what the last attempt failed with."""
        return self.failure is not None and not is_passing(self.failure)


class Courier(threading.Thread):
    """Runs the senders of a process: that of its own stream, and those of streams whose processes have ended.

    Args:
        own: The sender of the stream that this process writes.
        adopt: Called from time to time; gives senders of streams that somebody has left behind, each made when it is
            asked for.
    """

    def __init__(
        self, own: Sender, adopt: Callable[[], Iterable[Sender]] = list, *, name: str = "edgerun"
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.own = own
        self.adopted: list[Sender] = []
        self._adopt = adopt
        #: What is to be adopted as soon as there is room, the newest first.
        self._waiting: deque[Iterator[Sender]] = deque()
        #: Putting something into it is safe in a signal handler, whatever that has interrupted.
        self._calls: SimpleQueue[None] = SimpleQueue()
        self._due: dict[int, float] = {}
        self._next_look = 0.0
        #: Before it ends, the thread looks around once more: wanted, then done.
        self._last_look_wanted = False
        self._last_look_done = False

    def wake(self) -> None:
        """Has the thread look at once whether there is something to send."""
        self._calls.put(None)

    def run(self) -> None:
        woken = False
        while True:
            self._look_around()
            self._take_more()
            pause = min(SYNC_EVERY, max(0.0, self._next_look - time.monotonic()))
            for sender in (self.own, *self.adopted):
                pause = min(pause, self._step(sender, woken and sender is self.own))
            if self._is_over():
                break
            woken = self._wait(pause)
        for sender in (self.own, *self.adopted):
            if sender.delivery is not None:
                sender.delivery.close()

    def hasten(self) -> None:
        """Has everything sent without a pause, and the thread end after that."""
        self.own.make_haste()
        self._last_look_wanted = True
        self.wake()

    def drain(self, deadline: float) -> bool:
        """Waits, after `hasten`, until everything was sent; gives whether all of this process's stream was.

        Args:
            deadline: When to wait no more, as `time.monotonic` counts.
        """
        pause = 0.001
        while not self._is_settled():
            left = deadline - time.monotonic()
            if left <= 0 or not self.is_alive():
                break
            time.sleep(min(pause, left))
            pause = min(2 * pause, 0.05)
        return self.own.done

    def let_go(self) -> None:
        """In a child that was forked: closes what is the parent's."""
        for sender in (self.own, *self.adopted):
            sender.let_go()

    def _is_settled(self) -> bool:
        """Whether there is nothing to wait for: what other runs have left behind is not, once it could not be sent."""
        own = self.own.delivery.run if self.own.delivery is not None else None
        others = (
            sender.failure is not None and sender.delivery is not None and sender.delivery.run != own
            for sender in list(self.adopted)
        )
        return self.own.done and self._last_look_done and not self._waiting and all(others)

    def _is_over(self) -> bool:
        return self.own.done and self._last_look_done and not self.adopted and not self._waiting

    def _look_around(self) -> None:
        is_last = self._last_look_wanted and not self._last_look_done
        if not is_last and time.monotonic() < self._next_look:
            return
        try:
            self._waiting.appendleft(iter(self._adopt()))
        except Exception as error:
            logger.debug("Looking for what others have left failed", exc_info=error)
        self._next_look = time.monotonic() + WATCH_EVERY * random.uniform(0.75, 1.5)
        self._last_look_done = is_last or self._last_look_done

    def _take_more(self) -> None:
        while self._waiting and len(self.adopted) < MOST_ADOPTED:
            sender = next(self._waiting[0], None)
            if sender is None:
                self._waiting.popleft()
            else:
                self.adopted.append(sender)

    def _step(self, sender: Sender, at_once: bool) -> float:
        """Lets a sender do what is due; gives the seconds until it has something to do again."""
        left = self._due.get(id(sender), 0.0) - time.monotonic()
        try:
            if left > 0 and not at_once:
                sender.keep_house()
                return left
            if at_once:
                sender.nudge()
            pause = sender.step()
        except Exception as error:
            # Of the spool itself: the folder may be gone.
            logger.debug("The spool cannot be read", exc_info=error)
            warn_once("spool", f"The spool cannot be read: {error}")
            pause = LONGEST_PAUSE
        if sender is not self.own and (sender.done or sender.is_refused):
            if not sender.done:
                # Another time, or by somebody with another key.
                sender.let_go()
            self.adopted.remove(sender)
            self._due.pop(id(sender), None)
            # There is room for another one.
            return 0.0 if self._waiting else LONGEST_PAUSE
        self._due[id(sender)] = time.monotonic() + pause
        return LONGEST_PAUSE if sender.done else pause

    def _wait(self, pause: float) -> bool:
        """Waits for so long, or until it is called; gives whether it was."""
        called = False
        try:
            while True:
                self._calls.get(block=not called and pause > 0, timeout=max(pause, 0))
                called = True
        except Empty:
            return called


def adopted(
    stream: Stream,
    api: Api,
    accept: Callable[[Mapping[str, Any]], bool],
    is_outdated: Callable[[Mapping[str, Any]], bool] = lambda head: False,
) -> Sender | None:
    """A sender for a stream that nobody writes; None where somebody does, or `accept` is not for it by its head.

    Args:
        is_outdated: Whether, by its head, a later attempt has the last word on the run.

    Raises:
        Exception: It cannot be read. It is left as it is.
    """
    try:
        lock = Lock.take(stream.lock_path)
    except OSError:
        return None
    if lock is None:
        return None
    sender = None
    try:
        head = stream.head()
        if head is not None and accept(head):
            delivery = Delivery(api, head, stream.folder, is_live=False, is_outdated=is_outdated(head))
            sender = Sender(StreamReader(stream), delivery, lock=lock)
        elif head is None and not any(os.path.getsize(stream.path(index)) for index in stream.indexes()):
            # It was killed before it wrote a byte.
            StreamReader(stream).remove()
            lock.release(remove=True)
    finally:
        if sender is None:
            lock.release()
    return sender


def neighbour(folder: str, own: str) -> Stream | None:
    """The stream beside one's own, in a ring of all that a run has: so everybody is looked after by somebody."""
    streams = streams_of(folder)
    others = [stream for stream in streams if stream.name > own] + [s for s in streams if s.name < own]
    return others[0] if others else None
