"""A rank that logs: writes down each step after `log` has returned, so a test knows what must be stored.

`trainer.py JOURNAL STEPS SECONDS`. A trainer that is started again goes on where its journal ends.
"""

import os
import sys
import time

import edgerun


def main() -> None:
    journal, steps, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    run = edgerun.init("journal", owner="trainers", system_metrics=False)
    fd = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    done = os.read(fd, 10_000_000).decode().split("\n")[:-1]
    first = len(done)
    for step in range(first, steps):
        value = run.attempt * 1_000_000 + step
        run.log({"loss": value, "accuracy": -value}, step)
        os.write(fd, f"{value}\n".encode())
        time.sleep(seconds / steps)
    run.finish()


main()
