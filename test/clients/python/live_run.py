"""A run that somebody follows: logs a step whenever it is told to, and ends with its input."""

import sys

import edgerun

with edgerun.init("live", owner="tail", system_metrics=False) as run:
    print(run.id, flush=True)
    for line in sys.stdin:
        step = int(line)
        run.log({"loss": 1 / (step + 1), "train/acc": float("nan")}, step)
