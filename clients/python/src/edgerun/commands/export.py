"""``edgerun export``: all points of a run."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, TextIO

from ..api import Api
from .terminal import PATIENCE, Progress, add_connection, add_run, connect, series_of

COLUMNS = ("name", "rank", "attempt", "step", "value", "timestamp")


def add(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write all points of a run as CSV or JSON lines",
        description="Writes all points of a run, one a line, with every digit. `edgerun import` reads them back.",
    )
    add_run(parser)
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--csv", dest="form", action="store_const", const="csv", help=f"columns {', '.join(COLUMNS)}"
    )
    form.add_argument(
        "--jsonl", dest="form", action="store_const", const="jsonl", help="an object a line, likewise"
    )
    parser.add_argument("--metric", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to; the standard output stream where left out"
    )
    add_connection(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    api = connect(options)
    series = series_of(api, options.id, options.metric, every_attempt=True)
    with ExitStack() as stack:
        out: TextIO = sys.stdout
        # Where a link leads to.
        target = os.path.realpath(options.output) if options.output else None
        # A pipe or a device is written as it is.
        is_file = target is not None and (os.path.isfile(target) or not os.path.exists(target))
        if target is not None:
            path = f"{target}.partial" if is_file else options.output
            out = stack.enter_context(open(path, "w", encoding="utf-8", newline=""))
        progress = stack.enter_context(Progress("export", sum(each["count"] for each in series)))
        writer = csv.writer(out, lineterminator="\n")
        if options.form == "csv":
            writer.writerow(COLUMNS)
        for row in _rows(api, options.id, series):
            if options.form == "csv":
                writer.writerow([row[column] for column in COLUMNS])
            else:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
            progress.add(1)
    if target is not None and is_file:
        # A file of this name has all of it.
        os.replace(f"{target}.partial", target)
    return 0


def _rows(api: Api, run: str, series: Any) -> Iterator[dict[str, Any]]:
    for each in series:
        own = {key: each[key] for key in ("name", "rank", "attempt")}
        path = f"/runs/{run}/metrics/{urllib.parse.quote(each['name'], safe='')}"
        query = {"rank": each["rank"], "attempt": each["attempt"], "limit": 50_000}
        for point in api.pages(path, query, patience=PATIENCE):
            yield {**own, **point}
