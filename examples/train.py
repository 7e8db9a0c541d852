#!/usr/bin/env python3
"""The job of train.ts with nothing but Python's standard library: all that Edgerun asks for is HTTP.

A classifier of handwritten digits with one hidden layer, data-parallel on several processes. Each rank trains
on its share of every batch, the gradients are averaged at every step, and each rank logs its own points while
it trains. How they get to the tracker is in tracker.py.
"""

import argparse
import getpass
import gzip
import hashlib
import math
import multiprocessing
import os
import platform
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from array import array
from operator import mul

from tracker import URL, MetricLog, TrackerError, request, within

HERE = os.path.dirname(os.path.abspath(__file__))
PIXELS, CLASSES, BATCH_SIZE = 64, 10, 60
EVALUATE_EVERY = 25  # steps


# The network


def load_digits():
    """UCI's handwritten digits (see data/README.md): 1,498 to train on, and every sixth, 299, held out.

    A digit is a pair: 64 pixels, 0 white to 1 black, with a constant 1 for the bias; and what it shows.
    """
    with gzip.open(os.path.join(HERE, 'data', 'digits.csv.gz'), 'rt') as file:
        rows = [[int(number) for number in line.split(',')] for line in file]
    digits = [([ink / 16 for ink in row[:PIXELS]] + [1.0], row[PIXELS]) for row in rows]
    return [digit for i, digit in enumerate(digits) if i % 6 != 5], digits[5::6]


def initial_weights(width, rng):
    """All parameters, flat: each unit's weights (He et al., 2015) and bias; first hidden, then classes."""
    inputs = [PIXELS] * width + [width] * CLASSES
    return [w for n in inputs for w in (*(rng.gauss(0, math.sqrt(2 / n)) for _ in range(n)), 0.0)]


def layers(weights, width):
    """The rows of the hidden layer (`width` units) and those of the classes."""
    border = width * (PIXELS + 1)
    hidden = [weights[i : i + PIXELS + 1] for i in range(0, border, PIXELS + 1)]
    return hidden, [weights[i : i + width + 1] for i in range(border, len(weights), width + 1)]


def dot(a, b):
    return sum(map(mul, a, b))


def forward(hidden_rows, class_rows, pixels):
    """What the hidden units (and a constant 1) and the ten classes give."""
    hidden = [max(0.0, dot(row, pixels)) for row in hidden_rows] + [1.0]
    return hidden, [dot(row, hidden) for row in class_rows]


def loss_and_gradient(weights, width, digits):
    """Sums over the digits: softmax cross-entropy in nats, and its gradient, as flat as the weights."""
    hidden_rows, class_rows = layers(weights, width)
    columns = list(zip(*class_rows))
    loss, hiddens, errors, hidden_errors = 0.0, [], [], []
    for pixels, label in digits:
        hidden, scores = forward(hidden_rows, class_rows, pixels)
        highest = max(scores)
        log_total = highest + math.log(sum(math.exp(score - highest) for score in scores))
        loss += log_total - scores[label]
        error = [math.exp(score - log_total) - (k == label) for k, score in enumerate(scores)]
        hiddens.append(hidden)
        errors.append(error)
        hidden_errors.append(
            [dot(error, column) if unit else 0.0 for unit, column in zip(hidden[:-1], columns)]
        )
    gradient = []
    for layer_errors, inputs in (hidden_errors, [pixels for pixels, _ in digits]), (errors, hiddens):
        inputs = list(zip(*inputs))
        gradient += [dot(unit, column) for unit in zip(*layer_errors) for column in inputs]
    return loss, gradient


def accuracy(weights, width, digits):
    rows = layers(weights, width)
    scores = [(forward(*rows, pixels)[1], label) for pixels, label in digits]
    return sum(score.index(max(score)) == label for score, label in scores) / len(digits)


def learning_rate(step, steps, peak, warmup):
    """Rises to `peak` over the share `warmup` of the steps, then falls to 0 along half a cosine."""
    done = step / steps
    if done < warmup:
        return peak * done / warmup
    return peak * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2


# The ranks


