"""``edgerun ls``: experiments, or the runs of one."""

from __future__ import annotations

import argparse
import itertools
from typing import Any

from .terminal import PATIENCE, add_connection, connect, experiment_id, number, print_json, print_table


def add(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "ls",
        help="list experiments, or the runs of one",
        description="Lists experiments, or the runs of one, newest first.",
    )
    parser.add_argument(
        "experiment", nargs="?", metavar="EXPERIMENT", help="name or id of one, to list its runs"
    )
    parser.add_argument("--owner", help="whose experiments")
    parser.add_argument("--filter", help="of runs, as in: metrics.loss < 0.5 AND params.lr = '0.1'")
    parser.add_argument(
        "--order-by",
        action="append",
        metavar="CLAUSE",
        help="of runs, as in: metrics.loss DESC; may be repeated",
    )
    parser.add_argument(
        "--metric", action="append", metavar="NAME", help="to show of each run; may be repeated"
    )
    parser.add_argument(
        "-n", "--limit", type=int, default=100, help="how many at most (default: 100); 0 for all"
    )
    parser.add_argument("--json", action="store_true", help="as the API has them, as JSON")
    add_connection(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    api = connect(options)
    if options.experiment is None and (options.filter or options.order_by or options.metric):
        raise ValueError("Runs are filtered, ordered and shown with metrics: name the EXPERIMENT they are of")
    if options.limit < 0:
        raise ValueError("--limit is a number from 0")
    query: dict[str, Any] = {"limit": min(options.limit or 1_000, 1_000)}
    if options.experiment is None:
        path = "/experiments"
        if options.owner:
            query["owner"] = options.owner
    else:
        path = f"/experiments/{experiment_id(api, options.experiment, options.owner)}/runs"
        asked = {"filter": options.filter, "order_by": options.order_by, "metrics": options.metric}
        query.update({name: value for name, value in asked.items() if value})
    entries = list(itertools.islice(api.pages(path, query, patience=PATIENCE), options.limit or None))
    if options.json:
        print_json(entries)
    elif options.experiment is None:
        shown = ("id", "name", "owner", "run_count", "active_at")
        print_table(
            ("ID", "NAME", "OWNER", "RUNS", "ACTIVE"), [[entry[key] for key in shown] for entry in entries]
        )
    else:
        names = options.metric or []
        rows = [
            [entry[key] for key in ("id", "name", "status", "started_at")]
            + [number(entry["metrics"][name]["last"]) if name in entry["metrics"] else "" for name in names]
            for entry in entries
        ]
        print_table(("ID", "NAME", "STATUS", "STARTED", *names), rows)
    return 0
