"""Logged models: made, finished, searched, tagged and deleted."""

import math

import mlflow
from harness import scenario
from mlflow.entities import LoggedModelInput, LoggedModelOutput, LoggedModelStatus, Metric

THEN = 1_600_000_000_000


def by_key(metrics):
    return sorted(metrics or [], key=lambda metric: (metric.key, metric.step, metric.dataset_name or ""))


@scenario("a logged model is created, finalized and read back")
def create(t):
    experiment_id = t.experiment()
    run_id = t.run(experiment_id)
    model = t.client.create_logged_model(
        experiment_id, "net", run_id, {"a": "1"}, {"lr": "0.1"}, model_type="classifier"
    )
    t.record("created", model)
    t.record("read", t.client.get_logged_model(model.model_id))
    for status in (LoggedModelStatus.READY, LoggedModelStatus.FAILED):
        t.record(f"finalized {status.name}", t.client.finalize_logged_model(model.model_id, status))
    again = t.client.create_logged_model(experiment_id, "net")
    t.record("the same name again", again.model_id != model.model_id)
    t.record("with nothing given", t.client.create_logged_model(experiment_id))
    t.attempt("finalized pending", t.client.finalize_logged_model, model.model_id, LoggedModelStatus.PENDING)
    t.attempt("finalized strangely", t.client.finalize_logged_model, model.model_id, "DONE")
    path = "logged-models"
    t.http("on the wire", "GET", f"{path}/{model.model_id}")
    t.http("of Default", "POST", path, json={"experiment_id": "0", "name": "there"})


@scenario("logged models that cannot be are refused")
def bad_models(t):
    experiment_id = t.experiment()
    for label, body in {
        "without experiment": {"name": "net"},
        "experiment that is not there": {"experiment_id": "999999", "name": "net"},
        "experiment of another form": {"experiment_id": "abc", "name": "net"},
        "name a number": {"experiment_id": experiment_id, "name": 5},
        "name with a slash": {"experiment_id": experiment_id, "name": "a/b"},
        "name with a colon": {"experiment_id": experiment_id, "name": "a:b"},
        "name with a dot": {"experiment_id": experiment_id, "name": "a.b"},
        "name with a percent": {"experiment_id": experiment_id, "name": "a%b"},
        "name with quotes": {"experiment_id": experiment_id, "name": "a'b\"c"},
        "name empty": {"experiment_id": experiment_id, "name": ""},
        "name long": {"experiment_id": experiment_id, "name": "n" * 500},
        "name too long": {"experiment_id": experiment_id, "name": "n" * 501},
        "params no list": {"experiment_id": experiment_id, "params": {"a": "1"}},
        "param without key": {"experiment_id": experiment_id, "params": [{"value": "1"}]},
        "param too long": {"experiment_id": experiment_id, "params": [{"key": "k", "value": "v" * 6_001}]},
        "param key too long": {"experiment_id": experiment_id, "params": [{"key": "k" * 251, "value": "v"}]},
        "params twice": {"experiment_id": experiment_id, "params": [{"key": "k", "value": "1"}] * 2},
        "tag too long": {"experiment_id": experiment_id, "tags": [{"key": "k", "value": "v" * 8_001}]},
        "tag key too long": {"experiment_id": experiment_id, "tags": [{"key": "k" * 251, "value": "v"}]},
        "run that is not there": {"experiment_id": experiment_id, "source_run_id": "f" * 32},
    }.items():
        t.http(label, "POST", "logged-models", json=body)
    nobody = "m-" + "0" * 32
    for label, call in {
        "get": (t.client.get_logged_model, nobody),
        "get of another form": (t.client.get_logged_model, "nobody"),
        "finalize": (t.client.finalize_logged_model, nobody, LoggedModelStatus.READY),
        "delete": (t.client.delete_logged_model, nobody),
        "tag": (t.client.set_logged_model_tags, nobody, {"a": "1"}),
        "untag": (t.client.delete_logged_model_tag, nobody, "a"),
        "params": (t.client.log_model_params, nobody, {"a": "1"}),
    }.items():
        t.attempt(f"not there: {label}", *call)


