"""Measures how long `log` takes: five metrics a call, to a tracker that is not there, which it must not notice."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src"))

import edgerun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--mode", choices=["online", "offline", "disabled"], default="online")
    parser.add_argument("--uri", default="http://127.0.0.1:9", help="the tracker (default: none)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as spool:
        run = edgerun.init("bench", uri=options.uri, spool=spool, mode=options.mode, system_metrics=False)
        metrics = {"loss": 0.0, "accuracy": 0.5, "lr": 0.1, "gradient_norm": 1.0, "samples_per_second": 1e3}
        took = []
        for step in range(options.calls):
            metrics["loss"] = step / 3
            begin = time.perf_counter_ns()
            run.log(metrics, step)
            took.append(time.perf_counter_ns() - begin)
        run.finish(patience=60 if options.uri != parser.get_default("uri") else 0)
    took.sort()
    for name, share in (("median", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)):
        print(f"{name:>7}  {took[min(len(took) - 1, int(share * len(took)))] / 1_000:8.2f} µs")


if __name__ == "__main__":
    main()
