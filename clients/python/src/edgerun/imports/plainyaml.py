"""The YAML of MLflow's ``meta.yaml``: one mapping of names to scalars, as PyYAML writes it."""

from __future__ import annotations

import re
from typing import Union

Scalar = Union[str, int, None]

_ENTRY = re.compile(r"([A-Za-z_][\w.-]*):(?: (.*)|$)")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip


def read(text: str) -> dict[str, Scalar]:
    """The entries of a mapping that are scalars: texts, integers and null. Lists and mappings within it are left out."""
    found: dict[str, Scalar] = {}
    # Only line feeds end a line: texts may have other separators in them.
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        entry = _ENTRY.match(lines[at])
        at += 1
        if entry is None:
            continue
        parts = [entry[2] or ""]
        # A long text goes on in lines that are indented, or empty.
        while at < len(lines) and (lines[at].startswith(" ") or (not lines[at] and _goes_on(lines, at))):
            parts.append(lines[at])
            at += 1
        if parts[0] or len(parts) > 1:
            found[entry[1]] = _scalar(parts)
        elif at == len(lines) or not lines[at].startswith("- "):
            found[entry[1]] = None
    return found


def _goes_on(lines: list[str], at: int) -> bool:
    """Whether behind empty lines there is one that is indented."""
    return next((line.startswith(" ") for line in lines[at:] if line), False)


def _scalar(parts: list[str]) -> Scalar:
    first = parts[0]
    if first.startswith("'"):
        return _folded(parts)[1:-1].replace("''", "'")
    if first.startswith('"'):
        return _ESCAPE.sub(_unescaped, _folded(parts, escapes=True)[1:-1])
    text = _folded(parts)
    if text in ("null", "~", "Null", "NULL", ""):
        return None
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d*)", text) else text


def _folded(parts: list[str], *, escapes: bool = False) -> str:
    """Lines that were broken, in one: a line break stands for a space, and an empty line for a line break."""
    text = parts[0]
    blanks = 0
    for part in parts[1:]:
        line = part.lstrip(" ")
        if not line:
            blanks += 1
            continue
        if escapes and blanks == 0 and _ends_escaped(text):
            # An escaped line break stands for nothing, and an escaped space in front for itself.
            text = text[:-1] + line
        else:
            text += ("\n" * blanks or " ") + line
        blanks = 0
    return text


def _ends_escaped(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _unescaped(match: re.Match[str]) -> str:
    code: str | None = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else _ESCAPES.get(match[4], match[4])