@scenario("tags and params of logged models are set, changed and deleted")
def tags_and_params(t):
    model_id = t.client.create_logged_model(
        t.experiment(), "net", tags={"a": "1"}, params={"lr": "0.1"}
    ).model_id
    t.client.set_logged_model_tags(model_id, {"a": "2", "b": 3, "empty": ""})
    t.record("tags", t.client.get_logged_model(model_id).tags)
    t.client.delete_logged_model_tag(model_id, "a")
    t.attempt("tag that is gone", t.client.delete_logged_model_tag, model_id, "a")
    t.client.log_model_params(model_id, {"depth": "3", "opt": "adam"})
    t.attempt("param again", t.client.log_model_params, model_id, {"depth": "3"})
    t.attempt("param changed", t.client.log_model_params, model_id, {"depth": "4"})
    t.attempt("no params", t.client.log_model_params, model_id, {})
    t.attempt("tag key too long", t.client.set_logged_model_tags, model_id, {"k" * 251: "v"})
    t.attempt("tag value too long", t.client.set_logged_model_tags, model_id, {"k": "v" * 8_001})
    t.attempt("param key bad", t.client.log_model_params, model_id, {"../up": "v"})
    t.record(
        "in the end",
        {
            "params": t.client.get_logged_model(model_id).params,
            "tags": {k: len(v) for k, v in t.client.get_logged_model(model_id).tags.items()},
        },
    )
    t.http(
        "tags on the wire",
        "PATCH",
        f"logged-models/{model_id}/tags",
        json={"tags": [{"key": "w", "value": "x"}]},
    )
    t.http("delete on the wire", "DELETE", f"logged-models/{model_id}/tags/w")


@scenario("a logged model is deleted")
def delete(t):
    experiment_id = t.experiment()
    model_id = t.client.create_logged_model(experiment_id, "net").model_id
    t.client.delete_logged_model(model_id)
    t.attempt("get", t.client.get_logged_model, model_id)
    t.attempt("deleted again", t.client.delete_logged_model, model_id)
    t.attempt("finalize", t.client.finalize_logged_model, model_id, LoggedModelStatus.READY)
    t.attempt("tag", t.client.set_logged_model_tags, model_id, {"a": "1"})
    t.record("search", t.client.search_logged_models([experiment_id]))


@scenario("runs log metrics for models, and models keep them by run and dataset")
def metrics(t):
    experiment_id = t.experiment()
    first, second = t.run(experiment_id), t.run(experiment_id)
    model_id = t.client.create_logged_model(experiment_id, "net", first).model_id
    log = t.client.log_metric
    log(first, "loss", 1.0, THEN, 1, model_id=model_id)
    log(first, "loss", 0.5, THEN + 1, 2, model_id=model_id)
    log(first, "acc", 0.8, THEN, 1, model_id=model_id, dataset_name="train", dataset_digest="d1")
    log(first, "acc", 0.7, THEN + 1, 1, model_id=model_id, dataset_name="test", dataset_digest="d2")
    other = {"model_id": model_id, "dataset_name": "more", "dataset_digest": "d3"}
    t.attempt("another dataset at one time", log, first, "acc", 0.6, THEN + 1, 1, **other)
    log(second, "loss", 0.25, THEN, 1, model_id=model_id)
    log(second, "nan", math.nan, THEN, 1, model_id=model_id)
    t.client.log_outputs(first, [LoggedModelOutput(model_id, 1)])
    t.client.log_inputs(second, models=[LoggedModelInput(model_id)])
    model = t.client.get_logged_model(model_id)
    is_other = lambda metric: metric.dataset_name == "more"
    t.record("of the other dataset", [metric for metric in model.metrics if is_other(metric)])
    rest = [metric for metric in model.metrics if not is_other(metric)]
    t.record("metrics", sorted(rest, key=lambda m: (m.key, m.step, m.value, m.dataset_name or "")))
    t.record("run", t.client.get_run(first).data.metrics)
    t.record("outputs", t.client.get_run(first).outputs)
    t.record("inputs", t.client.get_run(second).inputs)
    batch = [Metric("b", 1.0, THEN, 0, model_id, "train", "d1", first)]
    t.client.log_batch(first, batch)
    found = t.client.get_logged_model(model_id).metrics
    t.record("with a batch", [m.key for m in by_key(found) if not is_other(m)])


MODELS = {
    "alpha": {
        "params": {"lr": "0.1"},
        "tags": {"team": "a"},
        "metrics": [("acc", 0.9, "train"), ("loss", 1.0, None)],
    },
    "beta": {
        "params": {"lr": "0.2"},
        "tags": {"team": "b"},
        "metrics": [("acc", 0.5, "train"), ("acc", 0.6, "test")],
    },
    "gamma": {
        "params": {},
        "tags": {},
        "metrics": [("acc", math.nan, "train"), ("loss", 0.5, None)],
    },
    "delta": {"params": {"lr": "0.1"}, "tags": {"team": "A"}, "metrics": []},
}


