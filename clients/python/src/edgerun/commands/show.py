"""``edgerun show``: one run."""

from __future__ import annotations

import argparse
from typing import Any

from .terminal import (
    PATIENCE,
    add_connection,
    add_run,
    connect,
    number,
    print_json,
    print_table,
    printable,
    series_of,
)


def add(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "show", help="show a run", description="Shows a run: its params, tags and metrics."
    )
    add_run(parser)
    parser.add_argument("--json", action="store_true", help="as the API has it, as JSON")
    add_connection(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    api = connect(options)
    _, _, found = api.request("GET", f"/runs/{options.id}", patience=PATIENCE)
    if len(found["metrics"]) >= 1_000:
        found["metrics"] = list(series_of(api, options.id))
    if options.json:
        print_json(found)
        return 0
    for key in (
        "id",
        "experiment_id",
        "parent_run_id",
        "name",
        "status",
        "status_reason",
        "seed",
        "started_at",
        "ended_at",
    ):
        if found.get(key) is not None:
            print(f"{key.replace('_', ' ')}: {printable(found[key])}")
    for key in ("params", "tags"):
        if found[key]:
            print(f"\n{key}")
            for name, value in sorted(found[key].items()):
                print(f"  {printable(name)}: {printable(value)}")
    if found["metrics"]:
        print()
        rows = [
            [
                series["name"],
                series["rank"],
                series["count"],
                series["last"]["step"],
                *(number(series[key]["value"]) if series[key] else "" for key in ("last", "min", "max")),
            ]
            for series in found["metrics"]
        ]
        print_table(("METRIC", "RANK", "POINTS", "STEP", "LAST", "MIN", "MAX"), rows)
    return 0
