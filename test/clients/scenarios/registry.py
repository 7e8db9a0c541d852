"""The model registry: registered models, their versions, aliases, tags and stages."""

import mlflow
from harness import scenario
from mlflow.entities import LoggedModelStatus

SOURCE = "s3://bucket/model"


@scenario("a registered model is created, changed, renamed and deleted")
def registered_models(t):
    name = t.name("net")
    t.record("created", t.client.create_registered_model(name, {"a": "1"}, "what it is"))
    t.record("read", t.client.get_registered_model(name))
    t.attempt("created again", t.client.create_registered_model, name)
    before = t.client.get_registered_model(name).last_updated_timestamp
    t.record("changed", t.client.update_registered_model(name, "what it was"))
    t.record("changed later", t.client.get_registered_model(name).last_updated_timestamp > before)
    t.record("changed to nothing", t.client.update_registered_model(name, ""))
    renamed = t.name("renamed")
    t.record("renamed", t.client.rename_registered_model(name, renamed))
    t.attempt("old name", t.client.get_registered_model, name)
    other = t.name("other")
    t.client.create_registered_model(other)
    t.attempt("renamed to one that is taken", t.client.rename_registered_model, renamed, other)
    t.attempt("renamed to nothing", t.client.rename_registered_model, renamed, "  ")
    t.client.delete_registered_model(renamed)
    t.attempt("deleted", t.client.get_registered_model, renamed)
    t.attempt("deleted again", t.client.delete_registered_model, renamed)
    t.record("created anew", t.client.create_registered_model(renamed))
    t.http("on the wire", "GET", "registered-models/get", params={"name": renamed})


@scenario("registered models that cannot be are refused or not found")
def bad_registered_models(t):
    nobody = t.name("nobody")
    for label, call in {
        "get": (t.client.get_registered_model, nobody),
        "update": (t.client.update_registered_model, nobody, "x"),
        "rename": (t.client.rename_registered_model, nobody, "x"),
        "delete": (t.client.delete_registered_model, nobody),
        "tag": (t.client.set_registered_model_tag, nobody, "a", "1"),
        "untag": (t.client.delete_registered_model_tag, nobody, "a"),
        "alias": (t.client.set_registered_model_alias, nobody, "best", "1"),
        "unalias": (t.client.delete_registered_model_alias, nobody, "best"),
        "by alias": (t.client.get_model_version_by_alias, nobody, "best"),
        "latest": (t.client.get_latest_versions, nobody),
        "version": (t.client.create_model_version, nobody, SOURCE),
        "get version": (t.client.get_model_version, nobody, "1"),
        "download": (t.client.get_model_version_download_uri, nobody, "1"),
    }.items():
        t.attempt(label, *call)
    for name in ["", "  ", "a/b", "a:b", "n" * 256, "n" * 257, "a.b-c d_é", "100%", "quote'"]:
        name = t.name("n").ljust(256, "n") if len(name) == 256 else name
        t.http(f"create {name[:20]} {len(name)}", "POST", "registered-models/create", json={"name": name})
    t.http("create without a name", "POST", "registered-models/create", json={})
    t.http("create with a number", "POST", "registered-models/create", json={"name": 5})
    t.http("get without a name", "GET", "registered-models/get")
    t.http("delete without a name", "DELETE", "registered-models/delete", json={})
    tagged = {"name": t.name("tagged"), "tags": [{"key": "k" * 251, "value": "v"}]}
    t.http("tag key too long", "POST", "registered-models/create", json=tagged)
    twice = {"name": t.name("twice"), "tags": [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]}
    t.http("tags twice", "POST", "registered-models/create", json=twice)
    for name in ["a.b-c d_é", "100%", "quote'"]:
        t.attempt(f"deleted {name}", t.client.delete_registered_model, name)