def fill(t):
    experiment_id = t.experiment()
    run_id = t.run(experiment_id)
    for n, (name, given) in enumerate(MODELS.items()):
        model = t.client.create_logged_model(
            experiment_id, name, run_id, given["tags"], given["params"], model_type="net" if n % 2 else "tree"
        )
        for moment, (key, value, dataset) in enumerate(given["metrics"]):
            more = {"dataset_name": dataset, "dataset_digest": "d"} if dataset else {}
            t.client.log_metric(run_id, key, value, THEN + moment, n, model_id=model.model_id, **more)
        if n != 3:
            t.client.finalize_logged_model(model.model_id, "FAILED" if n == 2 else "READY")
    return experiment_id


def found(t, experiment_id, **query):
    return [model.name for model in t.client.search_logged_models([experiment_id], **query)]


@scenario("logged models are searched by name, status, type, params, tags and metrics")
def search(t):
    experiment_id = fill(t)
    one = t.client.search_logged_models([experiment_id], "name = 'alpha'")[0]
    t.record("a model found", one.model_id == t.client.get_logged_model(one.model_id).model_id)
    by_name = [{"field_name": "name"}]
    for condition in [
        "name = 'alpha'",
        "name != 'alpha'",
        "name LIKE '%ta'",
        "name ILIKE 'AL%'",
        "name IN ('alpha', 'beta')",
        "name NOT IN ('alpha', 'beta')",
        "attributes.name = 'alpha'",
        "status = 'READY'",
        "status = 'PENDING'",
        "status != 'READY'",
        "status IN ('READY', 'FAILED')",
        "model_type = 'net'",
        "model_id = 'm-x'",
        f"source_run_id = '{one.source_run_id}'",
        "creation_timestamp > 0",
        "creation_time > 0",
        "last_updated_timestamp > 0",
        "params.lr = '0.1'",
        "params.lr != '0.1'",
        "params.lr LIKE '0.%'",
        "params.`lr` = '0.1'",
        "tags.team = 'a'",
        "tags.team ILIKE 'a'",
        "metrics.acc > 0.55",
        "metrics.acc > 0.55 AND metrics.loss > 0",
        "metrics.loss = 1",
        "metrics.loss >= 0.5 AND name = 'gamma'",
        "metrics.acc != 0.9",
        "metrics.nothing > 0",
        "params.lr = '0.1' AND tags.team = 'a' AND status = 'READY'",
        "name = 5",
        "name > 'a'",
        "metrics.acc > 'x'",
        "metrics.acc LIKE '1'",
        "owner = 'x'",
        "attributes.nothing = 'x'",
        "name",
        "params.lr = 0.1",
        "name = 'a' OR name = 'b'",
    ]:
        label = condition.replace(one.source_run_id, "RUN")
        t.attempt(label, found, t, experiment_id, filter_string=condition, order_by=by_name)
    train, test = [{"dataset_name": "train"}], [{"dataset_name": "test", "dataset_digest": "d"}]
    for label, query in {
        "train": {"datasets": train, "filter_string": "metrics.acc > 0.4"},
        "test": {"datasets": test, "filter_string": "metrics.acc > 0.4"},
        "another digest": {
            "datasets": [{"dataset_name": "train", "dataset_digest": "x"}],
            "filter_string": "metrics.acc > 0.4",
        },
        "both": {"datasets": train + test, "filter_string": "metrics.acc > 0.4"},
        "datasets alone": {"datasets": test},
        "dataset without a name": {
            "datasets": [{"dataset_digest": "d"}],
            "filter_string": "metrics.acc > 0.4",
        },
    }.items():
        t.attempt(f"dataset {label}", found, t, experiment_id, order_by=by_name, **query)


