"""The wire itself: what clients in any language rely on below the Python client."""

import json
import re

from harness import scenario

THEN = 1_600_000_000_000


@scenario("a server says that it is well, which version it is and what it can do")
def plumbing(t):
    t.http("health", "GET", "/health")
    t.http("version", "GET", "/version")
    t.http("server-info", "GET", "/api/3.0/mlflow/server-info")
    t.http("server-info for the page", "GET", "/ajax-api/3.0/mlflow/server-info")
    t.record("type of health", t.send("GET", "/health").headers["content-type"].split(";")[0])
    answer = t.send("GET", "experiments/get", params={"experiment_id": "0"})
    t.record("type of an answer", answer.headers["content-type"].split(";")[0])
    answer = t.send("GET", "experiments/get", params={"experiment_id": "999999"})
    t.record("type of an error", answer.headers["content-type"].split(";")[0])


@scenario("the same routes answer under /ajax-api")
def ajax(t):
    base = "/ajax-api/2.0/mlflow"
    body = t.http("create", "POST", f"{base}/experiments/create", json={"name": t.name()})
    experiment_id = body["experiment_id"]
    t.http("get", "GET", f"{base}/experiments/get", params={"experiment_id": experiment_id})
    body = {"experiment_id": experiment_id, "start_time": THEN, "run_name": "it"}
    run_id = t.http("create a run", "POST", f"{base}/runs/create", json=body)["run"]["info"]["run_id"]
    metric = {"run_id": run_id, "key": "m", "value": 1.5, "timestamp": THEN, "step": 2}
    t.http("log", "POST", f"{base}/runs/log-metric", json=metric)
    t.http("get a run", "GET", f"{base}/runs/get", params={"run_id": run_id})
    t.http("search", "POST", f"{base}/runs/search", json={"experiment_ids": [experiment_id]})
    t.http("history", "GET", f"{base}/metrics/get-history", params={"run_id": run_id, "metric_key": "m"})
    t.http("not there", "GET", f"{base}/runs/get", params={"run_id": "f" * 32})


@scenario("whole numbers of 64 bits may be sent as numbers or text, and come as numbers")
def int64(t):
    experiment_id = t.experiment()
    for label, start in {"number": THEN, "text": str(THEN), "float": float(THEN), "zero": 0}.items():
        body = {"experiment_id": experiment_id, "start_time": start, "run_name": "it"}
        t.http(f"start as {label}", "POST", "runs/create", json=body)
    run_id = t.run(experiment_id, start_time=THEN)
    for step in (5, "6", 2**53 + 1, str(2**53 + 3), str(2**63 - 1), -1, "-2", 0):
        body = {"run_id": run_id, "key": "m", "value": 1, "timestamp": str(THEN), "step": step}
        t.http(f"step {step!r}", "POST", "runs/log-metric", json=body)
    response = t.send("GET", "metrics/get-history", params={"run_id": run_id, "metric_key": "m"})
    t.record("in full", sorted(metric.get("step", "left out") for metric in response.json()["metrics"]))
    t.record("without quotes", re.findall(r'"step": ?(9\d{18})', response.text))


@scenario("what is empty or never set is left out of an answer")
def left_out(t):
    experiment_id = t.experiment()
    t.http("experiment", "GET", "experiments/get", params={"experiment_id": experiment_id})
    body = {"experiment_id": experiment_id, "start_time": THEN, "run_name": "it"}
    run_id = t.http("run", "POST", "runs/create", json=body)["run"]["info"]["run_id"]
    t.http("bare run", "GET", "runs/get", params={"run_id": run_id})
    t.http("no history", "GET", "metrics/get-history", params={"run_id": run_id, "metric_key": "m"})
    t.http(
        "no runs", "POST", "runs/search", json={"experiment_ids": [experiment_id], "filter": "run_name = 'x'"}
    )
    t.http("no files", "GET", "artifacts/list", params={"run_id": run_id})
    t.http("no answer", "POST", "runs/set-tag", json={"run_id": run_id, "key": "k", "value": ""})
    t.http("empty tag", "GET", "runs/get", params={"run_id": run_id})
    metric = {"run_id": run_id, "key": "zero", "value": 0.0, "timestamp": 0, "step": 0}
    t.http("zeros", "POST", "runs/log-metric", json=metric)
    t.http("zeros read", "GET", "metrics/get-history", params={"run_id": run_id, "metric_key": "zero"})
    t.http("zeros of the run", "GET", "runs/get", params={"run_id": run_id})
    t.http(
        "start of zero",
        "POST",
        "runs/create",
        json={"experiment_id": experiment_id, "start_time": 0, "run_name": "z"},
    )
    t.http("no start", "POST", "runs/create", json={"experiment_id": experiment_id, "run_name": "z"})
    t.http(
        "user",
        "POST",
        "runs/create",
        json={"experiment_id": experiment_id, "user_id": "alice", "run_name": "u"},
    )
    no_models = {"experiment_ids": [experiment_id]}
    t.http("no models", "POST", "logged-models/search", json=no_models)


