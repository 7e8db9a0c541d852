"""Logs with system metrics every fifth of a second."""

import sys
import time

import edgerun
import edgerun.system

edgerun.system.INTERVAL = 0.2
is_on = sys.argv[1] == "on"
with edgerun.init("system", owner="machines", tags={"python": "mine"}, system_metrics=is_on) as run:
    run.log({"loss": 1.0})
    block = bytearray(50_000_000)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        sum(range(1_000))
    # Steps that count by themselves go on from their own.
    run.log({"loss": 0.5})
print(run.id)