@scenario("tags of registered models and versions are set, changed and deleted")
def tags(t):
    name = t.name("net")
    t.client.create_registered_model(name)
    t.client.create_model_version(name, SOURCE, tags={"v": "1"})
    t.client.set_registered_model_tag(name, "a", "1")
    t.client.set_registered_model_tag(name, "a", "2")
    t.client.set_registered_model_tag(name, "b", 5)
    t.record("of the model", t.client.get_registered_model(name).tags)
    t.client.delete_registered_model_tag(name, "a")
    t.attempt("gone", t.client.delete_registered_model_tag, name, "a")
    t.client.set_model_version_tag(name, "1", "v", "2")
    t.client.set_model_version_tag(name, "1", "w", "3")
    t.record("of the version", t.client.get_model_version(name, "1").tags)
    t.client.delete_model_version_tag(name, "1", "w")
    t.attempt("gone from the version", t.client.delete_model_version_tag, name, "1", "w")
    t.attempt("version not there", t.client.set_model_version_tag, name, "9", "a", "1")
    t.attempt("untag a version not there", t.client.delete_model_version_tag, name, "9", "a")
    t.attempt("key too long", t.client.set_registered_model_tag, name, "k" * 251, "v")
    t.attempt("value of 5,000", t.client.set_registered_model_tag, name, "long", "v" * 5_000)
    t.attempt("value of 100,001", t.client.set_registered_model_tag, name, "longer", "v" * 100_001)
    t.attempt("version's key too long", t.client.set_model_version_tag, name, "1", "k" * 251, "v")
    t.http("no key", "POST", "registered-models/set-tag", json={"name": name, "value": "v"})
    t.http("no value", "POST", "registered-models/set-tag", json={"name": name, "key": "only"})
    body = {"name": name, "version": "one", "key": "k", "value": "v"}
    t.http("version as text", "POST", "model-versions/set-tag", json=body)
    t.record("by stage", t.client.get_model_version(name, 1).tags)


@scenario("versions of a model are created, changed and deleted")
def versions(t):
    name = t.name("net")
    t.client.create_registered_model(name)
    run_id = t.run()
    first = t.client.create_model_version(name, SOURCE, run_id, {"a": "1"}, "https://run.link", "the first")
    t.record("first", first)
    t.record("second", t.client.create_model_version(name, SOURCE))
    t.record("read", t.client.get_model_version(name, "1"))
    before = t.client.get_model_version(name, "1").last_updated_timestamp
    t.record("changed", t.client.update_model_version(name, "1", "changed"))
    t.record("changed later", t.client.get_model_version(name, "1").last_updated_timestamp > before)
    t.record("download", t.client.get_model_version_download_uri(name, "1"))
    t.record("stages", t.client.get_model_version_stages(name, "1"))
    t.client.delete_model_version(name, "1")
    t.attempt("deleted", t.client.get_model_version, name, "1")
    t.attempt("deleted again", t.client.delete_model_version, name, "1")
    t.attempt("changed when deleted", t.client.update_model_version, name, "1", "x")
    t.record("third", t.client.create_model_version(name, SOURCE).version)
    t.client.delete_model_version(name, "3")
    t.record("number of a deleted one", t.client.create_model_version(name, SOURCE).version)
    t.record("model", t.client.get_registered_model(name))
    t.http("on the wire", "GET", "model-versions/get", params={"name": name, "version": "2"})
    renamed = t.name("renamed")
    t.client.rename_registered_model(name, renamed)
    t.record("after a rename", t.client.get_model_version(renamed, "2"))
    t.client.delete_registered_model(renamed)
    t.attempt("after the model is gone", t.client.get_model_version, renamed, "2")


