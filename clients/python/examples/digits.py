#!/usr/bin/env python3
"""A job of several ranks that logs with Edgerun, survives being killed, and needs nothing but Python.

    python digits.py --ranks 4            # starts four ranks, as torchrun does
    torchrun --nproc-per-node 4 digits.py # or torchrun does

Softmax regression on handwritten digits, data-parallel: each rank takes its share of a batch, and the gradients are
summed at every step. Rank 0 keeps a checkpoint; a job that is started again goes on from there, in the same run.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import random
import subprocess
import sys
import time
from multiprocessing.connection import Client, Connection, Listener

import edgerun

PIXELS, CLASSES = 64, 10
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../examples/data/digits.csv.gz")
Digit = tuple[list[float], int]


def load_digits() -> list[Digit]:
    with gzip.open(DATA, "rt") as file:
        rows = [[int(number) for number in line.split(",")] for line in file]
    return [([ink / 16 for ink in row[:PIXELS]] + [1.0], row[PIXELS]) for row in rows]


def scores(weights: list[float], pixels: list[float]) -> list[float]:
    size = PIXELS + 1
    return [sum(map(float.__mul__, weights[k * size : (k + 1) * size], pixels)) for k in range(CLASSES)]


def gradient(weights: list[float], digits: list[Digit]) -> list[float]:
    """The gradient of the cross-entropy, and that itself at the end, as sums over the digits."""
    size = PIXELS + 1
    sums = [0.0] * (CLASSES * size + 1)
    for pixels, label in digits:
        found = scores(weights, pixels)
        total = math.log(sum(math.exp(score) for score in found))
        sums[-1] += total - found[label]
        for k, score in enumerate(found):
            error = math.exp(score - total) - (k == label)
            for i, pixel in enumerate(pixels):
                sums[k * size + i] += error * pixel
    return sums


class AllReduce:
    """Sums lists over all ranks. Rank 0 adds them up; the others talk to it at MASTER_ADDR and MASTER_PORT."""

    def __init__(self, rank: int, world_size: int) -> None:
        address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]) + 1)
        self._rank = rank
        self._others: list[Connection] = []
        if rank == 0:
            with Listener(address, backlog=world_size) as listener:
                self._others = [listener.accept() for _ in range(1, world_size)]
            return
        while not self._others:
            try:
                self._others = [Client(address)]
            except ConnectionRefusedError:
                time.sleep(0.05)

    def __call__(self, numbers: list[float]) -> list[float]:
        if self._rank > 0:
            self._others[0].send(numbers)
            summed: list[float] = self._others[0].recv()
            return summed
        summed = [sum(column) for column in zip(numbers, *(other.recv() for other in self._others))]
        for other in self._others:
            other.send(summed)
        return summed


def train(options: argparse.Namespace) -> None:
    params = {"lr": options.lr, "batch_size": options.batch_size, "steps": options.steps}
    with edgerun.init("digits (softmax)", params=params, seed=options.seed) as run:
        digits = load_digits()
        all_reduce = AllReduce(run.rank, run.world_size)
        weights, first = [0.0] * (CLASSES * (PIXELS + 1)), 0
        if os.path.exists(options.checkpoint):
            with open(options.checkpoint) as file:
                weights, first = json.load(file)
        for step in range(first, options.steps):
            # The same batch on every rank, whatever attempt it is.
            batch = random.Random(options.seed * 1_000_003 + step).sample(digits, options.batch_size)
            mine = batch[run.rank :: run.world_size]
            own = gradient(weights, mine)
            mean = [number / len(batch) for number in all_reduce(own)]
            weights = [weight - options.lr * slope for weight, slope in zip(weights, mean)]
            run.log({"loss": own[-1] / len(mine)}, step)
            if run.rank == 0:
                run.log({"mean_loss": mean[-1]}, step)
                if step % options.save_every == options.save_every - 1:
                    save(options.checkpoint, weights, step + 1)
        if run.rank == 0:
            right = sum(
                max(range(CLASSES), key=scores(weights, x).__getitem__) == label for x, label in digits
            )
            run.log({"accuracy": right / len(digits)}, options.steps)


def save(path: str, weights: list[float], step: int) -> None:
    with open(f"{path}.new", "w") as file:
        json.dump([weights, step], file)
    os.replace(f"{path}.new", path)


def launch(ranks: int) -> int:
    """Starts so many ranks of this script on this machine, and waits for them; one that fails ends all."""
    env = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", **os.environ, "WORLD_SIZE": str(ranks)}
    children = [
        subprocess.Popen([sys.executable, *sys.argv], env={**env, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(ranks)
    ]
    while any(child.poll() is None for child in children):
        if any(child.returncode for child in children):
            for child in children:
                child.terminate()
            break
        time.sleep(0.05)
    return max(abs(child.wait()) for child in children)


def main() -> int:
    parser = argparse.ArgumentParser(description="Trains on handwritten digits, on several ranks.")
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--batch-size", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=10)
    parser.add_argument("--checkpoint", default="digits.checkpoint.json")
    options = parser.parse_args()
    if "RANK" not in os.environ:
        return launch(options.ranks)
    train(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
