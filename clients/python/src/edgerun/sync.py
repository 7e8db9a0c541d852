"""Sends what lies in a spool: of runs that were logged offline, and of processes that ended before all was sent."""

from __future__ import annotations

import time
from typing import Callable, NamedTuple

from .api import Api
from .sender import Sender, adopted
from .spool import Stream, run_folders, streams_of


class Outcome(NamedTuple):
    """What became of a stream."""

    stream: Stream
    run: str
    #: Points that the tracker has confirmed.
    points: int
    #: None when the tracker has all of it.
    left_because: str | None
    #: What will never be sent, such as an artifact that is gone.
    left_out: tuple[str, ...] = ()


def sync(
    root: str,
    api: Api,
    *,
    patience: float = 60.0,
    of_others: bool = True,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Sends all streams of a spool, or of the folder of one run, that nobody is writing.

    Args:
        patience: For how many seconds a tracker that is away is waited for, for each stream.
        of_others: Whether to send also what other users have left; whoever names their spool trusts them.
        tell: Called with each outcome as soon as it is known.
    """
    outcomes = []
    for folder in run_folders(root):
        streams = streams_of(folder)
        heads = {stream: stream.head() or {} for stream in streams}
        # Earlier attempts first, and of each the rank that creates the run: so the last word is the one that counts.
        streams.sort(
            key=lambda stream: (stream.attempt, stream.rank, heads[stream].get("role") != "rank", stream.name)
        )
        for stream in streams:
            why = "somebody is writing or sending it"
            sender = None
            try:
                if of_others or stream.is_own():
                    sender = adopted(stream, api, lambda head: True)
                else:
                    why = "it belongs to another user; name its folder to send it"
            except Exception as error:
                why = f"it cannot be read: {type(error).__name__}: {error}"
            if sender is None:
                outcome = Outcome(stream, str(heads[stream].get("run", "")), 0, why)
            else:
                outcome = _send(stream, sender, patience)
            tell(outcome)
            outcomes.append(outcome)
    return outcomes


def _send(stream: Stream, sender: Sender, patience: float) -> Outcome:
    deadline = time.monotonic() + patience
    delivery = sender.delivery
    while True:
        pause = sender.step()
        if sender.done:
            break
        if sender.failure is None:
            deadline = time.monotonic() + patience
        elif sender.is_refused or time.monotonic() + pause > deadline:
            sender.let_go()
            break
        time.sleep(pause)
    if delivery is not None:
        delivery.close()
    why = None if sender.done else str(sender.failure)
    if delivery is None:
        return Outcome(stream, "", 0, why)
    return Outcome(stream, delivery.run, delivery.delivered, why, tuple(delivery.left_out))
