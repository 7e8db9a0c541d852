"""Autologging: what scikit-learn and LightGBM log by themselves, and their models loaded back."""

import mlflow
import numpy as np
import pandas as pd
from harness import scenario

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] * 5, "b": [1.0, 0.0] * 15})
Y = pd.Series([0, 0, 0, 1, 1, 1] * 5, name="y")

# Times of training differ from run to run, and so do names of files with them.
UNSTEADY = ("time", "duration")


def steady(values):
    return {key: value for key, value in values.items() if not any(word in key for word in UNSTEADY)}


def describe(t, run_id):
    """All that a run holds which does not depend on the clock."""
    run = t.client.get_run(run_id)
    files = []

    def walk(path=None):
        for each in t.client.list_artifacts(run_id, path):
            files.append(each.path)
            if each.is_dir:
                walk(each.path)

    walk()
    return {
        "params": run.data.params,
        "metrics": {key: round(value, 9) for key, value in steady(run.data.metrics).items()},
        "tags": {key: value for key, value in run.data.tags.items() if "log-model.history" not in key},
        "files": sorted(files),
        "status": run.info.status,
        "inputs": [
            [each.dataset.name, each.dataset.digest, [tag.value for tag in each.tags]]
            for each in sorted(run.inputs.dataset_inputs, key=lambda each: each.dataset.digest)
        ],
        "outputs": len(run.outputs.model_outputs),
    }


@scenario("scikit-learn logs its params, metrics and model by itself")
def sklearn_autolog(t):
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment(t.name())
    mlflow.sklearn.autolog(log_input_examples=True, log_model_signatures=True)
    try:
        with mlflow.start_run(run_name="fit") as run:
            model = LogisticRegression(max_iter=50, random_state=1).fit(X, Y)
            model.score(X, Y)
        t.record("run", describe(t, run.info.run_id))
        loaded = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
        t.record("loaded", loaded.predict(X).tolist() == model.predict(X).tolist())
        found = t.client.search_logged_models([run.info.experiment_id])
        t.record(
            "models",
            [[m.name, m.status, steady(m.params), sorted(x.key for x in m.metrics or [])] for m in found],
        )
        LogisticRegression(C=2).fit(X, Y)
        last = mlflow.last_active_run()
        t.record("a run by itself", [last.info.status, last.data.params["C"]])
    finally:
        mlflow.sklearn.autolog(disable=True)


@scenario("a search of scikit-learn logs its best estimators as runs below it")
def grid_search_autolog(t):
    from sklearn.model_selection import GridSearchCV
    from sklearn.tree import DecisionTreeClassifier

    mlflow.set_experiment(t.name())
    mlflow.sklearn.autolog(max_tuning_runs=3)
    try:
        with mlflow.start_run(run_name="search") as run:
            search = GridSearchCV(DecisionTreeClassifier(random_state=1), {"max_depth": [1, 2, 3, 4]}, cv=2)
            search.fit(X, Y)
        t.record("run", describe(t, run.info.run_id))
        children = mlflow.search_runs(
            filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'",
            order_by=["params.max_depth ASC"],
            output_format="list",
        )
        t.record("children", [[c.data.params["max_depth"], sorted(steady(c.data.metrics))] for c in children])
        loaded = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/best_estimator")
        t.record("best loaded", loaded.get_depth() == search.best_estimator_.get_depth())
    finally:
        mlflow.sklearn.autolog(disable=True)


@scenario("LightGBM logs its params, its metrics a round and its model by itself")
def lightgbm_autolog(t):
    import lightgbm

    mlflow.set_experiment(t.name())
    mlflow.lightgbm.autolog()
    try:
        with mlflow.start_run(run_name="train") as run:
            data = lightgbm.Dataset(X, label=Y)
            params = {
                "objective": "binary",
                "min_data_in_leaf": 1,
                "verbose": -1,
                "num_threads": 1,
                "seed": 1,
            }
            booster = lightgbm.train(
                params, data, num_boost_round=5, valid_sets=[data], valid_names=["train"]
            )
        t.record("run", describe(t, run.info.run_id))
        history = t.client.get_metric_history(run.info.run_id, "train-binary_logloss")
        t.record("history", [[point.step, round(point.value, 9)] for point in history])
        loaded = mlflow.lightgbm.load_model(f"runs:/{run.info.run_id}/model")
        t.record("loaded", bool(np.allclose(loaded.predict(X), booster.predict(X))))
    finally:
        mlflow.lightgbm.autolog(disable=True)


@scenario("a model with a signature and an example answers as before when it is loaded")
def signature(t):
    from mlflow.models import infer_signature
    from sklearn.ensemble import RandomForestRegressor

    mlflow.set_experiment(t.name())
    model = RandomForestRegressor(n_estimators=3, random_state=1).fit(X, Y)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(
            model,
            name="forest",
            signature=infer_signature(X, model.predict(X)),
            input_example=X.head(2),
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )
    t.record("signature", info.signature.to_dict())
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    t.record("same answers", loaded.predict(X).tolist() == model.predict(X).tolist())
    t.record("example", loaded.input_example.to_dict("list"))
    t.record("files", sorted(each.path for each in t.client.list_artifacts(run.info.run_id, "forest")))
    params = {key: value for key, value in t.client.get_run(run.info.run_id).data.params.items()}
    t.record("params of the run", params)
