"""``edgerun export``: all points of a run."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, TextIO

from ..api import Api
from .terminal import PATIENCE, Progress, add_connection, connect, run_id, series_of

COLUMNS = ("name", "rank", "step", "value", "timestamp")


def add(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write all points of a run as CSV or JSON lines",
        description="Writes all points of a run, one a line, with every digit. `edgerun import` reads them back.",
    )
    parser.add_argument("id", metavar="RUN", type=run_id, help="its id, or the address of its page")
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
    series = series_of(api, options.id, options.metric)
    with ExitStack() as stack:
        out: TextIO = sys.stdout
        partial = f"{options.output}.partial"
        if options.output:
            out = stack.enter_context(open(partial, "w", encoding="utf-8", newline=""))
        progress = stack.enter_context(Progress("export", sum(each["count"] for each in series)))
        writer = csv.writer(out, lineterminator="\n")
        if options.form == "csv":
            writer.writerow(COLUMNS)
        for name, rank, point in _points(api, options.id, series):
            if options.form == "csv":
                writer.writerow((name, rank, point["step"], point["value"], point["timestamp"]))
            else:
                out.write(json.dumps({"name": name, "rank": rank, **point}, ensure_ascii=False) + "\n")
            progress.add(1)
    if options.output:
        # A file of this name has all of it.
        os.replace(partial, options.output)
    return 0


def _points(api: Api, run: str, series: Any) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    for each in series:
        path = f"/runs/{run}/metrics/{urllib.parse.quote(each['name'], safe='')}"
        for point in api.pages(path, {"rank": each["rank"], "limit": 50_000}, patience=PATIENCE):
            yield each["name"], each["rank"], point
