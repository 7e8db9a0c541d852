"""Runs: their life, and what is logged into them."""

import time

import mlflow
from harness import environment, scenario
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)

# A moment that the client chooses, in milliseconds.
THEN = 1_600_000_000_000


@scenario("a run is created with name, tags, start and parent, and read back")
def create_and_get(t):
    experiment_id = t.experiment()
    parent = t.client.create_run(experiment_id, run_name="parent", start_time=THEN)
    t.record("parent", parent)
    child = t.client.create_run(
        experiment_id,
        run_name="child",
        start_time=THEN + 5,
        tags={"mlflow.parentRunId": parent.info.run_id, "mlflow.user": "alice", "mlflow.note.content": "*n*"},
    )
    t.record("child", child)
    t.record("read", t.client.get_run(child.info.run_id))
    t.record("parent of it", t.client.get_parent_run(child.info.run_id))
    t.record("parent of the parent", t.client.get_parent_run(parent.info.run_id))
    t.record("plain", t.client.create_run(experiment_id))
    t.record("start at zero", t.client.create_run(experiment_id, start_time=0).info.start_time)


@scenario("a run's name may come as name, as tag, as both or not at all")
def run_names(t):
    experiment_id = t.experiment()
    create = t.client.create_run
    for label, given in {
        "tag": {"tags": {"mlflow.runName": "from tag"}},
        "both the same": {"run_name": "same", "tags": {"mlflow.runName": "same"}},
        "both": {"run_name": "name", "tags": {"mlflow.runName": "tag"}},
        "none": {},
        "empty": {"run_name": ""},
        "text of any kind": {"run_name": "ünï/c — 🧪 'q' \"d\""},
        "spaces": {"run_name": "   "},
        "250": {"run_name": "n" * 250},
        "251": {"run_name": "n" * 251},
    }.items():
        run = t.attempt(label, lambda given=given: create(experiment_id, start_time=THEN, **given))
        if run:
            again = t.client.get_run(run.info.run_id)
            t.record(f"{label}: read", [again.info.run_name, again.data.tags.get("mlflow.runName")])
    run_id = t.run(experiment_id, run_name="first")
    t.client.set_tag(run_id, "mlflow.runName", "second")
    t.record("renamed by tag", t.client.get_run(run_id))
    t.client.update_run(run_id, name="third")
    t.record("renamed by update", t.client.get_run(run_id))
    t.client.log_batch(run_id, tags=[RunTag("mlflow.runName", "fourth")])
    t.record("renamed by batch", t.client.get_run(run_id))
    t.client.delete_tag(run_id, "mlflow.runName")
    t.record("tag of its name deleted", t.client.get_run(run_id))


@scenario("a run is ended, resumed and ended again")
def life(t):
    run_id = t.run(start_time=THEN)
    t.record("running", t.client.get_run(run_id).info)
    for status in ["FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"]:
        t.client.update_run(run_id, status=status)
        t.record(f"updated to {status}", t.client.get_run(run_id).info)
    t.client.set_terminated(run_id)
    t.record("terminated", t.client.get_run(run_id).info)
    t.client.set_terminated(run_id, status="FAILED", end_time=THEN + 1_000)
    t.record("terminated then", t.client.get_run(run_id).info)
    t.client.update_run(run_id, status="RUNNING")
    t.record("resumed", t.client.get_run(run_id).info)
    t.client.update_run(run_id, name="named")
    t.record("named", t.client.get_run(run_id).info)
    body = {"run_id": run_id, "status": "FINISHED", "end_time": THEN + 2_000, "run_name": "x"}
    t.http("answer of an update", "POST", "runs/update", json=body)
    t.http("only an end", "POST", "runs/update", json={"run_id": run_id, "end_time": THEN + 3_000})
    t.http("nothing", "POST", "runs/update", json={"run_id": run_id})
    t.http("name empty", "POST", "runs/update", json={"run_id": run_id, "run_name": ""})
    t.http("end of zero", "POST", "runs/update", json={"run_id": run_id, "end_time": 0})
    t.record("before the start", t.client.get_run(run_id).info)


@scenario("updates of runs that cannot be are refused")
def bad_updates(t):
    run_id = t.run(start_time=THEN)
    t.attempt("status in the client", t.client.update_run, run_id, status="DONE")
    for label, body in {
        "status": {"run_id": run_id, "status": "DONE"},
        "status small": {"run_id": run_id, "status": "finished"},
        "status as a number": {"run_id": run_id, "status": 3},
        "status as text of a number": {"run_id": run_id, "status": "3"},
        "end as text": {"run_id": run_id, "end_time": "soon"},
        "end as text of digits": {"run_id": run_id, "end_time": str(THEN)},
        "end as a fraction": {"run_id": run_id, "end_time": 1.5},
        "no run": {"status": "FINISHED"},
        "empty run": {"run_id": "", "status": "FINISHED"},
        "a number for a run": {"run_id": 5, "status": "FINISHED"},
        "a run that is not there": {"run_id": "f" * 32, "status": "FINISHED"},
        "a run of another form": {"run_id": "no such run", "status": "FINISHED"},
        "run_uuid": {"run_uuid": run_id, "status": "KILLED"},
        "name as a number": {"run_id": run_id, "run_name": 5},
    }.items():
        t.http(label, "POST", "runs/update", json=body)
    t.record("as it is now", t.client.get_run(run_id).info)


