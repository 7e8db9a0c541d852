"""Histories of metrics: whole, in pages, of several runs at once, and thinned out."""

import mlflow
from harness import scenario
from mlflow.entities import Metric

THEN = 1_600_000_000_000
BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
INTERVAL = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"


def fill(t, run_id, key, points):
    """Logs points (step, value) a second apart."""
    metrics = [Metric(key, value, THEN + n * 1_000, step) for n, (step, value) in enumerate(points)]
    for at in range(0, len(metrics), 1_000):
        t.client.log_batch(run_id, metrics[at : at + 1_000])


def wave(count):
    """Points with some ups and downs."""
    return [(n, float((n * 37) % 101)) for n in range(count)]


@scenario("a history comes whole, by time, step and value")
def whole(t):
    run_id = t.run()
    points = [
        Metric("m", value, THEN + time, step)
        for value, time, step in [
            (3, 5, 1),
            (1, 5, 1),
            (2, 4, 9),
            (5, 5, 0),
            (float("nan"), 5, 1),
            (9, 6, -3),
        ]
    ]
    t.client.log_batch(run_id, points)
    t.record("through the client", t.client.get_metric_history(run_id, "m"))
    t.http("on the wire", "GET", "metrics/get-history", params={"run_id": run_id, "metric_key": "m"})
    nothing = {"run_id": run_id, "metric_key": "nothing"}
    t.http("of a name that is not there", "GET", "metrics/get-history", params=nothing)
    t.http("without a name", "GET", "metrics/get-history", params={"run_id": run_id})
    t.http("without a run", "GET", "metrics/get-history", params={"metric_key": "m"})
    t.http("with an empty name", "GET", "metrics/get-history", params={"run_id": run_id, "metric_key": ""})
    missing = {"run_id": "f" * 32, "metric_key": "m"}
    t.http("of a run that is not there", "GET", "metrics/get-history", params=missing)
    for key in ["a/b", "a b", "a.b-c_d", "ünï/値", "a:b"]:
        t.client.log_metric(run_id, key, 1.0, THEN, 1)
        t.record(key, t.client.get_metric_history(run_id, key))


@scenario("a long history comes in pages")
def pages(t):
    run_id = t.run()
    fill(t, run_id, "m", wave(2_500))
    query = {"run_id": run_id, "metric_key": "m", "max_results": 1_000}
    steps, sizes = [], []
    while True:
        body = t.send("GET", "metrics/get-history", params=query).json()
        sizes.append(len(body["metrics"]))
        steps += [int(point.get("step", 0)) for point in body["metrics"]]
        if not body.get("next_page_token"):
            break
        query["page_token"] = body["next_page_token"]
    t.record("sizes", sizes)
    t.record("all, in order", steps == list(range(2_500)))
    history = t.client.get_metric_history(run_id, "m")
    t.record("through the client", [len(history), bool(history.token)])
    t.record("values", sum(point.value for point in history))
    for count in ("0", "-1", "1", "2500", "2501", "25000", "30000", "many", "1.5"):
        query = {"run_id": run_id, "metric_key": "m", "max_results": count}
        response = t.send("GET", "metrics/get-history", params=query)
        if response.ok:
            body = response.json()
            t.record(f"max_results {count}", [len(body["metrics"]), bool(body.get("next_page_token"))])
        else:
            t.record(f"max_results {count}", t.answer(response))
    bad = {"run_id": run_id, "metric_key": "m", "max_results": 5, "page_token": "!!"}
    t.http("bad token", "GET", "metrics/get-history", params=bad)


@scenario("the history of a metric is read of several runs at once")
def bulk(t):
    experiment_id = t.experiment()
    runs = [t.run(experiment_id, start_time=THEN + n) for n in range(3)]
    for n, run_id in enumerate(runs):
        fill(t, run_id, "m", [(step, float(step * (n + 1))) for step in range(5)])
    first = runs[0]
    runs.sort()
    by_run = lambda metrics: {
        f"run {runs.index(run_id)}": [[m["timestamp"], m["step"]] for m in metrics if m["run_id"] == run_id]
        for run_id in runs
    }
    body = t.send("GET", BULK, params={"run_id": runs, "metric_key": "m"}).json()
    t.record("by run", by_run(body["metrics"]))
    t.record("runs by their id", [runs.index(m["run_id"]) for m in body["metrics"]])
    t.record("fields", sorted(body["metrics"][0]))
    t.record("fields of all", sorted(body))
    body = t.send("GET", BULK, params={"run_id": runs, "metric_key": "m", "max_results": 7}).json()
    t.record("seven at most", len(body["metrics"]))
    t.http("one run", "GET", BULK, params={"run_id": first, "metric_key": "m"})
    t.http("no run", "GET", BULK, params={"metric_key": "m"})
    t.http("no metric", "GET", BULK, params={"run_id": first})
    t.http("a metric that is not there", "GET", BULK, params={"run_id": first, "metric_key": "nothing"})
    t.http("a run that is not there", "GET", BULK, params={"run_id": "f" * 32, "metric_key": "m"})
    t.http(
        "too many runs", "GET", BULK, params={"run_id": [f"{n:032x}" for n in range(101)], "metric_key": "m"}
    )
    fill(t, first, "odd", [(0, float("nan")), (1, float("inf")), (2, -0.0)])
    response = t.send("GET", BULK, params={"run_id": first, "metric_key": "odd"})
    t.record("odd values are there", response.status_code)