@scenario("logged models come in the order that was asked for, and in pages")
def order(t):
    experiment_id = fill(t)
    for label, order_by in {
        "nothing": None,
        "name": [{"field_name": "name"}],
        "name down": [{"field_name": "name", "ascending": False}],
        "created": [{"field_name": "creation_timestamp"}],
        "created down": [{"field_name": "creation_timestamp", "ascending": False}],
        "changed": [{"field_name": "last_updated_timestamp"}],
        "status and name": [{"field_name": "status"}, {"field_name": "name"}],
        "type and name": [{"field_name": "model_type"}, {"field_name": "name", "ascending": False}],
        "loss": [{"field_name": "metrics.loss"}],
        "loss down": [{"field_name": "metrics.loss", "ascending": False}],
        "acc of train": [{"field_name": "metrics.acc", "dataset_name": "train"}],
        "acc of train down": [{"field_name": "metrics.acc", "ascending": False, "dataset_name": "train"}],
        "acc of test": [{"field_name": "metrics.acc", "dataset_name": "test", "dataset_digest": "d"}],
        "acc of a digest alone": [{"field_name": "metrics.acc", "dataset_digest": "d"}],
        "a metric that none has": [{"field_name": "metrics.nothing"}],
        "a param": [{"field_name": "params.lr"}],
        "a field that is none": [{"field_name": "owner"}],
        "no field": [{"ascending": True}],
        "a strange key": [{"field_name": "name", "up": True}],
    }.items():
        t.attempt(label, found, t, experiment_id, order_by=order_by)
    token, seen = None, []
    by_name = [{"field_name": "name"}]
    while True:
        page = t.client.search_logged_models(
            [experiment_id], max_results=3, order_by=by_name, page_token=token
        )
        seen.append([model.name for model in page])
        token = page.token
        if not token:
            break
    t.record("pages", seen)
    body = {"experiment_ids": [experiment_id]}
    for count in (0, -1, 51, 1_001):
        response = t.send("POST", "logged-models/search", json={**body, "max_results": count})
        t.record(
            f"max_results {count}",
            len(response.json().get("models", [])) if response.ok else t.answer(response),
        )
    t.http("bad token", "POST", "logged-models/search", json={**body, "page_token": "!!"})
    other = t.client.search_logged_models([experiment_id], max_results=1, order_by=by_name).token
    t.attempt("token of another search", found, t, experiment_id, page_token=other)
    t.http("no experiments", "POST", "logged-models/search", json={})
    t.http("none found", "POST", "logged-models/search", json={**body, "filter": "name = 'x'"})
    t.record("frame", sorted(mlflow.search_logged_models([experiment_id]).columns))
    as_list = mlflow.search_logged_models([experiment_id], output_format="list", order_by=by_name)
    t.record("list", [model.name for model in as_list])


@scenario("the fluent functions work with logged models")
def fluent(t):
    mlflow.set_experiment(t.name())
    external = mlflow.create_external_model("outside", tags={"a": "1"}, params={"p": "1"}, model_type="agent")
    t.record("external", external)
    pending = mlflow.initialize_logged_model("inside")
    t.record("initialized", pending)
    t.record("finalized", mlflow.finalize_logged_model(pending.model_id, "READY").status)
    mlflow.set_logged_model_tags(pending.model_id, {"k": "v"})
    mlflow.log_model_params({"x": "1"}, model_id=pending.model_id)
    t.record("tagged", mlflow.get_logged_model(pending.model_id).tags)
    mlflow.set_active_model(name="active")
    active = mlflow.get_active_model_id()
    with mlflow.start_run():
        mlflow.log_metric("score", 1.0, model_id=active)
        mlflow.log_metric("alone", 2.0)
    t.record("metrics of the active one", sorted(m.key for m in mlflow.get_logged_model(active).metrics))
    mlflow.set_active_model(name="active")
    t.record("the same again", mlflow.get_active_model_id() == active)
    mlflow.clear_active_model()
    t.client.delete_logged_model_tag(pending.model_id, "k")
    frame = mlflow.search_logged_models(order_by=[{"field_name": "name"}])
    t.record("found", list(frame["name"]))


@scenario("a model of scikit-learn is logged, found below its run and loaded back")
def sklearn_model(t):
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment(t.name())
    x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    model = LogisticRegression().fit(x, y)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(
            model,
            name="digits",
            params={"c": 1},
            tags={"t": "1"},
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )
    t.record("URI", info.model_uri)
    t.record("logged", t.client.get_logged_model(info.model_id))
    t.record("outputs", t.client.get_run(run.info.run_id).outputs)
    t.record("files", sorted(each.path for each in t.client.list_logged_model_artifacts(info.model_id)))
    t.record("artifacts of the run", t.client.list_artifacts(run.info.run_id))
    below = t.client.list_artifacts(run.info.run_id, "digits")
    t.record("artifacts below it", sorted(each.path for each in below))
    for label, uri in {"model": info.model_uri, "run": f"runs:/{run.info.run_id}/digits"}.items():
        t.record(f"loaded by the {label}", mlflow.sklearn.load_model(uri).predict(x).tolist())
    t.record("as a function", mlflow.pyfunc.load_model(info.model_uri).predict(x).tolist())
    t.record("last", mlflow.last_logged_model().model_id == info.model_id)
    model_file = mlflow.artifacts.load_text(
        f"{mlflow.get_logged_model(info.model_id).artifact_location}/MLmodel"
    )
    t.record("it says which it is", info.model_id in model_file)
    t.attempt("not there", mlflow.sklearn.load_model, "models:/m-" + "0" * 32)