@scenario("a run is deleted and restored")
def delete_and_restore(t):
    run_id = t.run(start_time=THEN)
    t.client.log_metric(run_id, "loss", 1.0, THEN, 1)
    t.client.log_param(run_id, "lr", 0.1)
    t.client.delete_run(run_id)
    t.record("deleted", t.client.get_run(run_id))
    t.record("history is there", len(t.client.get_metric_history(run_id, "loss")))
    for label, call in {
        "deleted again": (t.client.delete_run, run_id),
        "log_metric": (t.client.log_metric, run_id, "loss", 2.0),
        "log_param": (t.client.log_param, run_id, "depth", 3),
        "set_tag": (t.client.set_tag, run_id, "k", "v"),
        "delete_tag": (t.client.delete_tag, run_id, "k"),
        "log_batch": (t.client.log_batch, run_id, [Metric("m", 1.0, THEN, 0)]),
        "empty log_batch": (t.client.log_batch, run_id),
        "update_run": (t.client.update_run, run_id, "FINISHED"),
        "set_terminated": (t.client.set_terminated, run_id),
        "log_inputs": (t.client.log_inputs, run_id, [DatasetInput(Dataset("d", "1", "local", "s"))]),
        "log_text": (t.client.log_text, run_id, "text", "a.txt"),
        "list_artifacts": (t.client.list_artifacts, run_id),
    }.items():
        t.attempt(label, *call)
    t.client.restore_run(run_id)
    t.record("restored", t.client.get_run(run_id))
    t.attempt("restored again", t.client.restore_run, run_id)
    t.client.log_metric(run_id, "loss", 2.0, THEN, 2)
    t.record("logged again", t.client.get_run(run_id).data.metrics)


@scenario("runs that do not exist are not found, whatever is asked of them")
def missing(t):
    nobody = "0123456789abcdef0123456789abcdef"
    for label, call in {
        "get_run": (t.client.get_run,),
        "delete_run": (t.client.delete_run,),
        "restore_run": (t.client.restore_run,),
        "update_run": (t.client.update_run, "FINISHED"),
        "log_metric": (t.client.log_metric, "loss", 1.0),
        "log_param": (t.client.log_param, "lr", 1),
        "set_tag": (t.client.set_tag, "k", "v"),
        "delete_tag": (t.client.delete_tag, "k"),
        "log_batch": (t.client.log_batch, [Metric("m", 1.0, THEN, 0)]),
        "get_metric_history": (t.client.get_metric_history, "loss"),
        "list_artifacts": (t.client.list_artifacts,),
        "log_inputs": (t.client.log_inputs, [DatasetInput(Dataset("d", "1", "local", "s"))]),
        "get_parent_run": (t.client.get_parent_run,),
    }.items():
        t.attempt(label, call[0], nobody, *call[1:])
    t.attempt("of another form", t.client.get_run, "no such run")
    t.attempt("as a uuid with dashes", t.client.get_run, "01234567-89ab-cdef-0123-456789abcdef")
    t.http("id missing", "GET", "runs/get")
    t.http("id empty", "GET", "runs/get", params={"run_id": ""})
    t.attempt("id empty in the client", t.client.get_run, "")
    run_id = t.run(start_time=THEN)
    t.normal.replaced[run_id.upper()] = "<RUN>"
    t.attempt("capitals", t.client.get_run, run_id.upper())


@scenario("run_uuid does as run_id")
def run_uuid(t):
    run_id = t.run(run_name="it", start_time=THEN)
    t.http("get", "GET", "runs/get", params={"run_uuid": run_id})
    for path, more in {
        "runs/log-metric": {"key": "m", "value": 1.0, "timestamp": THEN},
        "runs/log-parameter": {"key": "p", "value": "1"},
        "runs/set-tag": {"key": "t", "value": "1"},
    }.items():
        t.http(path, "POST", path, json={"run_uuid": run_id, **more})
    t.http("history", "GET", "metrics/get-history", params={"run_uuid": run_id, "metric_key": "m"})
    t.http("both", "GET", "runs/get", params={"run_uuid": "f" * 32, "run_id": run_id})
    t.record("after", t.client.get_run(run_id))
    other = t.run(t.experiment("other"), run_name="other", start_time=THEN)
    batch = {"run_uuid": other, "params": [{"key": "q", "value": "1"}]}
    t.http("other: log-batch", "POST", "runs/log-batch", json=batch)
    t.http("other: delete", "POST", "runs/delete", json={"run_uuid": other})
    found = t.client.get_run(other)
    t.record("other: after", [found.data.params, found.info.lifecycle_stage])


