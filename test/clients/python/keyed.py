"""Logs to a run: `keyed.py EXPERIMENT RUN`."""

import sys

import edgerun

experiment, run_id = sys.argv[1:]
with edgerun.init(experiment, run_id=run_id, attempt=0, params={"lr": 0.1}, system_metrics=False) as run:
    for step in range(100):
        run.log({"loss": step}, step)
