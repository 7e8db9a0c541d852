"""Edgerun over plain HTTP: what a training job needs to log, to be copied into a project of yours."""

import gzip
import http.client
import json
import math
import os
import queue
import random
import threading
import time
import urllib.error
import urllib.request

URL = (os.environ.get('EDGERUN_URL') or 'http://127.0.0.1:8787').rstrip('/')
KEY = os.environ.get('EDGERUN_KEY')
POST_EVERY = 0.5  # seconds
POINTS_A_POST = 10_000  # the API takes 20,000


class TrackerError(Exception):
    """A request that the tracker refused, or that did not reach it while there was time."""


def within(seconds):
    """A `give_up` for `request`: so long from now."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def request(method, path, give_up, body=None):
    """Sends a request until it is answered or `give_up()` is true; returns the answer.

    What failed in passing (no connection, no answer, 408, 429, 5xx) is sent again with the same body, later
    each time. That is safe: what the tracker has stored already, it stores no second time.
    """
    headers = {'Authorization': f'Bearer {KEY}'} if KEY else {}
    data = None
    if body is not None:
        headers['Content-Type'] = 'application/json'
        data = json.dumps(body).encode()
        if len(data) > 1024:
            headers['Content-Encoding'] = 'gzip'
            data = gzip.compress(data)
    wait = 0.25
    while True:
        pause = wait * random.uniform(0.5, 1)
        try:
            attempt = urllib.request.Request(URL + path, data, headers, method=method)
            with urllib.request.urlopen(attempt, timeout=15) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429) and error.code < 500:
                problem = error.read().decode(errors='replace')
                raise TrackerError(f'{method} {path} was refused: {error.code} {problem}') from None
            problem = error
            asked = error.headers.get('Retry-After', '')
            pause = max(pause, float(asked) if asked.isdigit() else 0)
        except (OSError, ValueError, http.client.HTTPException) as error:
            problem = error
        if give_up():
            raise TrackerError(f'The tracker at {URL} cannot be reached: {problem}; is EDGERUN_URL right?')
        time.sleep(pause)
        wait = min(2 * wait, 8)


class MetricLog:
    """Logs the points of one rank. A thread sends them twice a second; they are kept till stored."""

    def __init__(self, run_id, rank):
        self.points = 0
        self._path, self._rank = f'/runs/{run_id}/metrics', rank
        self._queue = queue.SimpleQueue()
        self._closing = threading.Event()
        self._is_late = None  # there is all the time in the world while training goes on
        self._failure = None
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def log(self, step, **metrics):
        """Logs one value a metric at this step; never waits. Raises what an earlier post failed with."""
        if self._failure:
            raise self._failure
        now = int(time.time() * 1000)
        for name, value in metrics.items():
            self._queue.put((name, step, wire_value(value), now))
            self.points += 1

    def close(self):
        """Sends what is left. The tracker has stored every point when this returns."""
        self._is_late = within(60)
        self._closing.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _send_all(self):
        try:
            while not self._closing.wait(POST_EVERY):
                self._post()
            while not self._queue.empty():
                self._post()
        except Exception as error:
            self._failure = error

    def _post(self):
        series = {}
        for _ in range(min(self._queue.qsize(), POINTS_A_POST)):
            name, step, value, timestamp = self._queue.get()
            columns = series.setdefault(name, {'name': name, 'steps': [], 'values': [], 'timestamps': []})
            columns['steps'].append(step)
            columns['values'].append(value)
            columns['timestamps'].append(timestamp)
        if series:
            body = {'rank': self._rank, 'series': list(series.values())}
            request('POST', self._path, lambda: self._is_late and self._is_late(), body)


def wire_value(value):
    """JSON has no number for NaN and infinity: the API takes their names."""
    if math.isfinite(value):
        return value
    return 'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'