@scenario("params are kept as text and never change")
def params(t):
    run_id = t.run()
    for key, value in {
        "number": 0.1,
        "whole": 3,
        "text": "adam",
        "true": True,
        "none": None,
        "list": [1, 2],
        "dict": {"a": 1},
        "empty": "",
        "lines": "a\nb",
        "ünï — 値": "🧪",
        "slash/and.dots-_ :x": "x",
    }.items():
        t.attempt(f"log {key}", t.client.log_param, run_id, key, value)
    t.record("kept", t.client.get_run(run_id).data.params)
    t.attempt("the same again", t.client.log_param, run_id, "number", 0.1)
    t.attempt("another", t.client.log_param, run_id, "number", 0.2)
    t.attempt("another, of other case", t.client.log_param, run_id, "text", "Adam")
    t.attempt("to nothing", t.client.log_param, run_id, "text", "")
    t.attempt("from nothing", t.client.log_param, run_id, "empty", "x")
    t.record("value given", t.client.log_param(run_id, "given", 5))
    t.http(
        "on the wire", "POST", "runs/log-parameter", json={"run_id": run_id, "key": "number", "value": "9"}
    )
    t.http("value left out", "POST", "runs/log-parameter", json={"run_id": run_id, "key": "left out"})
    t.http("value a number", "POST", "runs/log-parameter", json={"run_id": run_id, "key": "n", "value": 1})
    t.http("key left out", "POST", "runs/log-parameter", json={"run_id": run_id, "value": "1"})
    t.record("kept in the end", t.client.get_run(run_id).data.params)


@scenario("params that cannot be are refused")
def bad_params(t):
    run_id = t.run()
    for label, (key, value) in {
        "key of 250": ("k" * 250, "v"),
        "key of 251": ("k" * 251, "v"),
        "value of 6,000": ("six", "v" * 6_000),
        "value of 6,001": ("six and one", "v" * 6_001),
        "value of 6,000 wide": ("wide", "値" * 6_000),
        "empty": ("", "v"),
        "dot": (".", "v"),
        "dots": ("..", "v"),
        "up": ("../up", "v"),
        "absolute": ("/absolute", "v"),
        "double slash": ("a//b", "v"),
        "trailing slash": ("a/", "v"),
        "dot inside": ("a/./b", "v"),
        "percent": ("a%b", "v"),
        "question": ("a?b", "v"),
        "quote": ('a"b', "v"),
        "line": ("a\nb", "v"),
        "tab": ("a\tb", "v"),
        "colon": ("a:b", "v"),
        "brackets": ("a[0]", "v"),
        "equals": ("a=b", "v"),
        "star": ("a*b", "v"),
        "plus, comma": ("a+b,c", "v"),
        "at": ("a@b", "v"),
        "parentheses": ("a(b)", "v"),
        "backslash": ("a\\b", "v"),
        "hash": ("a#b", "v"),
        "space": ("a b", "v"),
    }.items():
        t.http(label, "POST", "runs/log-parameter", json={"run_id": run_id, "key": key, "value": value})
        if len(key) < 200:
            body = {"run_id": run_id, "key": key, "value": 1.0, "timestamp": THEN}
            t.record(f"{label} as a metric", t.answer(t.send("POST", "runs/log-metric", json=body)))
            body = {"run_id": run_id, "key": key, "value": "v"}
            t.record(f"{label} as a tag", t.answer(t.send("POST", "runs/set-tag", json=body)))
    body = {"run_id": run_id, "value": 1.0, "timestamp": THEN}
    t.http("metric of 250", "POST", "runs/log-metric", json={**body, "key": "k" * 250})
    t.http("metric of 251", "POST", "runs/log-metric", json={**body, "key": "k" * 251})


@scenario("tags of runs are set, changed and deleted")
def tags(t):
    run_id = t.run(tags={"a": "1"})
    for key, value in {
        "b": "2",
        "a": "changed",
        "empty": "",
        "number": 5,
        "ünï": "値",
        "lines": "a\nb",
    }.items():
        t.client.set_tag(run_id, key, value)
    t.client.set_tag(run_id, "mlflow.note.content", "# A note")
    t.client.set_tag(run_id, "mlflow.source.type", "NOTEBOOK")
    t.record("set", t.client.get_run(run_id).data.tags)
    t.client.delete_tag(run_id, "a")
    t.record("one deleted", t.client.get_run(run_id).data.tags)
    t.attempt("deleted again", t.client.delete_tag, run_id, "a")
    t.attempt("key of 250", t.client.set_tag, run_id, "k" * 250, "v")
    t.attempt("key of 251", t.client.set_tag, run_id, "k" * 251, "v")
    t.attempt("value of 8,000", t.client.set_tag, run_id, "long", "v" * 8_000)
    t.attempt("value of 8,001", t.client.set_tag, run_id, "longer", "v" * 8_001)
    t.attempt("key empty", t.client.set_tag, run_id, "", "v")
    t.attempt("delete of an empty key", t.client.delete_tag, run_id, "")
    t.http("value left out", "POST", "runs/set-tag", json={"run_id": run_id, "key": "k"})
    t.http("value a number", "POST", "runs/set-tag", json={"run_id": run_id, "key": "k", "value": 1})
    t.record("user before", t.client.get_run(run_id).info.user_id)
    t.client.set_tag(run_id, "mlflow.user", "bob")
    t.record("user after", t.client.get_run(run_id).info.user_id)
    t.record("kept", sorted(t.client.get_run(run_id).data.tags))
    long = t.client.get_run(run_id).data.tags
    t.record("lengths", {key[:6]: len(value) for key, value in long.items() if len(value) > 100})


