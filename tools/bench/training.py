"""A training loop with a tracker's client in it.

    python training.py CLIENT ADDRESS CALLS

Prints JSON: the seconds that the loop takes `alone`, without a client, and `logged`, with one; `finish`, the seconds until the
client has ended its run; `run`, the run's id.
"""

import json
import os
import sys
import time

client, address, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])


def edgerun():
    import edgerun

    run = edgerun.init("training", owner="bench", uri=address, system_metrics=False)
    return run.log, run.finish, run.id


def mlflow(**options):
    import mlflow

    mlflow.set_tracking_uri(address)
    mlflow.set_experiment("training")
    run = mlflow.start_run()
    return lambda metrics, step: mlflow.log_metrics(metrics, step, **options), mlflow.end_run, run.info.run_id


def trackio():
    import trackio

    run = trackio.init(project="training", embed=False, auto_log_gpu=False)
    return lambda metrics, step: run.log(metrics, step=step), run.finish, ""


def wandb():
    import wandb

    run = wandb.init(project="training", mode="offline")
    return lambda metrics, step: run.log(metrics, step=step), run.finish, ""


CLIENTS = {
    "edgerun": edgerun,
    "mlflow": lambda: mlflow(synchronous=True),
    "mlflowAsync": lambda: mlflow(synchronous=False),
    "trackio": trackio,
    "wandb": wandb,
}


def train(log):
    """So many steps of some 0.04 ms, in Python, which what runs beside them hinders most."""
    begin = time.perf_counter()
    for step in range(calls):
        loss = sum(value * value for value in range(1_500)) / (step + 1)
        metrics = {"loss": loss, "accuracy": 1 - 1 / (step + 1), "lr": 0.1, "grad_norm": loss / 3, "samples_per_second": 1e3 + step}
        log(metrics, step)
    return time.perf_counter() - begin


def nothing(metrics, step):
    """In the place of a client."""


# Clients speak of themselves on the standard output stream.
out = os.dup(1)
os.dup2(2, 1)
alone = min(train(nothing) for _ in range(3))
log, finish, run = CLIENTS[client]()
logged = train(log)
begin = time.perf_counter()
finish()
answer = {"alone": alone, "logged": logged, "finish": time.perf_counter() - begin, "run": run}
os.write(out, json.dumps(answer).encode())