class AllReduce:
    """Sums lists of `size` numbers over all ranks, in the order of the ranks: the same bits everywhere."""

    def __init__(self, context, ranks, size):
        self.stop = context.RawValue('b', 0)
        self.barrier = context.Barrier(ranks)
        self._round = 0
        # Two sets in turn: nobody fills one again before everybody has read it and come to the next round.
        self._slots = [[context.RawArray('d', size + 1) for _ in range(ranks)] for _ in range(2)]

    def __call__(self, rank, numbers):
        """The sums; None, on all ranks in the same round, when the job is to stop."""
        slots = self._slots[self._round % 2]
        self._round += 1
        # The word to stop is summed with the rest, so that all ranks get it together.
        slots[rank][:] = [*numbers, self.stop.value]
        try:
            self.barrier.wait(timeout=60)
        except threading.BrokenBarrierError:
            return None
        *sums, stop = map(sum, zip(*(slot[:] for slot in slots)))
        return None if stop else sums


def run_rank(run_id, rank, seed, params, all_reduce, outcome):
    """Trains on a share of every batch; sends how many points it logged and a hash of its weights."""
    log = MetricLog(run_id, rank)
    try:
        weights = train(log, rank, seed, all_reduce, **params)
    except BaseException:
        all_reduce.barrier.abort()
        raise
    finally:
        log.close()
    outcome.send((log.points, hashlib.sha256(array('d', weights)).hexdigest()))


def train(
    log,
    rank,
    seed,
    all_reduce,
    *,
    lr,
    batch_size,
    hidden_units,
    epochs,
    ranks,
    momentum,
    weight_decay,
    warmup,
):
    digits, held_out = load_digits()
    # The same seed on every rank: they start with the same weights and shuffle in the same way.
    rng = random.Random(seed)
    weights = initial_weights(hidden_units, rng)
    velocity = [0.0] * len(weights)
    steps_an_epoch = len(digits) // batch_size
    steps = epochs * steps_an_epoch
    step_end = time.perf_counter()
    for step in range(1, steps + 1):
        start = (step - 1) % steps_an_epoch * batch_size
        if start == 0:
            rng.shuffle(digits)
        shard = digits[start : start + batch_size][rank::ranks]

        loss, gradient = loss_and_gradient(weights, hidden_units, shard)
        sums = all_reduce(rank, gradient)
        if sums is None:
            break
        mean = [number / batch_size for number in sums]
        rate = learning_rate(step, steps, lr, warmup)
        velocity = [momentum * v + g + weight_decay * w for v, g, w in zip(velocity, mean, weights)]
        weights = [w - rate * v for w, v in zip(weights, velocity)]

        seconds = time.perf_counter() - step_end
        step_end += seconds
        loss /= len(shard)
        log.log(step, loss=loss, samples_per_second=len(shard) / seconds)
        if rank == 0:
            log.log(step, gradient_norm=math.sqrt(dot(mean, mean)), learning_rate=rate)
            if step % EVALUATE_EVERY == 0 or step == steps:
                score = accuracy(weights, hidden_units, held_out)
                log.log(step, accuracy=score)
                print(f'step {step}/{steps}  loss {loss:.4f}  accuracy {score:.1%}', flush=True)
    return weights


# The run


def main():
    params = read_options()
    seed, ranks = params.pop('seed'), params['ranks']
    context = multiprocessing.get_context('spawn')
    all_reduce = AllReduce(context, ranks, len(initial_weights(params['hidden_units'], random)))
    interrupted = []

    def stop(number, _frame):
        print('Stopping; what was logged is still sent', flush=True)
        interrupted.append(number)
        all_reduce.stop.value = 1
        on_signals(signal.SIG_DFL)  # a second Ctrl-C ends the process at once

    on_signals(stop)
    run_id = create_run(seed, params)
    print(f'Training on {ranks} ranks; the run is {URL}/runs/{run_id}', flush=True)
    try:
        start = time.monotonic()
        # Ctrl-C goes to every process. The ranks inherit that they ignore it: this one tells them to stop.
        on_signals(signal.SIG_IGN)
        receivers = [start_rank(context, run_id, rank, seed, params, all_reduce) for rank in range(ranks)]
        on_signals(stop)
        outcomes = list(map(receive, receivers))
        seconds = time.monotonic() - start
        summaries = request('GET', f'/runs/{run_id}/metrics', within(20))
        weights = check(outcomes, summaries)
        status = 'failed' if interrupted else 'completed'
        end_run(run_id, {'status': status, 'tags': {'weights_sha256': weights}})
    except BaseException:
        all_reduce.stop.value = 1
        end_run(run_id, {'status': 'failed'})
        raise
    print(f'\n{status} after {seconds:.1f} s: {URL}/runs/{run_id}\n\n{table(summaries)}')
    return 128 + interrupted[0] if interrupted else 0


