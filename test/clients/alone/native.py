"""Both doors of Edgerun: what is logged through one is read through the other."""

import uuid

import mlflow
from harness import scenario
from mlflow.entities import Metric

THEN = 1_600_000_000_000


def native(t, method, path, **more):
    """Sends a request to the native API and gives its answer."""
    response = t.send(method, path, **more)
    assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
    return response.json() if response.content else None


@scenario("an experiment and a run of the native API are there for MLflow's client")
def from_native(t):
    name = t.name()
    made = native(
        t, "POST", "/experiments", json={"name": name, "owner": "alice", "description": "what it is"}
    )
    experiment = t.client.get_experiment_by_name(name)
    assert experiment is not None
    assert uuid.UUID(experiment.experiment_id) == uuid.UUID(made["id"])
    assert experiment.lifecycle_stage == "active"
    assert t.client.get_experiment(experiment.experiment_id).name == name

    body = {"name": "r1", "params": {"lr": 0.1, "depth": 3, "opt": "adam"}, "tags": {"team": "vision"}}
    run = native(t, "POST", f"/experiments/{made['id']}/runs", json=body)
    points = [{"name": "loss", "step": n, "value": 1 / (n + 1), "timestamp": THEN + n} for n in range(100)]
    native(t, "POST", f"/runs/{run['id']}/metrics", json={"metrics": points})
    native(
        t,
        "POST",
        f"/runs/{run['id']}/metrics",
        json={"metrics": [{"name": "odd", "step": 1, "value": "NaN"}]},
    )

    [found] = t.client.search_runs([experiment.experiment_id], "params.lr = '0.1' AND tags.team = 'vision'")
    assert uuid.UUID(found.info.run_id) == uuid.UUID(run["id"])
    assert found.info.run_name == "r1"
    assert found.info.status == "RUNNING"
    assert found.data.params == {"lr": "0.1", "depth": "3", "opt": "adam"}
    assert found.data.tags["team"] == "vision"
    assert found.data.metrics["loss"] == 1 / 100
    assert found.data.metrics["odd"] != found.data.metrics["odd"]
    history = t.client.get_metric_history(found.info.run_id, "loss")
    assert [(m.step, m.value, m.timestamp) for m in history] == [
        (point["step"], point["value"], point["timestamp"]) for point in points
    ]
    for status, theirs in {"completed": "FINISHED", "failed": "FAILED", "killed": "KILLED"}.items():
        native(t, "PATCH", f"/runs/{run['id']}", json={"status": status})
        info = t.client.get_run(found.info.run_id).info
        assert info.status == theirs, info.status
        assert info.end_time is not None
    t.client.log_metric(found.info.run_id, "loss", 0.001, THEN + 1_000, 100)
    assert t.client.get_run(found.info.run_id).data.metrics["loss"] == 0.001


@scenario("an experiment and a run of MLflow's client are there for the native API")
def to_native(t):
    name = t.name()
    experiment_id = t.client.create_experiment(name, tags={"a": "1"})
    key = str(uuid.UUID(experiment_id))
    assert native(t, "GET", f"/experiments/{key}")["name"] == name

    run = t.client.create_run(experiment_id, run_name="r1", tags={"team": "text"}, start_time=THEN)
    run_key = str(uuid.UUID(run.info.run_id))
    t.client.log_param(run.info.run_id, "lr", 0.1)
    t.client.log_batch(run.info.run_id, [Metric("loss", 1 / (n + 1), THEN + n, n) for n in range(500)])
    t.client.log_metric(run.info.run_id, "odd", float("inf"), THEN, 0)
    seen = native(t, "GET", f"/runs/{run_key}")
    assert seen["name"] == "r1"
    assert seen["status"] == "running"
    assert str(seen["params"]["lr"]) == "0.1"
    assert seen["tags"]["team"] == "text"
    metrics = {each["name"]: each for each in seen["metrics"]}
    assert metrics["loss"]["count"] == 500
    assert metrics["loss"]["last"]["step"] == 499
    assert metrics["odd"]["last"]["value"] == "Infinity"
    points = native(t, "GET", f"/runs/{run_key}/metrics/loss", params={"limit": 1_000})
    assert [point["value"] for point in points] == [1 / (n + 1) for n in range(500)]
    charts = native(t, "GET", "/charts", params={"runs": run_key, "names": "loss", "buckets": 64})
    assert charts
    t.client.set_terminated(run.info.run_id, "FAILED", THEN + 60_000)
    ended = native(t, "GET", f"/runs/{run_key}")
    assert ended["status"] == "failed"
    assert ended["ended_at"].startswith("2020-09-13T12:27:40")
    listed = native(t, "GET", f"/experiments/{key}/runs")
    assert [each["id"] for each in listed] == [run_key]


@scenario("what one door deletes is gone for the other")
def deleted(t):
    experiment_id = t.client.create_experiment(t.name())
    key = str(uuid.UUID(experiment_id))
    run = t.client.create_run(experiment_id)
    native(t, "DELETE", f"/runs/{uuid.UUID(run.info.run_id)}")
    try:
        t.client.get_run(run.info.run_id)
        raise AssertionError("The run is still there")
    except mlflow.exceptions.MlflowException as error:
        assert error.error_code == "RESOURCE_DOES_NOT_EXIST"
    native(t, "DELETE", f"/experiments/{key}")
    assert t.client.get_experiment_by_name(t.name()) is None


@scenario("infinite values come back through the client as they were logged")
def infinite(t):
    run_id = t.run()
    values = [float("inf"), float("-inf"), -0.0, 1.7976931348623157e308]
    for step, value in enumerate(values):
        t.client.log_metric(run_id, "m", value, THEN, step)
    history = [metric.value for metric in t.client.get_metric_history(run_id, "m")]
    assert [repr(value) for value in history] == [repr(value) for value in values]


@scenario("a call that arrives twice has the effect of one")
def twice(t):
    run_id = t.run()
    batch = {
        "run_id": run_id,
        "metrics": [{"key": "m", "value": n / 7, "timestamp": THEN + n, "step": n} for n in range(100)],
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "t", "value": "1"}],
    }
    for _ in range(3):
        response = t.send("POST", "runs/log-batch", json=batch)
        assert response.status_code == 200, response.text
    assert len(t.client.get_metric_history(run_id, "m")) == 100
    assert t.client.get_run(run_id).data.params == {"p": "1"}
