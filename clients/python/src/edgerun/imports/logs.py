"""Training logs: JSON lines and CSV, a row a step or a row a point."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import socket
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ..job import derived
from .target import ImportedRun, Target

#: Fields that say where a row belongs. The first that a row has counts.
_STEPS = ("step", "_step", "global_step", "iteration", "iter", "epoch")
_TIMES = ("timestamp", "_timestamp", "time", "wall_time")

_MAX_STEP = 2**63


def import_log(target: Target, path: str, experiment: str, name: str | None, run: str | None) -> None:
    """Imports a log as one run.

    A row is a point when it has ``name`` and ``value``, as ``edgerun export`` writes them. Otherwise its numeric fields are
    metrics, beside that of the step (``step``, ``global_step``, ``epoch``, …; without one rows are counted), ``timestamp``,
    ``rank`` and ``attempt``. Text is no metric; lists, objects, numbers in quotation marks and a last line that is written
    by half are left out and named.

    Args:
        run: The run's id; where it is left out, always the same one for this file of this machine.
    """
    name = name or os.path.splitext(os.path.basename(path))[0]
    left_out: dict[str, None] = {}
    is_csv = path.lower().endswith((".csv", ".tsv"))
    rows = partial(_csv_rows if is_csv else _json_rows, left_out=left_out)
    # First all of it is read: of a log that is none, nothing is made.
    begin, end = _span(rows(path))
    experiment_id = target.experiment(experiment)
    run = run or derived("import", experiment_id, socket.gethostname(), os.path.realpath(path))
    imported = target.run(experiment_id, run, name=name, started_at=begin)
    for number, (line, row) in enumerate(rows(path)):
        try:
            _add(imported, row, number, left_out)
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}") from error
    target.left_out += [f"{path}: {what}" for what in left_out]
    imported.finish("completed", end)


def _add(imported: ImportedRun, row: Mapping[str, Any], number: int, left_out: dict[str, None]) -> None:
    moment = _moment(row)
    rank = _integer(row.get("rank", 0), "rank")
    attempt = _integer(row.get("attempt", 0), "attempt")
    if not 0 <= rank < 2**31:
        raise ValueError(f"{rank} is no rank")
    if not 0 <= attempt < 2**31:
        raise ValueError(f"{attempt} is no attempt")
    step_field = next((field for field in _STEPS if field in row), None)
    step = number if step_field is None else _integer(row[step_field], step_field)
    if isinstance(row.get("name"), str) and "value" in row:
        value = _number(row["value"])
        if value is None:
            raise ValueError(f"the value {row['value']!r} is no number")
        imported.add(row["name"], step, value, moment, rank, attempt)
        return
    for field, cell in row.items():
        if field in (step_field, "rank", "attempt") or field in _TIMES:
            continue
        value = _number(cell)
        if value is not None:
            imported.add(field, step, value, moment, rank, attempt)
        elif isinstance(cell, (dict, list)) or _is_like_number(cell):
            left_out[f"the field {field[:80]!r}, where it is no number of its own"] = None


#: Of the last line of a log that somebody is writing, or was when the machine stopped.
_HALF = "the last line, which is not whole"


def _json_rows(path: str, *, left_out: dict[str, None]) -> Iterator[tuple[int, dict[str, Any]]]:
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                if number > 1 and not line.endswith("\n"):
                    left_out[_HALF] = None
                    return
                raise ValueError(f"{path}, line {number}: this is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(
                    f'{path}, line {number}: each line is an object, as in {{"step": 1, "loss": 0.5}}'
                )
            yield number, {field: cell for field, cell in row.items() if cell is not None}


def _csv_rows(path: str, *, left_out: dict[str, None]) -> Iterator[tuple[int, dict[str, Any]]]:
    with open(path, "rb") as raw:
        raw.seek(0, os.SEEK_END)
        raw.seek(-min(1, raw.tell()), os.SEEK_END)
        is_whole = raw.read(1) in (b"\n", b"\r")
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter="\t" if path.lower().endswith(".tsv") else ",")
        heads = [head.strip() for head in next(rows, [])]
        if len(set(heads)) != len(heads):
            raise ValueError(f"{path}, line 1: two columns have the same name")
        for row in rows:
            if not row:
                continue
            if len(row) != len(heads):
                line = rows.line_num
                if not is_whole and len(row) < len(heads) and next(rows, None) is None:
                    left_out[_HALF] = None
                    return
                raise ValueError(
                    f"{path}, line {line}: {len(row)} fields, where the first line has {len(heads)}"
                )
            fields = ((head, text if head == "name" else _cell(text)) for head, text in zip(heads, row))
            yield rows.line_num, {head: cell for head, cell in fields if cell != ""}


def _span(rows: Iterator[tuple[int, Mapping[str, Any]]]) -> tuple[int | None, int | None]:
    """The first and the last moment of a log, in epoch milliseconds; None where it has none."""
    begin = end = None
    for line, row in rows:
        try:
            moment = _moment(row)
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from error
        if moment is not None:
            begin = moment if begin is None else min(begin, moment)
            end = moment if end is None else max(end, moment)
    return begin, end


def _moment(row: Mapping[str, Any]) -> int | None:
    """When a row was logged, in epoch milliseconds.

    Numbers are seconds, or milliseconds where they would be of the year 5000 or later as seconds.
    """
    field = next((field for field in _TIMES if field in row), None)
    if field is None:
        return None
    text = row[field]
    number = _number(text)
    if number is not None and math.isfinite(number):
        return round(number if abs(number) > 1e11 else number * 1000)
    if isinstance(text, str):
        try:
            # Python reads the Z since 3.11.
            read = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
        except ValueError:
            pass
        else:
            read = read if read.tzinfo else read.replace(tzinfo=timezone.utc)
            return round(read.timestamp() * 1000)
    raise ValueError(
        f"the {field} {text!r} is neither a time as in 2026-11-24T09:30:00Z nor a number of seconds"
    )


def _integer(cell: Any, field: str) -> int:
    number: int | None = None
    if isinstance(cell, int) and not isinstance(cell, bool):
        number = cell
    elif isinstance(cell, str) and re.fullmatch(r"[+-]?\d+", cell):
        # As the tracker writes what a double would not hold.
        number = int(cell)
    elif isinstance(cell, float) and cell.is_integer():
        number = int(cell)
    if number is None or not -_MAX_STEP <= number < _MAX_STEP:
        raise ValueError(f"the {field} {cell!r} is no whole number of 64 bits")
    return number


def _number(cell: Any) -> float | None:
    """A number, or the name of one that JSON lacks; None for whatever is none."""
    if isinstance(cell, str):
        return float(cell) if cell in ("NaN", "Infinity", "-Infinity") else None
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return None
    try:
        return float(cell)
    except OverflowError:
        return None


def _is_like_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return isinstance(cell, str)


def _cell(text: str) -> Any:
    """What a field of a CSV file stands for: a number where it is one."""
    text = text.strip()
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", text, re.IGNORECASE):
        return float(text)
    return text