@scenario("metrics keep every value, and the latest is that of the highest step, then time, then value")
def latest_metrics(t):
    run_id = t.run()
    log = t.client.log_metric
    for key, points in {
        "in order": [(1.0, 10, 1), (2.0, 11, 2)],
        "out of order": [(5.0, 12, 5), (2.0, 13, 2)],
        "same step later": [(1.0, 10, 3), (2.0, 20, 3)],
        "same step earlier": [(1.0, 20, 3), (2.0, 10, 3)],
        "same step and time": [(3.0, 10, 3), (1.0, 10, 3), (2.0, 10, 3)],
        "same in all": [(1.0, 10, 3), (1.0, 10, 3)],
        "negative steps": [(1.0, 10, -5), (2.0, 10, -7)],
        "no step": [(1.0, 10, 0), (2.0, 11, 0)],
        "large steps": [(1.0, 10, 2**53 + 1), (2.0, 10, 2**53)],
        "largest steps": [(1.0, 10, 2**63 - 1), (2.0, 10, -(2**63))],
    }.items():
        for value, timestamp, step in points:
            log(run_id, key, value, THEN + timestamp, step)
        t.record(f"{key}: history", t.client.get_metric_history(run_id, key))
    t.record("latest", t.client.get_run(run_id).data.metrics)
    t.http("on the wire", "GET", "runs/get", params={"run_id": run_id})
    t.record("of a name that is not there", t.client.get_metric_history(run_id, "nothing"))


@scenario("metrics may be NaN, infinite, tiny and huge")
def odd_values(t):
    run_id = t.run()
    values = {
        "nan": float("nan"),
        "inf": float("inf"),
        "-inf": float("-inf"),
        "-0": -0.0,
        "tiny": 5e-324,
        "small": 1e-300,
        "huge": 1.7976931348623157e308,
        "third": 1 / 3,
        "whole": 3,
        "large whole": 2**60,
        "true": True,
    }
    for key, value in values.items():
        t.attempt(f"log {key}", t.client.log_metric, run_id, key, value, THEN, 1)
    t.record("latest", t.client.get_run(run_id).data.metrics)
    for key in values:
        t.record(key, t.client.get_metric_history(run_id, key))
    batch = [Metric(f"batch {key}", float(value), THEN, 1) for key, value in values.items()]
    t.client.log_batch(run_id, metrics=batch)
    t.record("latest with a batch", t.client.get_run(run_id).data.metrics)
    response = t.send("GET", "runs/get", params={"run_id": run_id})
    metrics = response.json()["run"]["data"]["metrics"]
    t.record("on the wire", sorted([each["key"], {"value": each["value"]}] for each in metrics))
    for label, value in {
        "text NaN": "NaN",
        "text nan": "nan",
        "text Infinity": "Infinity",
        "text -Infinity": "-Infinity",
        "text inf": "inf",
        "text number": "1.5",
        "text": "high",
        "empty": "",
        "null": None,
        "true": True,
        "list": [1],
        "dict": {"a": 1},
    }.items():
        body = {"run_id": run_id, "key": f"wire {label}", "value": value, "timestamp": THEN}
        t.http(f"wire {label}", "POST", "runs/log-metric", json=body)
    t.record("latest in the end", t.client.get_run(run_id).data.metrics)
    mixed = [("a", float("nan")), ("a", 1.0)], [("b", 1.0), ("b", float("nan"))]
    for pair in mixed:
        for key, value in pair:
            t.client.log_metric(run_id, f"mixed {key}", value, THEN, 1)
    t.record(
        "NaN and a number at one step",
        {key: value for key, value in t.client.get_run(run_id).data.metrics.items() if "mixed" in key},
    )


@scenario("metrics that cannot be are refused")
def bad_metrics(t):
    run_id = t.run()
    good = {"run_id": run_id, "key": "m", "value": 1.0, "timestamp": THEN, "step": 1}
    for label, change in {
        "no key": {"key": None},
        "empty key": {"key": ""},
        "key a number": {"key": 5},
        "no value": {"value": None},
        "no time": {"timestamp": None},
        "time as text": {"timestamp": "now"},
        "time as text of digits": {"timestamp": "1600000000000"},
        "time with a fraction": {"timestamp": 1.5},
        "time negative": {"timestamp": -5},
        "time zero": {"timestamp": 0},
        "time in seconds": {"timestamp": 1_600_000_000},
        "time beyond int64": {"timestamp": 2**63},
        "step as text": {"step": "one"},
        "step as text of digits": {"step": "7"},
        "step with a fraction": {"step": 1.5},
        "step as a whole float": {"step": 2.0},
        "step beyond int64": {"step": 2**63},
        "step none": {"step": None},
        "run none": {"run_id": None},
        "run a number": {"run_id": 7},
    }.items():
        t.http(label, "POST", "runs/log-metric", json={**good, "key": label, **change})
        t.record(f"{label}: kept", t.client.get_metric_history(run_id, label))
    for field in ["key", "value", "timestamp", "step", "run_id"]:
        body = {name: value for name, value in good.items() if name != field}
        t.http(f"without {field}", "POST", "runs/log-metric", json=body)
    t.attempt("text in the client", t.client.log_metric, run_id, "m", "high")
    t.attempt("key none in the client", t.client.log_metric, run_id, None, 1.0)
    t.attempt("step as text in the client", t.client.log_metric, run_id, "m", 1.0, THEN, "a")
    t.record("history", t.client.get_metric_history(run_id, "m"))


