"""Ranks show that they live, and rank 0 looks after the others, without any of them talking to another."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .api import Api
from .errors import ApiError, EdgerunError
from .notices import logger

#: The metric by which a rank shows that it lives: 1, and 0 when it has ended by itself.
METRIC = "edgerun/heartbeat"

#: How often, in seconds; and after how long without it a rank counts as silent.
EVERY = 60.0
SILENT_AFTER = 3.5 * EVERY


class Watch:
    """Looks, for rank 0, whether all ranks still show that they live. What no clock of another machine can be wrong
    about counts: how long ago, by this one's, there was something new of them.

    Args:
        tag: Called with a rank and what is to be said of it, or None when that has passed.
    """

    def __init__(
        self,
        api: Api,
        run: str,
        tag: Callable[[int, str | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._run = run
        self._tag = tag
        self._clock = clock
        self._next = clock() + EVERY
        self._seen: dict[int, tuple[Any, float]] = {}
        self._silent: set[int] = set()
        self._may = True

    def look(self) -> None:
        """Looks, if it is time. A key that may not read, of scope ``ingest``, cannot."""
        now = self._clock()
        if not self._may or now < self._next:
            return
        self._next = now + EVERY
        query = {"runs": self._run, "names": METRIC, "rank": "all", "x": "time", "buckets": 2}
        try:
            _, _, chart = self._api.request("GET", "/charts", query=query)
            signs = {series["rank"]: _last(series["buckets"]) for series in chart["series"]}
        except ApiError as error:
            self._may = error.passing or error.status == 404
            return
        except (EdgerunError, KeyError, IndexError, TypeError) as error:
            logger.debug("The ranks could not be looked after: %s", error)
            return
        for rank, sign in signs.items():
            self._judge(rank, sign, now)

    def _judge(self, rank: int, sign: tuple[str, float], now: float) -> None:
        known, since = self._seen.get(rank, (None, now))
        if known != sign:
            self._seen[rank] = sign, now
            if rank in self._silent:
                self._silent.discard(rank)
                self._tag(rank, None)
        elif sign[1] > 0 and now - since > SILENT_AFTER and rank not in self._silent:
            self._silent.add(rank)
            self._tag(rank, f"no sign of life since {sign[0]}")


def _last(buckets: dict[str, Any]) -> tuple[str, float]:
    """The last sign of a rank: when, and what."""
    last = buckets["last"]
    return last["timestamp"][-1], last["value"][-1]