@scenario("versions that cannot be are refused")
def bad_versions(t):
    name = t.name("net")
    t.client.create_registered_model(name)
    run_id = t.run()
    root = t.client.get_run(run_id).info.artifact_uri
    path = "model-versions/create"
    for label, body in {
        "without source": {"name": name},
        "without name": {"source": SOURCE},
        "empty source": {"name": name, "source": ""},
        "local path": {"name": name, "source": "/etc/passwd"},
        "file": {"name": name, "source": "file:///etc/passwd"},
        "relative": {"name": name, "source": "models/a"},
        "up": {"name": name, "source": "mlflow-artifacts:/../../etc"},
        "up in code": {"name": name, "source": "mlflow-artifacts:/%2e%2e/%2e%2e/etc"},
        "up on http": {"name": name, "source": "https://host/a/../../b"},
        "run's own": {"name": name, "source": f"{root}/model", "run_id": run_id},
        "local with run": {"name": name, "source": "/etc/passwd", "run_id": run_id},
        "run that is not there": {"name": name, "source": f"{root}/model", "run_id": "f" * 32},
        "run's URI": {"name": name, "source": f"runs:/{run_id}/model", "run_id": run_id},
        "models URI": {"name": name, "source": "models:/other/1"},
        "s3": {"name": name, "source": "s3://bucket/x"},
        "dbfs": {"name": name, "source": "dbfs:/x"},
        "source a number": {"name": name, "source": 5},
    }.items():
        answer = t.answer(t.send("POST", path, json=body))
        answer["body"].get("model_version", {}).pop("version", None)
        t.record(label, answer)
    for label, call in {
        "get": (t.client.get_model_version, name, "99"),
        "get zero": (t.client.get_model_version, name, "0"),
        "get text": (t.client.get_model_version, name, "one"),
        "get empty": (t.client.get_model_version, name, ""),
        "update": (t.client.update_model_version, name, "99", "x"),
        "delete": (t.client.delete_model_version, name, "99"),
        "delete text": (t.client.delete_model_version, name, "one"),
        "download": (t.client.get_model_version_download_uri, name, "99"),
    }.items():
        t.attempt(label, *call)


@scenario("aliases lead to a version and move")
def aliases(t):
    name = t.name("net")
    t.client.create_registered_model(name)
    for _ in range(3):
        t.client.create_model_version(name, SOURCE)
    t.client.set_registered_model_alias(name, "best", "1")
    t.client.set_registered_model_alias(name, "other", 2)
    t.record("model", t.client.get_registered_model(name).aliases)
    t.record("version", t.client.get_model_version(name, "1").aliases)
    t.record("by alias", t.client.get_model_version_by_alias(name, "best"))
    t.client.set_registered_model_alias(name, "best", "3")
    t.record("moved", t.client.get_registered_model(name).aliases)
    t.record("left", t.client.get_model_version(name, "1").aliases)
    t.client.set_registered_model_alias(name, "more", "3")
    t.record("two", sorted(t.client.get_model_version(name, "3").aliases))
    t.client.delete_registered_model_alias(name, "other")
    t.attempt("gone", t.client.get_model_version_by_alias, name, "other")
    t.attempt("gone again", t.client.delete_registered_model_alias, name, "other")
    t.attempt("version not there", t.client.set_registered_model_alias, name, "x", "9")
    for alias in [
        "latest",
        "Latest",
        "v1",
        "V12",
        "v1a",
        "with space",
        "a.b",
        "",
        "a/b",
        "a" * 255,
        "a" * 256,
        "1",
    ]:
        t.attempt(f"alias {alias[:12]} {len(alias)}", t.client.set_registered_model_alias, name, alias, "1")
    t.client.delete_model_version(name, "3")
    t.record("after a version is deleted", sorted(t.client.get_registered_model(name).aliases))
    t.attempt("its alias", t.client.get_model_version_by_alias, name, "best")
    t.http("without alias", "POST", "registered-models/alias", json={"name": name, "version": "1"})
    t.http("on the wire", "GET", "registered-models/alias", params={"name": name, "alias": "v1a"})
    body = {"name": name, "alias": "v1a"}
    t.http("deleted on the wire", "DELETE", "registered-models/alias", json=body)