@scenario("a batch logs metrics, params and tags at once")
def batch(t):
    run_id = t.run(run_name="it", start_time=THEN)
    metrics = [Metric(f"m{n % 3}", n / 4, THEN + n, n) for n in range(12)]
    params = [Param("lr", "0.1"), Param("depth", "3"), Param("ünï", "値")]
    tags = [RunTag("a", "1"), RunTag("b", ""), RunTag("a", "2")]
    t.attempt("logged", t.client.log_batch, run_id, metrics, params, tags)
    t.record("run", t.client.get_run(run_id))
    for key in ("m0", "m1", "m2"):
        t.record(key, t.client.get_metric_history(run_id, key))
    t.attempt("the same again", t.client.log_batch, run_id, metrics, params, tags)
    t.record("m0 again", len(t.client.get_metric_history(run_id, "m0")))
    t.attempt("nothing", t.client.log_batch, run_id)
    twice = [Metric("twice", 1.0, THEN, 1)] * 3
    t.client.log_batch(run_id, twice)
    t.record("one point three times", t.client.get_metric_history(run_id, "twice"))
    steps = [Metric("steps", float(n), THEN, n % 2) for n in range(5)]
    t.client.log_batch(run_id, steps)
    t.record("several at a step", t.client.get_metric_history(run_id, "steps"))
    t.record("latest", t.client.get_run(run_id).data.metrics)
    mlflow.log_metrics({"a": 1.0, "b": float("nan")}, step=3, run_id=run_id, timestamp=THEN)
    t.record("log_metrics", t.client.get_metric_history(run_id, "a"))


@scenario("a batch with a param that changes is refused as a whole")
def changed_params(t):
    run_id = t.run(run_name="it", start_time=THEN)
    log = t.client.log_batch
    log(run_id, params=[Param("lr", "0.1"), Param("depth", "3")])
    for label, given in {
        "one changed": [Param("new", "1"), Param("lr", "0.2")],
        "two changed": [Param("lr", "0.2"), Param("depth", "4")],
        "the same": [Param("lr", "0.1"), Param("depth", "3")],
        "twice the same": [Param("x", "1"), Param("x", "1")],
        "twice different": [Param("y", "1"), Param("y", "2")],
        "three times": [Param("z", "1"), Param("z", "2"), Param("z", "1")],
    }.items():
        t.attempt(label, log, run_id, [Metric(f"m {label}", 1.0, THEN, 0)], given, [RunTag(label, "1")])
    t.record("after", t.client.get_run(run_id))
    t.attempt("log_params", mlflow.log_params, {"lr": 0.3}, run_id=run_id)
    t.attempt("log_param", mlflow.log_param, "lr", 0.1)
    mlflow.end_run()


@scenario("a batch has limits, each with a message of its own")
def batch_limits(t):
    run_id = t.run()
    metric = {"key": "m", "value": 1.0, "timestamp": THEN, "step": 0}
    metrics = lambda count: [{**metric, "step": n} for n in range(count)]
    pairs = lambda count: [{"key": f"k{n}", "value": "v"} for n in range(count)]
    for label, body in {
        "1,000 metrics": {"metrics": metrics(1_000)},
        "1,001 metrics": {"metrics": metrics(1_001)},
        "100 params": {"params": pairs(100)},
        "101 params": {"params": pairs(101)},
        "100 tags": {"tags": pairs(100)},
        "101 tags": {"tags": pairs(101)},
        "1,000 in all": {"metrics": metrics(800), "params": pairs(100), "tags": pairs(100)},
        "1,001 in all": {"metrics": metrics(801), "params": pairs(100), "tags": pairs(100)},
        "a megabyte": {"tags": [{"key": f"k{n}", "value": "v" * 8_000} for n in range(100)]},
        "more than a megabyte": {"params": [{"key": "k", "value": "v" * 1_100_000}]},
        "nothing": {},
        "empty lists": {"metrics": [], "params": [], "tags": []},
    }.items():
        t.http(label, "POST", "runs/log-batch", json={"run_id": run_id, **body})
    t.record("points", len(t.client.get_metric_history(run_id, "m")))


