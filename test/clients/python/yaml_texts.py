"""Compares how MLflow's meta.yaml is read with how PyYAML reads it, for texts of all kinds."""

import random

import yaml
from edgerun.imports import plainyaml

PIECES = [
    "a",
    "word",
    " ",
    "  ",
    "'",
    '"',
    ":",
    ": ",
    " #",
    "#",
    "\\",
    "\n",
    "\n\n",
    "\t",
    "é",
    "模",
    "\U0001f600",
    "-",
    "- ",
    "? ",
]
PIECES += [
    "{",
    "}",
    "[",
    "]",
    ",",
    "&",
    "*",
    "!",
    "|",
    ">",
    "%",
    "@",
    "`",
    "0",
    "1",
    "null",
    "~",
    "yes",
    "\x07",
    "e3",
    ".",
]

random.seed(7)
compared = 0
for _ in range(4_000):
    meta = {
        "name": "".join(random.choices(PIECES, k=random.randint(0, 60))),
        "tags": random.choice([[], ["x"], {"a": 1}]),
        "start_time": random.choice([None, 0, 1_700_000_000_000, -5]),
        "run_id": random.choice(["0123", "1e3", "007", "12345", "deadbeef", ""]),
    }
    written = yaml.dump(
        meta, default_flow_style=False, allow_unicode=random.random() < 0.7, Dumper=yaml.CSafeDumper
    )
    expected = {key: value for key, value in yaml.safe_load(written).items() if key != "tags"}
    read = {key: value for key, value in plainyaml.read(written).items() if key != "tags"}
    if read != expected:
        raise AssertionError(f"{written!r} is read as {read!r}")
    compared += len(read)
print(compared)
