"""Logs in processes that are forked from one that has begun the run, and in that one meanwhile."""

import os
import sys

import edgerun

run = edgerun.init("forks", owner="alice", system_metrics=False)
children = []
for child in range(1, 5):
    pid = os.fork()
    if pid == 0:
        for step in range(1_000):
            run.log({f"child {child}": step}, step)
        # Two end as a process does that is killed.
        if child % 2:
            run.finish()
        os._exit(0)
    children.append(pid)
for step in range(1_000):
    run.log({"parent": step}, step)
for pid in children:
    os.waitpid(pid, 0)
run.finish()
sys.stdout.write(run.id)