@scenario("versions move through stages, and archive those that were there")
def stages(t):
    name = t.name("net")
    t.client.create_registered_model(name)
    for _ in range(4):
        t.client.create_model_version(name, SOURCE)
    move = t.client.transition_model_version_stage
    t.record("to staging", move(name, "1", "Staging"))
    t.record("small letters", move(name, "2", "production").current_stage)
    t.record("another beside it", move(name, "3", "Production").current_stage)
    t.attempt("instead of them", move, name, "4", "Production", archive_existing_versions=True)
    t.record("all", {v.version: v.current_stage for v in t.client.search_model_versions(f"name = '{name}'")})
    t.record("to none", move(name, "1", "None").current_stage)
    t.record("to archived", move(name, "1", "Archived").current_stage)
    t.attempt("to what is none", move, name, "1", "Shipped")
    t.attempt("archiving with archived", move, name, "1", "Archived", archive_existing_versions=True)
    t.attempt("archiving with none", move, name, "1", "None", archive_existing_versions=True)
    t.attempt("of a version not there", move, name, "9", "Staging")
    t.http("without a stage", "POST", "model-versions/transition-stage", json={"name": name, "version": "1"})
    latest = lambda *stages: sorted(
        [version.current_stage, version.version] for version in t.client.get_latest_versions(name, *stages)
    )
    t.record("latest", latest())
    t.record("latest in production", latest(["Production"]))
    t.record("latest in small letters", latest(["production", "archived"]))
    t.record("latest in staging", latest(["Staging"]))
    t.attempt("latest in what is none", latest, ["Shipped"])
    t.record("of the model", sorted(v.version for v in t.client.get_registered_model(name).latest_versions))
    t.record("next one", t.client.create_model_version(name, SOURCE).current_stage)
    t.record("latest in the end", latest())
    t.http(
        "by GET",
        "GET",
        "registered-models/get-latest-versions",
        params={"name": name, "stages": "Production"},
    )


@scenario("registered models are searched")
def search_models(t):
    for n, (name, given) in enumerate(
        {"alpha": {"a": "1"}, "beta": {"a": "2"}, "Alphabet": {}, "gamma": {}}.items()
    ):
        t.client.create_registered_model(t.name(name), {"of": t.slug, **given})
        for _ in range(n):
            t.client.create_model_version(t.name(name), SOURCE)
    mine = f"tags.of = '{t.slug}'"
    found = lambda condition="", **more: [
        model.name.removesuffix(f" of {t.slug}")
        for model in t.client.search_registered_models(
            f"{mine} AND {condition}" if condition else mine, **more
        )
    ]
    for condition in [
        "",
        f"name = '{t.name('alpha')}'",
        f"name != '{t.name('alpha')}'",
        "name LIKE 'alpha%'",
        "name ILIKE 'ALPHA%'",
        "tags.a = '1'",
        "tag.a = '1'",
        "tags.a != '1'",
        "tags.a LIKE '%'",
        "tags.nothing = '1'",
        "tags.`a` = '2' AND name LIKE 'b%'",
        "name IN ('a')",
        "name > 'a'",
        "name = alpha",
        "description = 'x'",
        "version = 1",
        "name = 'a' OR name = 'b'",
        "tags.a = 1",
        "name",
    ]:
        t.attempt(condition.replace(t.slug, "SLUG"), found, condition)
    for order_by in [
        None,
        ["name ASC"],
        ["name DESC"],
        ["timestamp ASC"],
        ["timestamp DESC"],
        ["last_updated_timestamp ASC", "name DESC"],
        ["creation_timestamp DESC"],
        ["name"],
        ["name UP"],
        ["owner"],
        ["name ASC", "name DESC"],
    ]:
        t.attempt(f"order {order_by}", found, order_by=order_by)
    token, pages = None, []
    while True:
        page = t.client.search_registered_models(mine, max_results=3, order_by=["name ASC"], page_token=token)
        pages.append(len(page))
        token = page.token
        if not token:
            break
    t.record("pages", pages)
    for count in (0, 1_000, 1_001, -1):
        query = {"max_results": count, "filter": mine}
        response = t.send("GET", "registered-models/search", params=query)
        body = response.json()
        t.record(
            f"max_results {count}",
            len(body.get("registered_models", [])) if response.ok else t.answer(response),
        )
    t.http("bad token", "GET", "registered-models/search", params={"page_token": "!!"})
    one = f"name = '{t.name('beta')}'"
    t.http("on the wire", "GET", "registered-models/search", params={"filter": one})
    t.record("by the fluent function", len(mlflow.search_registered_models(filter_string=mine)))


