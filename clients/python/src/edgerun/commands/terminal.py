"""What the subcommands have in common: how they reach the tracker, and what they print."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from ..api import Api
from ..job import as_uuid

#: For how many seconds a request that fails in passing is sent again.
PATIENCE = 30.0

_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")


def add_connection(parser: argparse.ArgumentParser) -> None:
    """The option that says which tracker is meant."""
    parser.add_argument("--uri", help="the address of the tracker (default: EDGERUN_URI)")


def add_run(parser: argparse.ArgumentParser) -> None:
    """The argument that says which run is meant."""
    parser.add_argument("id", metavar="RUN", type=run_id, help="its id, or the address of its page")


def connect(options: argparse.Namespace) -> Api:
    return Api(options.uri)


def run_id(text: str) -> str:
    """A run's id as it was given: with dashes, without, or in the address of its page.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    found = as_uuid(re.split(r"[?#]", text)[0].rstrip("/").rpartition("/")[2])
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is neither the id of a run nor the address of its page")
    return found


def experiment_id(api: Api, text: str, owner: str | None = None) -> str:
    """The id of an experiment by its id, the address of its page, or its name.

    Raises:
        ValueError: There is none, or several of different owners.
    """
    found = as_uuid(re.split(r"[?#]", text)[0].rstrip("/").rpartition("/")[2])
    if found is not None:
        return found
    matching = find_experiments(api, text, owner)
    if not matching:
        raise ValueError(f"There is no experiment {text!r}" + (f" of {owner}" if owner else ""))
    if len(matching) > 1:
        names = ", ".join(sorted({str(experiment["owner"]) for experiment in matching}))
        raise ValueError(
            f"There are {len(matching)} experiments {text!r}, of {names}: choose by --owner, or by id"
        )
    return str(matching[0]["id"])


def find_experiments(api: Api, name: str, owner: str | None) -> list[dict[str, Any]]:
    """The experiments that have exactly this name."""
    query: dict[str, Any] = {"q": name[:100], "limit": 1_000}
    if owner:
        query["owner"] = owner
    return [entry for entry in api.pages("/experiments", query, patience=PATIENCE) if entry["name"] == name]


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def printable(value: Any) -> str:
    """A text that somebody has stored, on one line and without what steers a terminal."""
    return _CONTROL.sub("\ufffd", "" if value is None else str(value)).replace("\n", " ").replace("\t", " ")


def print_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as what is in them; with tabs between them where somebody reads on who is no person."""
    cells = [[printable(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(heads), *cells]:
            print("\t".join(line))
        return
    widths = [max(len(row[at]) for row in [list(heads), *cells]) for at in range(len(heads))]
    for line in [list(heads), *cells]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


def number(value: Any) -> str:
    """A value of a metric, in few digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class Progress:
    """A bar on the standard error stream while something takes long; nothing where that is no terminal.

    Args:
        what: The words before it.
        total: How many there are; None where nobody knows.
    """

    def __init__(self, what: str, total: int | None, unit: str = "points") -> None:
        self._what = what
        self._total = total
        self._unit = unit
        self._done = 0
        self._drawn = 0.0
        self._is_shown = sys.stderr.isatty()

    def add(self, count: int) -> None:
        self._done += count
        if self._is_shown and time.monotonic() - self._drawn > 0.1:
            self._draw()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown and self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        room = shutil.get_terminal_size().columns - 1
        line = f"{printable(self._what)}  {self._done:,} {self._unit}"
        if self._total:
            share = min(1.0, self._done / self._total)
            filled = int(20 * share)
            line = f"{printable(self._what)}  [{'#' * filled}{'.' * (20 - filled)}] {share:4.0%}  {self._done:,} {self._unit}"
        sys.stderr.write(f"\r{line[:room]}\x1b[K")
        sys.stderr.flush()


def series_of(
    api: Api, run: str, names: Sequence[str] | None = None, *, every_attempt: bool = False
) -> list[Mapping[str, Any]]:
    """The summaries of a run's curves, a row a name and rank: of the newest attempt, or one for each.

    Raises:
        ValueError: The run has no metric of one of these names.
    """
    query: dict[str, Any] = {"limit": 5_000}
    if every_attempt:
        query["attempt"] = "all"
    found = list(api.pages(f"/runs/{run}/metrics", query, patience=PATIENCE))
    missing = set(names or ()) - {series["name"] for series in found}
    if missing:
        raise ValueError(f"The run has no metric {', '.join(sorted(missing))}")
    return [series for series in found if not names or series["name"] in names]
