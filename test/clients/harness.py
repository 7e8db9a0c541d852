"""Runs the scenarios of a theme against a tracking server and writes down what the real client saw.

`python harness.py MODULE OUT [SCENARIO...]`, with the server in MLFLOW_TRACKING_URI. What must differ from server
to server (generated ids, the time, made-up names of runs) becomes a symbol; all else is written as it came.
"""

import contextlib
import enum
import hashlib
import importlib
import io
import json
import math
import os
import pathlib
import random
import re
import shutil
import signal
import string
import sys
import tempfile
import time
import traceback

# The packages of the virtual environment, and the scenarios.
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import mlflow
import pandas as pd
import requests
from mlflow.entities._mlflow_object import _MlflowObject
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList

# How long a scenario may take, in seconds.
PATIENCE = 60

# Clocks of client and server are the same here; how far they may be apart, in milliseconds.
TOLERANCE = 2_000

# Ends the names of this process, so that it may run again on the same server.
SALT = "".join(random.choices(string.ascii_lowercase, k=6))

SCENARIOS = {}


def scenario(sentence):
    """Makes a function a scenario. The sentence is what the test is called."""

    def register(function):
        if sentence in SCENARIOS:
            raise ValueError(f"There are two scenarios {sentence!r}")
        SCENARIOS[sentence] = function
        return function

    return register


class Normal:
    """Writes values as plain JSON, with symbols for what no two servers have in common."""

    def __init__(self, replaced):
        self.replaced = replaced
        self.symbols = {}
        self.counts = {}
        self.experiments = set()
        self.begin = time.time() * 1_000 - TOLERANCE

    def symbol(self, kind, key):
        if key not in self.symbols:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.symbols[key] = f"<{kind} {self.counts[kind]}>"
        return self.symbols[key]

    def experiment(self, key):
        # The first of all, Default, is "0" everywhere. MLflow counts, Edgerun has uuids.
        if isinstance(key, str) and re.fullmatch(r"\d{9,}|[0-9a-f]{32}", key):
            self.experiments.add(key)

    def identity(self, key):
        if key in self.experiments:
            return self.symbol("experiment", key)
        return self.symbol("run", key) if len(key) == 32 else key

    def is_now(self, number):
        return self.begin <= number <= time.time() * 1_000 + TOLERANCE

    def text(self, text):
        for found, name in self.replaced.items():
            text = text.replace(found, name)
        # The words of SQLAlchemy and of the driver below it.
        text = re.sub(
            r"(\(raised as a [^\n]*\n)?\(psycopg2\.errors\.(\w+)\).*",
            r"<database: \2>",
            text,
            flags=re.DOTALL,
        )
        # When a line was logged.
        text = re.sub(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "<time> ", text, flags=re.MULTILINE)
        # Python's sets have no order.
        text = re.sub(r"\{('[^']*'(?:, '[^']*')*)\}", in_set_order, text)
        if "too many 500 error responses" in text:
            return "<500>"
        if re.fullmatch(r"[a-z]+(-[a-z]+)+-\d{1,3}", text):
            return "<random name>"
        if re.fullmatch(r"\d{13}", text) and self.is_now(int(text)):
            return "<now, as text>"
        text = re.sub(r"\b[0-9a-f]{40}\b", "<commit>", text)
        text = re.sub(r"\bm-[0-9a-f]{32}\b", lambda found: self.symbol("model", found[0]), text)
        for found in re.finditer(r"mlflow-artifacts:/(\w+)", text):
            self.experiment(found[1])
        hexadecimal = r"(?<![0-9A-Za-z])([0-9a-f]{32}|\d{9,})(?![0-9A-Za-z])"
        text = re.sub(hexadecimal, lambda found: self.identity(found[0]), text)
        uuid = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
        text = re.sub(uuid, lambda found: self.symbol("uuid", found[0]), text)
        return text

    def number(self, number):
        if isinstance(number, int):
            if self.is_now(number):
                return "<now>"
            return number if abs(number) < 2**53 else f"<int {number}>"
        if math.isnan(number) or math.isinf(number):
            return f"<{number}>"
        if number == 0 and math.copysign(1, number) < 0:
            return "<-0>"
        return "<now>" if self.is_now(number) else number

    def value(self, value):
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, enum.Enum):
            return value.name
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (int, float)):
            return self.number(value)
        if isinstance(value, bytes):
            if len(value) <= 200:
                return self.text(value.decode(errors="backslashreplace"))
            return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
        if isinstance(value, pathlib.PurePath):
            return self.text(str(value))
        if isinstance(value, PagedList):
            return {"items": [self.value(item) for item in value], "token": bool(value.token)}
        if isinstance(value, pd.DataFrame):
            rows = value.astype(object).where(value.notna(), None).to_dict("records")
            return {"columns": sorted(self.text(name) for name in value.columns), "rows": self.value(rows)}
        if isinstance(value, pd.Timestamp):
            return self.value(int(value.timestamp() * 1_000))
        if isinstance(value, dict):
            return self.mapping(value)
        if isinstance(value, _MlflowObject):
            return self.mapping(dict(value))
        if isinstance(value, (list, tuple)) or type(value).__name__ == "RepeatedScalarContainer":
            return [self.value(item) for item in value]
        if isinstance(value, (set, frozenset)):
            return sorted(self.value(item) for item in value)
        if hasattr(value, "item"):
            return self.value(value.item())
        raise TypeError(f"A scenario records {value!r}, for which there is no plain form")

    def mapping(self, mapping):
        mapping = {str(key): value for key, value in mapping.items()}
        if isinstance(mapping.get("next_page_token"), str):
            mapping["next_page_token"] = "<token>" if mapping["next_page_token"] else ""
        self.experiment(mapping.get("experiment_id"))
        # A double may be written without a point.
        if type(mapping.get("value")) is int:
            mapping["value"] = float(mapping["value"])
        return {self.text(key): self.value(mapping[key]) for key in sorted(mapping)}