@scenario("what is wrong within a batch is said with its place")
def bad_batches(t):
    run_id = t.run()
    metric = {"key": "m", "value": 1.0, "timestamp": THEN, "step": 0}
    for label, body in {
        "metric without key": {"metrics": [metric, {**metric, "key": None}]},
        "metric with an empty key": {"metrics": [{**metric, "key": ""}]},
        "metric without value": {"metrics": [{"key": "m", "timestamp": THEN}]},
        "metric without time": {"metrics": [{"key": "m", "value": 1.0}]},
        "metric without step": {"metrics": [{"key": "no step", "value": 1.0, "timestamp": THEN}]},
        "metric with a bad key": {"metrics": [metric, {**metric, "key": "a%b"}]},
        "metric with a long key": {"metrics": [metric, {**metric, "key": "k" * 251}]},
        "metric with text": {"metrics": [{**metric, "value": "high"}]},
        "metric with NaN": {"metrics": [{**metric, "key": "nan", "value": "NaN"}]},
        "metric with a bad time": {"metrics": [{**metric, "timestamp": "now"}]},
        "metric with a negative time": {"metrics": [{**metric, "timestamp": -1}]},
        "metrics no list": {"metrics": {**metric, "value": 0.5}},
        "metrics text": {"metrics": "m"},
        "metrics null": {"metrics": None},
        "metric no object": {"metrics": [1]},
        "param without key": {"params": [{"value": "1"}]},
        "param with an empty key": {"params": [{"key": "", "value": "1"}]},
        "param without value": {"params": [{"key": "none"}]},
        "param with a number": {"params": [{"key": "number", "value": 1}]},
        "param with a bad key": {"params": [{"key": "ok", "value": "1"}, {"key": "../up", "value": "1"}]},
        "param with a long key": {"params": [{"key": "k" * 251, "value": "1"}]},
        "param with a long value": {"params": [{"key": "p", "value": "v" * 6_001}]},
        "tag without key": {"tags": [{"value": "1"}]},
        "tag without value": {"tags": [{"key": "none"}]},
        "tag with a bad key": {"tags": [{"key": "a//b", "value": "1"}]},
        "tag with a long key": {"tags": [{"key": "k" * 251, "value": "1"}]},
        "tag with a long value": {"tags": [{"key": "t", "value": "v" * 8_001}]},
        "tag with a number": {"tags": [{"key": "number", "value": 1}]},
        "good and bad": {"metrics": [{**metric, "key": "good"}], "params": [{"key": "a%b", "value": "1"}]},
    }.items():
        t.http(label, "POST", "runs/log-batch", json={"run_id": run_id, **body})
    t.http("without run", "POST", "runs/log-batch", json={"metrics": [metric]})
    t.http("run empty", "POST", "runs/log-batch", json={"run_id": "", "metrics": [metric]})
    run = t.client.get_run(run_id)
    params = {key: len(value) for key, value in run.data.params.items()}
    t.record("kept", {"metrics": run.data.metrics, "params": params, "tags": sorted(run.data.tags)})


@scenario("what a client logs too long is refused or cut, as it was told")
def too_long(t):
    run_id = t.run()
    for cut in ("true", "false"):
        with environment(MLFLOW_TRUNCATE_LONG_VALUES=cut):
            t.attempt(f"param, cut {cut}", t.client.log_param, run_id, f"p {cut}", "v" * 7_000)
            t.attempt(f"tag, cut {cut}", t.client.set_tag, run_id, f"t {cut}", "v" * 9_000)
            t.attempt(
                f"batch, cut {cut}",
                t.client.log_batch,
                run_id,
                params=[Param(f"b {cut}", "v" * 7_000)],
                tags=[RunTag(f"b {cut}", "v" * 9_000)],
            )
    data = t.client.get_run(run_id).data
    t.record("lengths of params", {key: len(value) for key, value in data.params.items()})
    lengths = {key: len(value) for key, value in data.tags.items() if not key.startswith("mlflow.")}
    t.record("lengths of tags", lengths)
    t.attempt("100 params", mlflow.log_params, {f"q{n}": n for n in range(100)}, run_id=run_id)
    t.attempt("250 params", mlflow.log_params, {f"r{n}": n for n in range(250)}, run_id=run_id)
    t.attempt("1,500 metrics", mlflow.log_metrics, {f"m{n}": n for n in range(1_500)}, run_id=run_id)
    t.attempt("250 tags", mlflow.set_tags, {f"s{n}": n for n in range(250)})
    mlflow.end_run()
    data = t.client.get_run(run_id).data
    t.record("how many", [len(data.params), len(data.metrics)])


def dataset(name="digits", digest="abc123", **more):
    """A dataset that is used as an input."""
    given = {"source_type": "local", "source": '{"uri": "data.csv"}', **more}
    return Dataset(
        name, digest, given["source_type"], given["source"], more.get("schema"), more.get("profile")
    )


@scenario("datasets are logged as inputs, with tags and context")
def inputs(t):
    run_id = t.run()
    full = dataset(schema='{"a": "long"}', profile='{"rows": 10}')
    tags = [InputTag("mlflow.data.context", "train"), InputTag("part", "first")]
    t.client.log_inputs(run_id, [DatasetInput(full, tags)])
    t.record("one", t.client.get_run(run_id).inputs)
    t.client.log_inputs(run_id, [DatasetInput(full, tags)])
    t.record("the same again", t.client.get_run(run_id).inputs)
    other = [InputTag("mlflow.data.context", "eval"), InputTag("more", "1")]
    t.attempt("with other tags", t.client.log_inputs, run_id, [DatasetInput(full, other)])
    changed = t.client.get_run(run_id).inputs.dataset_inputs
    t.record("after other tags", [sorted(tag.key + "=" + tag.value for tag in each.tags) for each in changed])
    t.client.log_inputs(run_id, [DatasetInput(dataset("bare", "1")), DatasetInput(dataset("digits", "2"))])
    names = [
        each.dataset.name + each.dataset.digest for each in t.client.get_run(run_id).inputs.dataset_inputs
    ]
    t.record("several", sorted(names))
    second = t.run(t.client.get_run(run_id).info.experiment_id)
    t.client.log_inputs(second, [DatasetInput(dataset(source="elsewhere"), [])])
    t.record("same name and digest in another run", t.client.get_run(second).inputs)
    t.attempt("nothing", t.client.log_inputs, second, [])
    with mlflow.start_run(run_id=second):
        import pandas as pd

        frame = pd.DataFrame({"x": [1, 2, 3], "y": [0.5, 1.5, 2.5]})
        logged = mlflow.data.from_pandas(frame, source="train.csv", name="frame", targets="y")
        mlflow.log_input(logged, context="training", tags={"k": "v"})
    inputs = t.client.get_run(second).inputs.dataset_inputs
    t.record("a frame", [each for each in inputs if each.dataset.name == "frame"])


