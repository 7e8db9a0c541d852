"""Logs offline, a file too, and says which run it was."""

import os
import sys

import edgerun

with open("notes.txt", "w") as file:
    file.write("as it was when it was logged")
with edgerun.init("offline", owner="alice", mode="offline", params={"lr": 0.1}, seed=7) as run:
    for step in range(5_000):
        run.log({"loss": step / 4, "odd": float("nan") if step % 2 else -0.0}, step, timestamp=1_700_000_000 + step / 8)
    run.tags["note"] = "far away"
    run.log_artifact("notes.txt", "texts/notes.txt")
os.unlink("notes.txt")
sys.stdout.write(run.id)