@scenario("fields that nobody knows are passed over")
def unknown_fields(t):
    body = {"name": t.name(), "color": "red", "tags": [{"key": "a", "value": "1", "more": 5}]}
    experiment_id = t.http("experiment", "POST", "experiments/create", json=body)["experiment_id"]
    t.record("its tags", t.client.get_experiment(experiment_id).tags)
    t.http("get", "GET", "experiments/get", params={"experiment_id": experiment_id, "color": "red"})
    run_id = t.run(experiment_id, start_time=THEN, run_name="it")
    batch = {"run_id": run_id, "extra": [1], "params": [{"key": "p", "value": "1", "unit": "m"}]}
    t.http("batch", "POST", "runs/log-batch", json=batch)
    t.http("camel case", "POST", "runs/set-tag", json={"runId": run_id, "key": "k", "value": "v"})
    both = {"runId": run_id, "run_id": run_id, "key": "k", "value": "v"}
    t.http("both spellings", "POST", "runs/set-tag", json=both)
    t.record("run", t.client.get_run(run_id))


@scenario("bodies that are no JSON or no object are refused")
def bad_bodies(t):
    path = "experiments/create"
    kind = {"Content-Type": "application/json"}
    for label, data in {
        "no JSON": "{name: x}",
        "half": '{"name": "x',
        "nothing": "",
        "list": "[]",
        "number": "5",
        "null": "null",
        "text": '"x"',
        "true": "true",
        "bytes": b"\xff\xfe",
        "NaN": '{"name": NaN}',
    }.items():
        t.http(label, "POST", path, data=data, headers=kind)
    body = json.dumps({"name": t.name("double")})
    answer = t.send("POST", path, data=json.dumps(body), headers=kind)
    t.record("JSON in text", answer.status_code)
    for label, header in {
        "with a charset": "application/json; charset=utf-8",
        "as text": "text/plain",
        "as a form": "application/x-www-form-urlencoded",
        "as none": "",
    }.items():
        data = json.dumps({"name": t.name(label)})
        answer = t.send("POST", path, data=data, headers={"Content-Type": header})
        t.record(label, answer.status_code if answer.ok else t.answer(answer))
    answer = t.send("POST", path, data=json.dumps({"name": t.name("no type")}).encode())
    t.record("without a type", answer.status_code if answer.ok else t.answer(answer))
    t.record(
        "GET with a body", t.answer(t.send("GET", "experiments/get", json={"experiment_id": "0"}))["status"]
    )


@scenario("what is not there, and methods that are not, are refused")
def unknown_paths(t):
    for label, (method, path) in {
        "path": ("GET", "nothing"),
        "path below": ("GET", "experiments/nothing"),
        "method": ("GET", "experiments/create"),
        "other method": ("POST", "experiments/get"),
        "put": ("PUT", "runs/create"),
        "patch": ("PATCH", "runs/update"),
        "delete": ("DELETE", "runs/delete"),
        "head": ("HEAD", "experiments/get"),
        "of another version": ("GET", "/api/1.0/mlflow/experiments/get"),
        "slash at the end": ("GET", "experiments/get/"),
    }.items():
        t.record(label, t.send(method, path).status_code)


TYPES = {"a number": 5, "a fraction": 1.5, "true": True, "a list": ["x"], "an object": {"x": 1}, "null": None}


def wrong_types(t, method, path, good, fields):
    for field in fields:
        for label, value in TYPES.items():
            body = {**good, field: value}
            answer = t.answer(t.send(method, path, json=body))
            if answer["status"] == 200:
                answer = "taken"
            t.record(f"{field}: {label}", answer)
        body = {name: value for name, value in good.items() if name != field}
        answer = t.answer(t.send(method, path, json=body))
        t.record(f"{field}: left out", answer if answer["status"] != 200 else "taken")


@scenario("fields of the wrong type are named: creating a run")
def types_create_run(t):
    good = {"experiment_id": t.experiment(), "start_time": THEN, "run_name": "it", "user_id": "u", "tags": []}
    wrong_types(t, "POST", "runs/create", good, list(good))


@scenario("fields of the wrong type are named: logging a metric")
def types_log_metric(t):
    good = {"run_id": t.run(), "key": "m", "value": 1.0, "timestamp": THEN, "step": 1}
    wrong_types(t, "POST", "runs/log-metric", good, list(good))