@scenario("versions are searched")
def search_versions(t):
    experiment_id = t.experiment()
    runs = [t.run(experiment_id) for _ in range(2)]
    names = [t.name("one"), t.name("two")]
    for name in names:
        t.client.create_registered_model(name)
        for n in range(3):
            source = f"{SOURCE}/{t.slug}/{n}"
            run_id = runs[n] if n < 2 else None
            t.client.create_model_version(name, source, run_id, {"n": str(n), "of": t.slug})
    t.client.set_registered_model_alias(names[0], "best", "2")
    t.client.transition_model_version_stage(names[0], "3", "Production")
    mine = f"tags.of = '{t.slug}'"

    def found(condition="", **more):
        query = f"{mine} AND {condition}" if condition else mine
        versions = t.client.search_model_versions(query, **more)
        return [[v.name.removesuffix(f" of {t.slug}"), v.version] for v in versions]

    for condition in [
        "",
        f"name = '{names[0]}'",
        f"name != '{names[0]}'",
        "name LIKE 'one%'",
        "name ILIKE 'ONE%'",
        "version_number = 2",
        "version_number > 1",
        "version_number <= 2 AND name LIKE 'two%'",
        "version_number != 1",
        f"run_id = '{runs[0]}'",
        f"run_id IN ('{runs[0]}', '{runs[1]}')",
        f"run_id NOT IN ('{runs[0]}')",
        f"source_path = '{SOURCE}/{t.slug}/1'",
        "source_path LIKE '%/2'",
        "tags.n = '1'",
        "tags.n != '1'",
        "tags.n LIKE '%'",
        "tags.n = '1' AND version_number = 2",
        "version = '1'",
        "version_number = '1'",
        "run_id = 5",
        "stage = 'Production'",
        "name IN ('a', 'b')",
        "aliases = 'best'",
        "name = 'a' OR name = 'b'",
    ]:
        label = condition.replace(t.slug, "SLUG").replace(runs[0], "ONE").replace(runs[1], "TWO")
        t.attempt(label, found, condition, order_by=["name ASC", "version_number ASC"])
    for order_by in [
        None,
        ["name ASC"],
        ["version_number DESC", "name ASC"],
        ["creation_timestamp DESC"],
        ["last_updated_timestamp DESC", "name DESC"],
        ["run_id"],
        ["stage"],
        ["version_number UP"],
    ]:
        if order_by != ["run_id"]:
            t.attempt(f"order {order_by}", found, order_by=order_by)
    token, pages = None, []
    while True:
        page = t.client.search_model_versions(mine, max_results=4, page_token=token)
        pages.append(len(page))
        token = page.token
        if not token:
            break
    t.record("pages", pages)
    for count in (0, 200_000, 200_001, -1):
        response = t.send("GET", "model-versions/search", params={"max_results": count, "filter": mine})
        body = response.json()
        t.record(
            f"max_results {count}", len(body.get("model_versions", [])) if response.ok else t.answer(response)
        )
    one = f"name = '{names[0]}' AND version_number = 2"
    t.http("on the wire", "GET", "model-versions/search", params={"filter": one})
    t.http("nothing found", "GET", "model-versions/search", params={"filter": "name = 'nobody'"})


