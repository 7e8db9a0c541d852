"""Runs all tests and prints, as JSON, how each ended: null, or what went wrong. With `--list`, only their names."""

from __future__ import annotations

import io
import json
import os
import sys
import unittest
from collections.abc import Iterator
from contextlib import redirect_stdout

HERE = os.path.dirname(os.path.abspath(__file__))


def each(tests: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
    if isinstance(tests, unittest.TestCase):
        yield tests
    else:
        for test in tests:
            yield from each(test)


def main() -> None:
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "src"))
    suite = unittest.defaultTestLoader.discover(HERE, top_level_dir=os.path.dirname(HERE))
    tests = list(each(suite))
    if sys.argv[1:] == ["--list"]:
        print(json.dumps([test.id() for test in tests]))
        return
    outcomes: dict[str, str | None] = {test.id(): None for test in tests}
    with redirect_stdout(io.StringIO()):
        result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)
    for test, trace in (*result.failures, *result.errors):
        # A subtest is told under its test; what is no test, such as a module that cannot be loaded, under its own name.
        outcomes[getattr(test, "test_case", test).id()] = trace
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