@scenario("fields of the wrong type are named: params and tags")
def types_params_and_tags(t):
    for n, (path, kind) in enumerate({"runs/log-parameter": "param", "runs/set-tag": "tag"}.items()):
        good = {"run_id": t.run(t.experiment(kind)), "key": f"k{n}", "value": "v"}
        for field in good:
            for label, value in TYPES.items():
                # A param of its own each: one that is there may not change.
                body = {**good, "key": f"{field} {label}", field: value}
                answer = t.answer(t.send("POST", path, json=body))
                t.record(f"{kind}, {field}: {label}", answer if answer["status"] != 200 else "taken")


@scenario("fields of the wrong type are named: batches")
def types_log_batch(t):
    good = {"run_id": t.run(), "metrics": [], "params": [], "tags": []}
    wrong_types(t, "POST", "runs/log-batch", good, list(good))


@scenario("fields of the wrong type are named: searching runs and experiments")
def types_search(t):
    experiment_id = t.experiment()
    good = {
        "experiment_ids": [experiment_id],
        "filter": "",
        "max_results": 5,
        "order_by": [],
        "page_token": "",
    }
    wrong_types(t, "POST", "runs/search", good, list(good))
    good = {"filter": "name = 'nobody'", "max_results": 5, "order_by": [], "page_token": "", "view_type": 1}
    for field in good:
        for label, value in TYPES.items():
            answer = t.answer(t.send("POST", "experiments/search", json={**good, field: value}))
            t.record(f"experiments, {field}: {label}", answer if answer["status"] != 200 else "taken")


@scenario("fields of the wrong type are named: experiments")
def types_experiments(t):
    experiment_id = t.experiment()
    for path, good in {
        "experiments/create": {"name": t.name("x"), "artifact_location": "s3://x/y", "tags": []},
        "experiments/update": {"experiment_id": experiment_id, "new_name": t.name("renamed")},
        "experiments/set-experiment-tag": {"experiment_id": experiment_id, "key": "k", "value": "v"},
        "experiments/delete": {"experiment_id": experiment_id},
    }.items():
        for field in good:
            for label, value in TYPES.items():
                body = {**good, field: value}
                if path == "experiments/create" and field != "name":
                    body["name"] = t.name(f"{field} {label}")
                answer = t.answer(t.send("POST", path, json=body))
                t.record(f"{path}, {field}: {label}", answer if answer["status"] != 200 else "taken")


@scenario("large bodies come through, up to what a batch may hold")
def large_bodies(t):
    run_id = t.run()
    params = [{"key": f"p{n}", "value": "v" * 6_000} for n in range(100)]
    t.http("600 kB of params", "POST", "runs/log-batch", json={"run_id": run_id, "params": params})
    metrics = [{"key": "k" * 200, "value": n / 3, "timestamp": THEN, "step": n} for n in range(1_000)]
    t.http(
        "1,000 points with long names", "POST", "runs/log-batch", json={"run_id": run_id, "metrics": metrics}
    )
    t.record("params", len(t.client.get_run(run_id).data.params))
    body = {"run_id": run_id, "params": [{"key": "a", "value": "v"}], "padding": "x" * 1_000_000}
    t.http("a padded batch", "POST", "runs/log-batch", json=body)


@scenario("answers do not depend on how a body is written")
def forms_of_json(t):
    experiment_id = t.experiment()
    name = "\\u00fc\\ud83e\\uddea"
    spaced = f'  {{ "experiment_id" :\n"{experiment_id}" , "start_time":{THEN}.0, "run_name":"{name}" }} '
    kind = {"Content-Type": "application/json"}
    t.http("spaces and escapes", "POST", "runs/create", data=spaced, headers=kind)
    twice = (
        f'{{"experiment_id": "{experiment_id}", "run_name": "first", "run_name": "second", "start_time": 1}}'
    )
    t.http("a name twice", "POST", "runs/create", data=twice, headers=kind)
    exponent = f'{{"experiment_id": "{experiment_id}", "run_name": "e", "start_time": 1.6e12}}'
    t.http("an exponent", "POST", "runs/create", data=exponent, headers=kind)
    run_id = t.run(experiment_id, run_name="it", start_time=THEN)
    infinite = f'{{"run_id": "{run_id}", "key": "m", "value": NaN, "timestamp": 1}}'
    t.http("a bare NaN", "POST", "runs/log-metric", data=infinite, headers=kind)
    infinite = f'{{"run_id": "{run_id}", "key": "n", "value": -Infinity, "timestamp": 1}}'
    t.http("a bare -Infinity", "POST", "runs/log-metric", data=infinite, headers=kind)
    t.record("values", t.client.get_run(run_id).data.metrics)