def on_signals(handler):
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


def create_run(seed, params):
    """Creates an experiment and its run in one request; returns the run's id."""
    try:
        owner = getpass.getuser()[:50]
    except (KeyError, OSError, ImportError):
        owner = 'unknown'
    tags = {
        'framework': 'none',
        'dataset': 'UCI digits',
        'host': platform.node(),
        'python': platform.python_version(),
    }
    try:
        commit = subprocess.run(
            ['git', 'rev-parse', 'HEAD'], cwd=HERE, capture_output=True, check=True, text=True
        )
        tags['git_commit'] = commit.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pass  # there is no git, or no commit
    name = f'{params["hidden_units"]} hidden units, seed {seed}'
    experiment = {
        # An id of our own makes the request safe to send again: it answers the same experiment.
        'id': str(uuid.uuid4()),
        'name': 'handwritten digits (Python)',
        'owner': owner,
        'run': {'name': name, 'seed': seed, 'params': params, 'tags': tags},
    }
    return request('POST', '/experiments', within(5), experiment)['runs'][0]['id']


def end_run(run_id, change):
    request('PATCH', f'/runs/{run_id}', within(20), change)


def start_rank(context, *args):
    """Starts a rank; returns the end of the pipe into which it sends its outcome."""
    receiver, sender = context.Pipe(duplex=False)
    context.Process(target=run_rank, args=(*args, sender)).start()
    sender.close()
    return receiver


def receive(receiver):
    """A rank's outcome; None when it failed, and so sent none."""
    try:
        return receiver.recv()
    except EOFError:
        return None


def check(outcomes, summaries):
    """What must hold after training: all ranks have the same weights, and the tracker has every point."""
    if None in outcomes:
        raise SystemExit('A rank failed; it says above why')
    hashes = {weights for _, weights in outcomes}
    if len(hashes) != 1:
        raise RuntimeError('The ranks do not have the same weights')
    logged, stored = sum(points for points, _ in outcomes), sum(row['count'] for row in summaries)
    if stored != logged:
        raise RuntimeError(f'The tracker has {stored} of {logged} points')
    print(f'\nThe ranks have the same weights, and the tracker has all {logged} points.')
    return hashes.pop()


def table(summaries):
    def short(point):
        value = '-' if point is None else point['value']
        return value if isinstance(value, str) else f'{value:.4g}'

    rows = [('name', 'rank', 'count', 'last', 'min', 'max')]
    for row in summaries:
        rows.append(
            (row['name'], row['rank'], row['count'], *(short(row[key]) for key in ('last', 'min', 'max')))
        )
    return '\n'.join(f'{name:18}' + ''.join(f'{cell!s:>11}' for cell in cells) for name, *cells in rows)


def read_options():
    """The run's params, and its seed."""
    parser = argparse.ArgumentParser(
        description='Trains a classifier of handwritten digits on several ranks, and logs it to Edgerun.',
        epilog=f'EDGERUN_URL is the address of the tracker (now {URL}), EDGERUN_KEY its key, if it has one.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument('--epochs', type=int, default=12, help='passes over the training images')
    parser.add_argument('--ranks', type=int, default=4, help='processes that share every batch')
    parser.add_argument('--seed', type=int, default=1, help='determines the weights and the batches')
    parser.add_argument('--lr', type=float, default=0.1, help='peak learning rate')
    parser.add_argument(
        '--hidden', dest='hidden_units', type=int, default=32, help='units of the hidden layer'
    )
    params = vars(parser.parse_args())
    if params['epochs'] < 1 or params['hidden_units'] < 1 or not 1 <= params['ranks'] <= BATCH_SIZE:
        parser.error(f'epochs and hidden are at least 1, ranks from 1 to {BATCH_SIZE}')
    return {**params, 'batch_size': BATCH_SIZE, 'momentum': 0.9, 'weight_decay': 1e-4, 'warmup': 0.1}


if __name__ == '__main__':
    try:
        sys.exit(main())
    except TrackerError as error:
        sys.exit(str(error))