def in_set_order(found):
    return "{" + ", ".join(sorted(found[1].split(", "))) + "}"


class Trial:
    """What a scenario is given."""

    def __init__(self, name, url):
        self.slug = f"{name}_{SALT}"
        self.url = url
        self.client = mlflow.MlflowClient(url)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="scenario-"))
        self.normal = Normal(
            {
                self.slug: name,
                url: "<server>",
                url.split("//")[1]: "<server>",
                str(self.folder): "<folder>",
            }
        )
        self.records = {}

    def name(self, name="it"):
        """A name that no other scenario uses."""
        return f"{name} of {self.slug}"

    def experiment(self, name="experiment", **more):
        """Creates an experiment and gives its id."""
        experiment_id = self.client.create_experiment(self.name(name), **more)
        self.normal.experiment(experiment_id)
        return experiment_id

    def run(self, experiment_id=None, **more):
        """Creates a run, in an experiment of its own where none is given, and gives its id."""
        return self.client.create_run(experiment_id or self.experiment(), **more).info.run_id

    def record(self, label, value):
        """Writes down what must be equal on both servers."""
        if label in self.records:
            raise ValueError(f"Recorded twice: {label}")
        self.records[label] = self.normal.value(value)

    def attempt(self, label, function, *args, **more):
        """Writes down what a call gives, or how it fails; gives what it gave."""
        try:
            given = function(*args, **more)
        except MlflowException as error:
            self.record(label, {"error_code": error.error_code, "message": error.message})
            return None
        except Exception as error:
            self.record(label, {"exception": type(error).__name__, "message": str(error)})
            return None
        self.record(label, given)
        return given

    def send(self, method, path, **more):
        """Sends a request past the client. A path without a door is one of /api/2.0/mlflow/."""
        if not path.startswith("/"):
            path = f"/api/2.0/mlflow/{path}"
        # On a new connection: MLflow's server breaks one where it fails.
        response = requests.request(method, self.url + path, timeout=60, **more)
        with contextlib.suppress(ValueError, AttributeError):
            self.normal.experiment(response.json().get("experiment_id"))
        return response

    def answer(self, response):
        """The status and body of an answer."""
        if "<!doctype html>" in response.text[:50].lower():
            return {"status": response.status_code, "body": "<page>"}
        try:
            body = in_order(response.json())
        except ValueError:
            body = response.text if len(response.content) <= 500 else response.content
        return {"status": response.status_code, "body": body}

    def http(self, label, method, path, **more):
        """Sends a request past the client and writes the answer down; gives the body."""
        response = self.send(method, path, **more)
        self.record(label, self.answer(response))
        with contextlib.suppress(ValueError):
            return response.json()

    def file(self, name, content):
        """Makes a local file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)


def in_order(body):
    """The body of an answer with what has no order sorted: params, tags and latest metrics of an entity."""
    if isinstance(body, list):
        return [in_order(item) for item in body]
    if not isinstance(body, dict):
        return body
    sets = ("tags", "params", "aliases") + (() if "next_page_token" in body else ("metrics",))
    is_history = set(body) <= {"metrics", "next_page_token"}
    ordered = {}
    for key, value in body.items():
        if key in sets and not (is_history and key == "metrics") and isinstance(value, list):
            value = sorted(value, key=lambda item: json.dumps(item, sort_keys=True))
        ordered[key] = in_order(value)
    return ordered


@contextlib.contextmanager
def environment(**variables):
    """Sets variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def too_slow(*_):
    raise TimeoutError(f"It takes longer than {PATIENCE} seconds")


def try_out(sentence, function, url):
    """Runs a scenario; gives what it recorded, and how it broke where it did."""
    trial = Trial(function.__name__, url)
    signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(PATIENCE)
    begin = time.time()
    broke = None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            function(trial)
    except Exception:
        broke = traceback.format_exc()
    finally:
        signal.alarm(0)
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.tracking.fluent._active_experiment_id = None
        shutil.rmtree(trial.folder, ignore_errors=True)
    return {"records": trial.records, "broke": broke, "seconds": round(time.time() - begin, 2)}


def main(module, out, *only):
    url = os.environ["MLFLOW_TRACKING_URI"]
    importlib.import_module(module)
    results = {}
    for sentence, function in SCENARIOS.items():
        if not only or function.__name__ in only:
            results[sentence] = try_out(sentence, function, url)
    pathlib.Path(out).write_text(json.dumps(results, allow_nan=False))


if __name__ == "__main__":
    # Scenarios import this file by its name, and must find the one table.
    import harness

    harness.main(*sys.argv[1:])
