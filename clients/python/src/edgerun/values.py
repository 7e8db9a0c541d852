"""What the tracker takes for names and values, and how anything else becomes that."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Union

Scalar = Union[str, int, float, bool]

NAME_LENGTH = 250
PARAM_LENGTH = 6_000
TAG_LENGTH = 8_000

#: How many params or tags a request may set.
MAX_NAMED = 1_000

#: Beyond it JSON's numbers lose digits on their way through a double.
MAX_SAFE = 2**53 - 1
_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1

#: The first and the last moment that the tracker knows, in epoch milliseconds: of the years 1 and 9999.
_EARLIEST, _LATEST = -62_135_596_800_000, 253_402_300_799_999

_UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def name_fault(name: Any) -> str | None:
    """What is wrong with the name of a metric."""
    if not isinstance(name, str):
        return "is no text"
    if not name:
        return "is empty"
    if len(name) > NAME_LENGTH:
        return f"has more than {NAME_LENGTH} characters"
    if _UNPRINTABLE.search(name):
        return "has characters in it that cannot be printed"
    return "is no name" if name in (".", "..") else None


def is_step(step: Any) -> bool:
    return isinstance(step, int) and _MIN_STEP <= step <= _MAX_STEP


def is_moment(milliseconds: int) -> bool:
    return _EARLIEST <= milliseconds <= _LATEST


def wire_values(values: list[float]) -> list[float | str]:
    """Values as JSON has them: no number is NaN or infinite, so the tracker takes their names."""
    if all(map(math.isfinite, values)):
        return values  # type: ignore[return-value]
    return [wire_value(value) for value in values]


def wire_value(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def wire_steps(steps: list[int]) -> list[int | str]:
    """Steps as JSON has them: beyond 2^53 they would lose digits."""
    if min(steps) >= -MAX_SAFE and max(steps) <= MAX_SAFE:
        return steps  # type: ignore[return-value]
    return [step if -MAX_SAFE <= step <= MAX_SAFE else str(step) for step in steps]


def scalar(value: Any, longest: int) -> Scalar:
    """A value of a param or tag: text, a number or a boolean as they are, anything else as text. Long texts are cut."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and -MAX_SAFE <= value <= MAX_SAFE:
        return int(value)
    if isinstance(value, float) and math.isfinite(value) and abs(value) <= MAX_SAFE:
        return float(value)
    if isinstance(value, (list, tuple)):
        try:
            value = json.dumps(value)
        except (TypeError, ValueError):
            pass
    elif not isinstance(value, str) and hasattr(value, "item") and getattr(value, "size", None) == 1:
        # A number of NumPy.
        return scalar(value.item(), longest)
    return storable(str(value), longest)


def storable(text: str, longest: int) -> str:
    """Text that a database can hold, cut where it is too long."""
    return _UNSTORABLE.sub("\ufffd", text)[:longest]


def flattened(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of mappings within mappings, by their names with a dot between."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{name}.")
        else:
            yield name, value


def named(values: Mapping[Any, Any], longest: int) -> tuple[dict[str, Scalar], list[str]]:
    """Params or tags as the tracker takes them; and the names that it does not take."""
    kept: dict[str, Scalar] = {}
    refused = []
    for name, value in flattened(values):
        if not name or len(name) > NAME_LENGTH or _UNSTORABLE.search(name) or name == "__proto__":
            refused.append(name)
        else:
            kept[name] = scalar(value, longest)
    return kept, refused


def batches(values: Mapping[str, Any], size: int = MAX_NAMED) -> Iterator[dict[str, Any]]:
    """The same names and values, so many at a time."""
    entries = list(values.items())
    for at in range(0, len(entries), size):
        yield dict(entries[at : at + size])