@scenario("a model is registered from its run or itself, and loaded by name, version, stage and alias")
def register_and_load(t):
    import numpy as np
    from sklearn.linear_model import LinearRegression

    mlflow.set_experiment(t.name())
    name = t.name("line")
    x = np.array([[0.0], [1.0], [2.0]])
    infos = []
    for slope in (1.0, 2.0):
        with mlflow.start_run() as run:
            model = LinearRegression().fit(x, slope * x[:, 0])
            infos.append(
                mlflow.sklearn.log_model(
                    model, name="line", pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
                )
            )
    first = mlflow.register_model(infos[0].model_uri, name, tags={"by": "model"}, await_registration_for=5)
    t.record("by the model", first)
    second = mlflow.register_model(f"runs:/{run.info.run_id}/line", name)
    t.record("by the run", second)
    t.client.set_registered_model_alias(name, "best", "2")
    t.client.transition_model_version_stage(name, "1", "Production")
    at_two = lambda uri: round(float(mlflow.pyfunc.load_model(uri).predict(np.array([[2.0]]))[0]), 6)
    for label, uri in {
        "version": f"models:/{name}/1",
        "second version": f"models:/{name}/2",
        "alias": f"models:/{name}@best",
        "stage": f"models:/{name}/Production",
        "latest": f"models:/{name}/latest",
        "run": f"runs:/{run.info.run_id}/line",
    }.items():
        t.record(f"loaded by {label}", at_two(uri))
    t.attempt("no such version", mlflow.pyfunc.load_model, f"models:/{name}/9")
    t.attempt("no such alias", mlflow.pyfunc.load_model, f"models:/{name}@worst")
    t.attempt("no such model", mlflow.pyfunc.load_model, f"models:/{name}x/1")
    source = t.client.get_model_version(name, "1")
    t.record("download", t.client.get_model_version_download_uri(name, "1"))
    t.record("source", source.source)
    copied = t.client.copy_model_version(f"models:/{name}@best", t.name("copy"))
    t.record("copied", copied)
    t.record("loaded from the copy", at_two(f"models:/{t.name('copy')}/1"))
    t.attempt(
        "copied from what is not there", t.client.copy_model_version, f"models:/{name}/9", t.name("copy")
    )
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(
            LinearRegression().fit(x, 3 * x[:, 0]),
            name="line",
            registered_model_name=name,
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )
    t.record("registered when logged", info.registered_model_version)
    t.record("loaded", at_two(f"models:/{name}/3"))
    t.record("tags of the model", mlflow.get_logged_model(infos[0].model_id).tags.get("mlflow.modelVersions"))
    missing = t.client.create_logged_model("0", "pending")
    t.client.finalize_logged_model(missing.model_id, LoggedModelStatus.READY)
    t.attempt("of a run without it", mlflow.register_model, f"runs:/{t.run()}/nothing", name)


@scenario("the registry answers on the wire as its clients in other languages expect")
def wire(t):
    name = t.name("net")
    t.http("create", "POST", "registered-models/create", json={"name": name, "description": "d"})
    body = {"name": name, "source": SOURCE, "tags": [{"key": "k", "value": "v"}]}
    t.http("version", "POST", "model-versions/create", json=body)
    t.http("version as a number", "GET", "model-versions/get", params={"name": name, "version": 1})
    t.http("update", "PATCH", "registered-models/update", json={"name": name, "description": "e"})
    t.http(
        "update version",
        "PATCH",
        "model-versions/update",
        json={"name": name, "version": "1", "description": "f"},
    )
    t.http("without version", "GET", "model-versions/get", params={"name": name})
    t.http("download", "GET", "model-versions/get-download-uri", params={"name": name, "version": "1"})
    t.http("latest", "POST", "registered-models/get-latest-versions", json={"name": name})
    t.http("search", "GET", "registered-models/search", params={"filter": f"name='{name}'"})
    stage = {"name": name, "version": "1", "stage": "Staging", "archive_existing_versions": False}
    t.http("stage", "POST", "model-versions/transition-stage", json=stage)
    t.http("rename", "POST", "registered-models/rename", json={"name": name, "new_name": f"{name} x"})
    name = f"{name} x"
    t.http(
        "delete tag", "DELETE", "model-versions/delete-tag", json={"name": name, "version": "1", "key": "k"}
    )
    t.http("delete version", "DELETE", "model-versions/delete", json={"name": name, "version": "1"})
    t.http("delete", "DELETE", "registered-models/delete", json={"name": name})
    t.http("get", "GET", "registered-models/get", params={"name": name})
    t.http("through ajax-api", "GET", "/ajax-api/2.0/mlflow/registered-models/get", params={"name": name})
