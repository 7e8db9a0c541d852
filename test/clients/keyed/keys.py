"""MLflow's client on a tracker that asks for keys, which it takes from MLflow's own variables."""

import contextlib
import hashlib
import os
import pathlib

import mlflow
import requests
from harness import environment, scenario
from mlflow.exceptions import MlflowException

PART = 5 * 1024 * 1024
NOTHING = {"MLFLOW_TRACKING_TOKEN": "", "MLFLOW_TRACKING_USERNAME": "", "MLFLOW_TRACKING_PASSWORD": ""}


def token(name):
    """What follows is done with the key of this name."""
    return environment(**NOTHING | {"MLFLOW_TRACKING_TOKEN": os.environ[f"KEY_{name}"]})


@contextlib.contextmanager
def refused(status):
    """What follows has to fail with this status."""
    try:
        yield
    except MlflowException as error:
        assert error.get_http_status_code() == status or f" {status} " in str(error), str(error)
    except requests.HTTPError as error:
        assert error.response.status_code == status, str(error)
    else:
        raise AssertionError(f"It was not refused with {status}")


@scenario("without a key nothing can be read or written")
def no_key(t):
    with environment(**NOTHING):
        with refused(401):
            t.client.search_experiments()
        with refused(401):
            t.client.create_experiment(t.name())
        with environment(MLFLOW_TRACKING_TOKEN="er_000000000000_not_a_key"), refused(401):
            t.client.search_experiments()


@scenario("a key comes as a token, or as the password of any user")
def ways(t):
    with token("WRITE"):
        experiment = t.client.create_experiment(t.name())
    with environment(
        **NOTHING
        | {"MLFLOW_TRACKING_USERNAME": "somebody", "MLFLOW_TRACKING_PASSWORD": os.environ["KEY_READ"]}
    ):
        assert t.client.get_experiment(experiment).experiment_id == experiment


@scenario("a job trains, logs a model and registers it with a key that may write")
def job(t):
    with token("WRITE"):
        mlflow.set_experiment(t.name())
        with mlflow.start_run() as run:
            mlflow.log_params({"lr": 0.1, "depth": 3})
            for step in range(20):
                mlflow.log_metric("loss", 1 / (step + 1), step=step)
            mlflow.set_tag("team", "vision")
            mlflow.log_text("hello", "notes/hello.txt")
        assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/hello.txt") == "hello"
        name = t.name()
        t.client.create_registered_model(name)
        version = t.client.create_model_version(
            name, f"{run.info.artifact_uri}/notes", run_id=run.info.run_id
        )
        t.client.set_registered_model_alias(name, "best", version.version)
    with token("READ"):
        found = t.client.get_run(run.info.run_id)
        assert (found.info.status, found.data.metrics) == ("FINISHED", {"loss": 1 / 20})
        assert len(t.client.get_metric_history(run.info.run_id, "loss")) == 20
        local = mlflow.artifacts.download_artifacts(f"models:/{name}@best")
        assert (pathlib.Path(local) / "hello.txt").read_text() == "hello"


@scenario("a key that reads cannot write")
def reader(t):
    with token("WRITE"):
        run_id = t.run()
    with token("READ"):
        t.client.get_run(run_id)
        with refused(403):
            t.client.log_metric(run_id, "loss", 1)
        with refused(403):
            t.client.log_text(run_id, "x", "x.txt")
        with refused(403):
            t.client.delete_run(run_id)
        assert t.client.get_run(run_id).data.metrics == {}


@scenario("a key for one experiment creates runs in it and logs to them, and can do nothing else")
def ingest(t):
    experiment = os.environ["INGEST_EXPERIMENT"]
    with token("WRITE"):
        other = t.run()
    with token("INGEST"):
        with mlflow.start_run(experiment_id=experiment, run_name="job") as run:
            mlflow.log_params({"lr": 0.1})
            mlflow.log_metrics({"loss": 0.5, "accuracy": 0.9}, step=1)
            mlflow.set_tag("team", "vision")
        with refused(403):
            t.client.log_metric(other, "loss", 1)
        with refused(403):
            t.client.create_experiment(t.name())
        with refused(403):
            t.client.search_runs([experiment])
    with token("READ"):
        found = t.client.get_run(run.info.run_id)
        assert found.info.status == "FINISHED"
        assert found.data.metrics == {"loss": 0.5, "accuracy": 0.9}
        assert t.client.get_run(other).data.metrics == {}


@scenario("files go up and come down in parts, by signed addresses that need no key")
def parts(t):
    content = hashlib.shake_128(b"parts").digest(2 * PART + 7)
    with token("WRITE"), environment(
        MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true",
        MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD="true",
        MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=str(PART),
        MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(PART),
    ):
        run_id = t.run()
        t.client.log_artifact(run_id, t.file("large é.bin", content), "deep")
        local = t.client.download_artifacts(run_id, "deep/large é.bin")
        assert pathlib.Path(local).read_bytes() == content


@scenario("two workspaces have experiments and models of one name, and do not see each other's")
def workspaces(t):
    name = t.name()
    made = {}
    for who in ("WRITE", "OTHER"):
        with token(who):
            experiment = t.client.create_experiment(name)
            run = t.client.create_run(experiment)
            t.client.log_metric(run.info.run_id, "loss", len(made))
            t.client.create_registered_model(name)
            made[who] = (experiment, run.info.run_id)
    for who, other in (("WRITE", "OTHER"), ("OTHER", "WRITE")):
        with token(who):
            assert t.client.get_experiment_by_name(name).experiment_id == made[who][0]
            [run] = t.client.search_runs([made[who][0], made[other][0]])
            assert run.info.run_id == made[who][1]
            with refused(404):
                t.client.get_run(made[other][1])
            with refused(404):
                t.client.log_metric(made[other][1], "loss", 9)
            assert len(t.client.search_registered_models(f"name = '{name}'")) == 1