@scenario("inputs that cannot be are refused")
def bad_inputs(t):
    run_id = t.run()
    good = {"name": "d", "digest": "1", "source_type": "local", "source": "s"}
    for label, change in {
        "without name": {"name": None},
        "without digest": {"digest": None},
        "without source": {"source": None},
        "without source type": {"source_type": None},
        "empty name": {"name": ""},
        "name of 501": {"name": "n" * 501},
        "digest of 37": {"digest": "d" * 37},
        "source of 65,536": {"source": "s" * 65_536},
        "name a number": {"name": 5},
    }.items():
        body = {"run_id": run_id, "datasets": [{"dataset": {**good, **change}, "tags": []}]}
        t.http(label, "POST", "runs/log-inputs", json=body)
    for label, tag in {
        "tag key of 256": {"key": "k" * 256, "value": "v"},
        "tag value of 501": {"key": "k", "value": "v" * 501},
        "tag without key": {"value": "v"},
        "tag without value": {"key": "k"},
    }.items():
        body = {"run_id": run_id, "datasets": [{"dataset": good, "tags": [tag]}]}
        t.http(label, "POST", "runs/log-inputs", json=body)
    t.http("without run", "POST", "runs/log-inputs", json={"datasets": [{"dataset": good}]})
    t.http("no list", "POST", "runs/log-inputs", json={"run_id": run_id, "datasets": {"dataset": good}})
    t.http("without dataset", "POST", "runs/log-inputs", json={"run_id": run_id, "datasets": [{"tags": []}]})
    many = [{"dataset": {**good, "name": f"n{n}"}} for n in range(1_001)]
    t.http("1,001 datasets", "POST", "runs/log-inputs", json={"run_id": run_id, "datasets": many})
    names = [each.dataset.name for each in t.client.get_run(run_id).inputs.dataset_inputs]
    t.record("kept of many", len([name for name in names if name.startswith("n")]))
    t.record("kept", {f"name {name!r}": names.count(name) for name in names if not name.startswith("n")})


@scenario("the datasets of an experiment are listed")
def search_datasets(t):
    experiment_id = t.experiment()
    for n, context in enumerate(["train", "eval", None]):
        tags = [InputTag("mlflow.data.context", context)] if context else []
        t.client.log_inputs(t.run(experiment_id), [DatasetInput(dataset("set", f"d{n}"), tags)])
    t.client.log_inputs(t.run(experiment_id), [DatasetInput(dataset("set", "d0"), [])])
    path = "/ajax-api/2.0/mlflow/experiments/search-datasets"
    answer = t.send("POST", path, json={"experiment_ids": [experiment_id]})
    summaries = sorted(answer.json()["dataset_summaries"], key=lambda each: str(sorted(each.items())))
    t.record("found", summaries)
    t.http("no experiment", "POST", path, json={"experiment_ids": []})
    t.http("too many", "POST", path, json={"experiment_ids": [str(n) for n in range(21)]})
    t.http("none in it", "POST", path, json={"experiment_ids": ["0"]})
    t.http("not there", "POST", path, json={"experiment_ids": ["999999"]})


@scenario("models are inputs and outputs of runs")
def model_inputs_and_outputs(t):
    experiment_id = t.experiment()
    run_id = t.run(experiment_id)
    models = [t.client.create_logged_model(experiment_id, f"m{n}").model_id for n in range(3)]
    outputs = [LoggedModelOutput(models[0], 5), LoggedModelOutput(models[1], 0)]
    t.client.log_outputs(run_id, outputs)
    found = t.client.get_run(run_id)
    key = lambda each: models.index(each.model_id)
    t.record("outputs", sorted(found.outputs.model_outputs, key=key))
    t.attempt("again", t.client.log_outputs, run_id, outputs)
    t.attempt("with another step", t.client.log_outputs, run_id, [LoggedModelOutput(models[0], 7)])
    t.record("after", sorted(t.client.get_run(run_id).outputs.model_outputs, key=key))
    t.client.log_inputs(run_id, models=[LoggedModelInput(models[2])])
    t.record("inputs", t.client.get_run(run_id).inputs)
    t.attempt(
        "a model that is not there", t.client.log_outputs, run_id, [LoggedModelOutput("m-" + "0" * 32, 0)]
    )
    t.attempt("an input not there", t.client.log_inputs, run_id, models=[LoggedModelInput("m-" + "1" * 32)])
    t.attempt("a run that is not there", t.client.log_outputs, "f" * 32, outputs)
    t.http("no models", "POST", "runs/outputs", json={"run_id": run_id, "models": []})
    t.http("models left out", "POST", "runs/outputs", json={"run_id": run_id})
    t.http("on the wire", "GET", "runs/get", params={"run_id": t.run(experiment_id, run_name="r")})


