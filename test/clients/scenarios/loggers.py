"""What the loggers of training libraries call, as they call it: the libraries themselves are not needed."""

import os
from argparse import Namespace
from time import time

import mlflow
from harness import environment, scenario
from mlflow.entities import Metric, Param, RunTag

THEN = 1_600_000_000_000


@scenario(
    "PyTorch Lightning's MLFlowLogger finds or makes its experiment, logs, saves checkpoints and finishes"
)
def lightning(t):
    client = t.client
    name = t.name("lightning_logs")
    for attempt in range(2):
        experiment = client.get_experiment_by_name(name)
        t.record(f"found at attempt {attempt}", experiment is not None)
        if experiment is None:
            experiment_id = client.create_experiment(name=name, artifact_location=None)
            t.normal.experiment(experiment_id)
        else:
            experiment_id = experiment.experiment_id
    tags = {"mlflow.runName": "fit", "mlflow.user": "alice", "stage": "fit"}
    run = client.create_run(experiment_id=experiment_id, tags=tags)
    run_id = run.info.run_id
    # log_hyperparams: flat, values cut to 250 characters, 100 a batch.
    params = {f"layers/{n}/width": n * 8 for n in range(150)} | {
        "long": "x" * 300,
        "none": None,
        "obj": Namespace(a=1),
    }
    params_list = [Param(key=k, value=str(v)[:250]) for k, v in params.items()]
    for at in range(0, len(params_list), 100):
        client.log_batch(run_id=run_id, params=params_list[at : at + 100])
    # log_metrics: one batch a step.
    for step in range(5):
        metrics = {"train_loss": 1 / (step + 1), "epoch": step // 2, "lr-Adam": 0.1}
        timestamp_ms = int(time() * 1_000)
        points = [Metric(key=k, value=v, timestamp=timestamp_ms, step=step) for k, v in metrics.items()]
        client.log_batch(run_id=run_id, metrics=points)
    # A checkpoint with what it says about itself.
    checkpoint = t.file("epoch=4-step=5.ckpt", b"weights" * 1_000)
    client.log_artifact(run_id, checkpoint, "model/checkpoints/epoch=4-step=5")
    client.log_artifacts(
        run_id, os.path.dirname(t.file("aliases/aliases.txt", "['latest']")), "model/checkpoints"
    )
    client.set_terminated(run_id, "FINISHED")
    found = client.get_run(run_id)
    t.record("run", found)
    t.record("loss", client.get_metric_history(run_id, "train_loss"))
    t.record("files", [each.path for each in client.list_artifacts(run_id, "model/checkpoints")])
    t.record("checkpoint", client.list_artifacts(run_id, "model/checkpoints/epoch=4-step=5"))
    again = client.create_run(experiment_id=experiment_id, tags={"mlflow.runName": "failed"})
    client.set_terminated(again.info.run_id, "FAILED")
    t.record("failed", client.get_run(again.info.run_id).info)


@scenario("transformers' MLflowCallback logs its arguments in batches, its losses and its tags")
def transformers(t):
    with environment(
        MLFLOW_EXPERIMENT_NAME=t.name(), MLFLOW_FLATTEN_PARAMS="1", MLFLOW_TAGS='{"team": "text"}'
    ):
        mlflow.set_experiment(os.environ["MLFLOW_EXPERIMENT_NAME"])
        run = mlflow.start_run(run_name="./results", nested=False)
    arguments = {f"argument_{n}": value for n, value in enumerate([None, True, 1e-5, "text", [1, 2]] * 48)}
    items = list(arguments.items())
    t.record("values too long for it", mlflow.utils.validation.MAX_PARAM_VAL_LENGTH)
    for at in range(0, len(items), mlflow.utils.validation.MAX_PARAMS_TAGS_PER_BATCH):
        mlflow.log_params(dict(items[at : at + mlflow.utils.validation.MAX_PARAMS_TAGS_PER_BATCH]))
    mlflow.set_tags({"team": "text"})
    for step in (10, 20, 30):
        metrics = {"loss": 1 / step, "grad_norm": 2.0, "learning_rate": 5e-5, "epoch": step / 10}
        mlflow.log_metrics(metrics=metrics, step=step)
    mlflow.log_metrics(metrics={"eval_loss": 0.5, "eval_runtime": 1.25, "epoch": 3.0}, step=30)
    mlflow.log_metrics(metrics={"train_runtime": 9.5, "train_loss": 0.4, "total_flos": 1.5e15}, step=30)
    for name in ("config.json", "model.safetensors"):
        t.file(f"checkpoint-30/{name}", name)
    mlflow.log_artifacts(str(t.folder / "checkpoint-30"), "checkpoint-30")
    t.record("active", mlflow.active_run().info.run_id == run.info.run_id)
    mlflow.end_run()
    found = t.client.get_run(run.info.run_id)
    t.record("params", found.data.params)
    t.record("metrics", found.data.metrics)
    t.record("tags", {key: value for key, value in found.data.tags.items() if "source" not in key})
    t.record("info", found.info)
    t.record("history", [[p.step, p.value] for p in t.client.get_metric_history(run.info.run_id, "loss")])
    t.record("files", t.client.list_artifacts(run.info.run_id, "checkpoint-30"))


@scenario("Keras' callback logs the model's summary, its epochs and how it was trained")
def keras(t):
    from mlflow.utils.autologging_utils import ExceptionSafeClass
    from mlflow.utils.autologging_utils.metrics_queue import add_to_metrics_queue, flush_metrics_queue

    t.record("its base is there", ExceptionSafeClass is not None)
    mlflow.set_experiment(t.name())
    with mlflow.start_run(run_name="keras") as run:
        mlflow.log_params({"optimizer_name": "adam", "optimizer_learning_rate": 0.001, "epochs": 3})
        mlflow.log_text("Model: sequential", artifact_file="model_summary.txt")
        for epoch in range(3):
            mlflow.log_metrics(
                {"loss": 1 / (epoch + 1), "accuracy": epoch / 3}, step=epoch, synchronous=False
            )
            mlflow.log_metrics({f"validation_{key}": 0.5 for key in ("loss", "accuracy")}, step=epoch)
            add_to_metrics_queue("batch_loss", epoch / 2, epoch, THEN + epoch, run.info.run_id)
        flush_metrics_queue()
        mlflow.flush_async_logging()
        mlflow.log_metric("stopped_epoch", 2)
    found = t.client.get_run(run.info.run_id)
    t.record("data", [found.data.params, found.data.metrics])
    t.record("queued", t.client.get_metric_history(run.info.run_id, "batch_loss"))
    t.record("summary", mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/model_summary.txt"))


@scenario("Optuna's MLflowCallback logs each trial as a run of an experiment named after the study")
def optuna_callback(t):
    import optuna
    from optuna_integration.mlflow import MLflowCallback

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study_name = t.name("study")
    callback = MLflowCallback(
        tracking_uri=t.url, metric_name="score", mlflow_kwargs={"nested": True}, tag_study_user_attrs=True
    )

    @callback.track_in_mlflow()
    def objective(trial):
        x = trial.suggest_float("x", -1, 1)
        depth = trial.suggest_categorical("depth", ["low", "high"])
        mlflow.log_param("power", 2)
        mlflow.log_metric("half", x / 2)
        return x**2 + (depth == "high")

    study = optuna.create_study(study_name=study_name, sampler=optuna.samplers.RandomSampler(seed=7))
    study.set_user_attr("owner", "alice")
    study.optimize(objective, n_trials=4, callbacks=[callback])
    experiment = t.client.get_experiment_by_name(study_name)
    runs = t.client.search_runs([experiment.experiment_id], order_by=["run_name"])
    t.record(
        "trials",
        [
            {
                "name": run.info.run_name,
                "status": run.info.status,
                "params": run.data.params,
                "metrics": run.data.metrics,
                "tags": {k: v for k, v in run.data.tags.items() if "datetime" not in k and "source" not in k},
            }
            for run in runs
        ],
    )
    best = t.client.search_runs([experiment.experiment_id], order_by=["metrics.score ASC"], max_results=1)[0]
    t.record("best", [best.info.run_name, best.data.metrics["score"] == study.best_value])


@scenario("trials of Optuna are nested below a run that is active")
def optuna_nested(t):
    import optuna
    from optuna_integration.mlflow import MLflowCallback

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    callback = MLflowCallback(
        tracking_uri=t.url, create_experiment=False, metric_name=["a", "b"], mlflow_kwargs={"nested": True}
    )
    study = optuna.create_study(
        study_name=t.name(),
        directions=["minimize", "maximize"],
        sampler=optuna.samplers.RandomSampler(seed=7),
    )
    mlflow.set_experiment(t.name("nested"))
    with mlflow.start_run(run_name="parent") as parent:
        study.optimize(
            lambda trial: (trial.suggest_int("n", 1, 9), trial.suggest_float("f", 0, 1)),
            n_trials=3,
            callbacks=[callback],
        )
    children = mlflow.search_runs(
        filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'",
        order_by=["run_name"],
        output_format="list",
    )
    t.record("children", [[run.info.run_name, run.data.params, run.data.metrics] for run in children])


@scenario("a plain client logs by hand as older scripts do")
def by_hand(t):
    client = t.client
    experiment_id = t.experiment()
    tags = [
        RunTag("mlflow.source.type", "JOB"),
        RunTag("mlflow.source.name", "train.py"),
        RunTag("git", "abc"),
    ]
    run = client.create_run(
        experiment_id, start_time=THEN, tags={tag.key: tag.value for tag in tags}, run_name="job"
    )
    run_id = run.info.run_id
    for epoch in range(10):
        client.log_metric(run_id, "loss", 1 / (1 + epoch), timestamp=THEN + epoch * 1_000, step=epoch)
    client.log_batch(run_id, params=[Param(f"p{n}", str(n)) for n in range(100)])
    client.log_batch(run_id, metrics=[Metric("acc", n / 10, THEN + n, n) for n in range(1_000)])
    client.set_terminated(run_id, "FINISHED", THEN + 60_000)
    t.record("run", client.get_run(run_id))
    t.record("points", [len(client.get_metric_history(run_id, key)) for key in ("loss", "acc")])
    t.record("last", client.get_run(run_id).data.metrics)
