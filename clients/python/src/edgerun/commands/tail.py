"""``edgerun tail``: a run as it goes on."""

from __future__ import annotations

import argparse
import json
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from ..api import Api
from .terminal import PATIENCE, add_connection, add_run, connect, number, printable, series_of

#: What tells curves apart: name, rank and attempt.
Key = tuple[str, int, int]

_ENDED = ("completed", "failed", "killed")


def add(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tail",
        help="follow a run while it logs",
        description="Prints the last point of each metric of a run, and then what comes, until the run ends.",
    )
    add_run(parser)
    parser.add_argument("--metric", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument(
        "--from-step", type=int, metavar="STEP", help="print what is there from this step on first"
    )
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two looks (default: 2)")
    parser.add_argument("--json", action="store_true", help="as JSON, a line a point")
    add_connection(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if not options.interval >= 0.1:
        raise ValueError("--interval is a number of seconds, from 0.1")
    api = connect(options)
    curves: dict[Key, Curve] = {}
    is_first = True
    while True:
        # First the status: whatever came before the end is seen then.
        _, _, found = api.request("GET", f"/runs/{options.id}", patience=PATIENCE)
        points: list[tuple[str, Key, Mapping[str, Any]]] = []
        for series in series_of(api, options.id):
            key = (series["name"], series["rank"], series["attempt"])
            if options.metric and series["name"] not in options.metric:
                continue
            curve = curves.get(key)
            if curve is None:
                begin = (
                    int(series["last"]["step"])
                    if is_first and options.from_step is None
                    else options.from_step
                )
                curve = curves[key] = Curve(api, options.id, key, begin)
            points += [(point["timestamp"], key, point) for point in curve.news(series["count"])]
        for _, (name, rank, attempt), point in sorted(points, key=lambda entry: (entry[0], entry[1])):
            if options.json:
                print(
                    json.dumps({"name": name, "rank": rank, "attempt": attempt, **point}, ensure_ascii=False),
                    flush=True,
                )
            else:
                who = f"rank {rank}  " if rank or len({key[1] for key in curves}) > 1 else ""
                line = f"{point['timestamp']}  {who}step {point['step']}  {printable(name)}  {number(point['value'])}"
                print(line, flush=True)
        if found["status"] in _ENDED:
            if not options.json:
                reason = f": {printable(found['status_reason'])}" if found.get("status_reason") else ""
                print(f"The run is {found['status']}{reason}", flush=True)
            return 0
        is_first = False
        time.sleep(options.interval)


class Curve:
    """What is new of a curve: points at its last step or beyond. What comes late for an earlier step is not seen.

    Args:
        from_step: Where it begins; None for all there is.
    """

    def __init__(self, api: Api, run: str, key: Key, from_step: int | None) -> None:
        self._api = api
        self._path = f"/runs/{run}/metrics/{urllib.parse.quote(key[0], safe='')}"
        self._rank, self._attempt = key[1:]
        self._from = from_step
        self._count = -1
        #: What of the last step was told already.
        self._told: set[tuple[str, str]] = set()

    def news(self, count: int) -> Iterator[Mapping[str, Any]]:
        """The points that were not there before.

        Args:
            count: How many the curve has in all; where that is as before, nobody is asked.
        """
        if count == self._count:
            return
        self._count = count
        query: dict[str, Any] = {"rank": self._rank, "attempt": self._attempt, "limit": 50_000}
        if self._from is not None:
            query["from_step"] = self._from
        for point in self._api.pages(self._path, query, patience=PATIENCE):
            told = (str(point["value"]), point["timestamp"])
            step = int(point["step"])
            if self._from is None or step > self._from:
                self._from = step
                self._told = set()
            if told not in self._told:
                self._told.add(told)
                yield point