@scenario("runs are nested, and children find their parents")
def nested(t):
    mlflow.set_experiment(t.name())
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_param("who", "parent")
        for n in range(2):
            with mlflow.start_run(run_name=f"child {n}", nested=True) as child:
                mlflow.log_metric("score", n)
                with mlflow.start_run(run_name=f"grandchild {n}", nested=True) as grandchild:
                    mlflow.set_tag("depth", 2)
        mlflow.log_metric("done", 1)
    t.record("parent", t.client.get_run(parent.info.run_id).info.status)
    tag = lambda run: t.client.get_run(run.info.run_id).data.tags.get("mlflow.parentRunId")
    t.record("child's parent", tag(child) == parent.info.run_id)
    t.record("grandchild's parent", tag(grandchild) == child.info.run_id)
    t.record("parent of it", mlflow.get_parent_run(grandchild.info.run_id).info.run_name)
    children = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'",
        order_by=["attributes.run_name"],
        output_format="list",
    )
    t.record("children", [run.info.run_name for run in children])
    with mlflow.start_run(parent_run_id=parent.info.run_id, run_name="adopted") as adopted:
        t.record("adopted", tag(adopted) == parent.info.run_id)
    t.attempt("without nested", lambda: [mlflow.start_run(), mlflow.start_run()])


@scenario("a run is resumed by its id and keeps what it had")
def resume(t):
    mlflow.set_experiment(t.name())
    with mlflow.start_run(run_name="it", tags={"a": "1"}, description="first") as run:
        mlflow.log_metric("loss", 1.0, step=1)
        mlflow.log_param("lr", 0.1)
    t.record("ended", t.client.get_run(run.info.run_id))
    with mlflow.start_run(run_id=run.info.run_id, tags={"b": "2"}) as again:
        t.record("running again", t.client.get_run(again.info.run_id).info)
        mlflow.log_metric("loss", 0.5, step=2)
        t.attempt("param again", mlflow.log_param, "lr", 0.1)
        t.attempt("param changed", mlflow.log_param, "lr", 0.2)
    t.record("in the end", t.client.get_run(run.info.run_id))
    t.record("history", t.client.get_metric_history(run.info.run_id, "loss"))
    try:
        with mlflow.start_run(run_name="fails") as failing:
            raise KeyError("on purpose")
    except KeyError:
        t.record("failed", t.client.get_run(failing.info.run_id).info.status)
    t.client.delete_run(run.info.run_id)
    t.attempt("resumed when deleted", lambda: mlflow.start_run(run_id=run.info.run_id))
    t.attempt("resumed when never there", lambda: mlflow.start_run(run_id="f" * 32))


@scenario("what is logged asynchronously arrives")
def asynchronous(t):
    mlflow.set_experiment(t.name())
    with mlflow.start_run() as run:
        operations = [mlflow.log_metric("loss", 1 / (n + 1), step=n, synchronous=False) for n in range(50)]
        operations.append(mlflow.log_param("lr", 0.1, synchronous=False))
        operations.append(mlflow.set_tag("a", "b", synchronous=False))
        operations.append(mlflow.log_params({"x": 1, "y": 2}, synchronous=False))
        operations.append(mlflow.log_metrics({"p": 1, "q": 2}, step=1, synchronous=False))
        for operation in operations:
            operation.wait()
    t.record("steps", [point.step for point in t.client.get_metric_history(run.info.run_id, "loss")])
    t.record("data", t.client.get_run(run.info.run_id).data.params)
    mlflow.config.enable_async_logging(True)
    try:
        with mlflow.start_run() as second:
            for n in range(100):
                mlflow.log_metric("loss", float(n), step=n)
            mlflow.log_params({f"p{n}": n for n in range(30)})
            mlflow.set_tags({"k": "v"})
            mlflow.flush_async_logging()
    finally:
        mlflow.config.enable_async_logging(False)
    found = t.client.get_run(second.info.run_id)
    t.record("second", [found.data.metrics, found.data.params, found.data.tags["k"], found.info.status])
    points = t.client.get_metric_history(second.info.run_id, "loss")
    t.record("points", [len(points), sum(point.value for point in points)])
    with mlflow.start_run():
        failing = mlflow.log_params({"p": 1}, synchronous=False)
        failing.wait()
        t.attempt("a param that changes", mlflow.log_params({"p": 2}, synchronous=False).wait)


@scenario("the fluent functions log into the active run")
def fluent(t):
    mlflow.set_experiment(t.name())
    with mlflow.start_run(run_name="it", description="what it is", log_system_metrics=False) as run:
        t.record("log_param gives", mlflow.log_param("lr", 0.1))
        mlflow.log_params({"depth": 3, "name": "adam"})
        mlflow.log_metric("loss", 0.5)
        mlflow.log_metric("loss", 0.25, step=1, timestamp=THEN)
        mlflow.log_metrics({"a": 1, "b": 2.5}, step=2)
        mlflow.set_tag("k", "v")
        mlflow.set_tags({"x": 1, "y": None})
        mlflow.delete_tag("x")
        t.record("active", mlflow.active_run().info.run_id == run.info.run_id)
    found = mlflow.get_run(run.info.run_id)
    t.record("data", [found.data.params, found.data.metrics])
    t.record("tags", {k: v for k, v in found.data.tags.items() if not k.startswith("mlflow.source")})
    t.record("info", found.info)
    t.record("last", mlflow.last_active_run().info.run_id == run.info.run_id)
    t.record("history", t.client.get_metric_history(run.info.run_id, "loss"))
    mlflow.delete_run(run.info.run_id)
    t.record("deleted", mlflow.get_run(run.info.run_id).info.lifecycle_stage)
    begin = int(time.time() * 1_000)
    info = t.client.create_run(t.experiment("times")).info
    t.record("start is now", begin <= info.start_time <= time.time() * 1_000)