@scenario("a history is thinned out to so many steps of each run")
def interval(t):
    experiment_id = t.experiment()
    long, short = t.run(experiment_id), t.run(experiment_id)
    fill(t, long, "m", wave(1_000))
    fill(t, short, "m", wave(5))
    many = {"run_ids": [long], "metric_key": "m"}
    steps = lambda response: [int(point.get("step", 0)) for point in response.json()["metrics"]]
    for count in (1, 2, 3, 10, 320, 999, 1_000, 2_500):
        response = t.send("GET", INTERVAL, params={**many, "max_results": count})
        t.record(f"{count} of 1,000", steps(response))
    t.record("all by default", len(steps(t.send("GET", INTERVAL, params=many))))
    part = {**many, "start_step": 100, "end_step": 200, "max_results": 10}
    t.record("a part", steps(t.send("GET", INTERVAL, params=part)))
    part = {**many, "start_step": 100, "end_step": 105}
    t.record("a small part", steps(t.send("GET", INTERVAL, params=part)))
    part = {**many, "start_step": 5_000, "end_step": 6_000}
    t.http("a part beyond", "GET", INTERVAL, params=part)
    both = {"run_ids": [long, short], "metric_key": "m", "max_results": 20}
    body = t.send("GET", INTERVAL, params=both).json()
    for name, run_id in {"long": long, "short": short}.items():
        t.record(f"both: {name}", [int(m.get("step", 0)) for m in body["metrics"] if m["run_id"] == run_id])
    t.record("fields", body["metrics"][-1].keys() - {"run_id"})
    t.http("one short run", "GET", INTERVAL, params={"run_ids": [short], "metric_key": "m"})
    t.http(
        "through api",
        "GET",
        "metrics/get-history-bulk-interval",
        params={"run_ids": [short], "metric_key": "m"},
    )


@scenario("a thinned history keeps all values of a step that it shows")
def interval_ties(t):
    run_id = t.run()
    points = [
        Metric("m", float(n * 10 + again), THEN + n * 10 + again, n * 3)
        for n in range(100)
        for again in range(3)
    ]
    t.client.log_batch(run_id, points)
    query = {"run_ids": [run_id], "metric_key": "m", "max_results": 5}
    body = t.send("GET", INTERVAL, params=query).json()
    t.record("points", [[int(m.get("step", 0)), m["value"]] for m in body["metrics"]])
    for step in (-5, 2**40, 7):
        t.client.log_metric(run_id, "sparse", 1.0, THEN, step)
    query = {"run_ids": [run_id], "metric_key": "sparse"}
    t.http("sparse steps", "GET", INTERVAL, params=query)


@scenario("what cannot be thinned out is refused")
def bad_interval(t):
    run_id = t.run()
    fill(t, run_id, "m", wave(3))
    good = {"run_ids": [run_id], "metric_key": "m"}
    for label, change in {
        "no run": {"run_ids": None},
        "no metric": {"metric_key": None},
        "empty metric": {"metric_key": ""},
        "zero": {"max_results": 0},
        "too many": {"max_results": 2_501},
        "text": {"max_results": "many"},
        "only a start": {"start_step": 1},
        "only an end": {"end_step": 1},
        "end before start": {"start_step": 5, "end_step": 1},
        "start as text": {"start_step": "a", "end_step": 1},
        "101 runs": {"run_ids": [f"{n:032x}" for n in range(101)]},
        "a run that is not there": {"run_ids": ["f" * 32]},
        "a metric that is not there": {"metric_key": "nothing"},
    }.items():
        t.http(label, "GET", INTERVAL, params={**good, **change})


@scenario("metrics belong to models and datasets where they say so")
def models_and_datasets(t):
    experiment_id = t.experiment()
    model = t.client.create_logged_model(experiment_id, "model")
    run_id = t.run(experiment_id)
    t.client.log_metric(run_id, "acc", 0.9, THEN, 1, model_id=model.model_id)
    t.client.log_metric(
        run_id, "acc", 0.8, THEN, 2, model_id=model.model_id, dataset_name="digits", dataset_digest="d1"
    )
    t.record("history", t.client.get_metric_history(run_id, "acc"))
    t.record("of the run", t.client.get_run(run_id).data.metrics)
    t.record("of the model", t.client.get_logged_model(model.model_id).metrics)
    points = [Metric("batch", 1.0, THEN, 1, model.model_id, "digits", "d1", run_id)]
    t.client.log_batch(run_id, points)
    found = t.client.get_logged_model(model.model_id).metrics
    t.record("of the model, with a batch", sorted(found, key=lambda metric: (metric.key, metric.step)))
    missing = "m-" + "0" * 32
    t.attempt(
        "of a model that is not there", t.client.log_metric, run_id, "acc", 1.0, THEN, 3, model_id=missing
    )
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metrics({"a": 1.0, "b": 2.0}, step=1, timestamp=THEN, model_id=model.model_id)
    found = t.client.get_logged_model(model.model_id).metrics
    t.record("by the fluent function", sorted([metric.key, metric.step, metric.value] for metric in found))
