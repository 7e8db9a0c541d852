"""Experiments: made, found, changed, deleted and brought back."""

import mlflow
from harness import scenario
from mlflow.entities import ExperimentTag, ViewType


@scenario("an experiment is created and read by its id and by its name")
def create_and_get(t):
    experiment_id = t.client.create_experiment(t.name(), tags={"team": "vision", "stage": "draft"})
    t.normal.experiment(experiment_id)
    t.record("id is text", isinstance(experiment_id, str))
    t.record("by id", t.client.get_experiment(experiment_id))
    t.record("by name", t.client.get_experiment_by_name(t.name()))
    t.record("by a name that nobody has", t.client.get_experiment_by_name("nobody"))
    t.record("by a name in other case", t.client.get_experiment_by_name(t.name().upper()))


@scenario("the experiment Default is there from the beginning and has the id 0")
def default_experiment(t):
    default = t.client.get_experiment("0")
    t.record("by id", {"id": default.experiment_id, "name": default.name, "stage": default.lifecycle_stage})
    t.record("location", default.artifact_location)
    t.record("by name", t.client.get_experiment_by_name("Default").experiment_id)
    t.attempt("created again", t.client.create_experiment, "Default")
    run = t.client.create_run("0", run_name="there")
    t.record("run in it", [run.info.experiment_id, run.info.artifact_uri])
    t.http("run of no experiment", "POST", "runs/create", json={})


@scenario("names of experiments are unique, also against deleted ones")
def unique_names(t):
    experiment_id = t.experiment("taken")
    t.attempt("created again", t.client.create_experiment, t.name("taken"))
    t.client.delete_experiment(experiment_id)
    t.attempt("created while deleted", t.client.create_experiment, t.name("taken"))
    other = t.experiment("other")
    t.attempt("renamed to it while deleted", t.client.rename_experiment, other, t.name("taken"))
    t.client.restore_experiment(experiment_id)
    t.attempt("renamed to it", t.client.rename_experiment, other, t.name("taken"))
    t.attempt("renamed to its own name", t.client.rename_experiment, other, t.name("other"))
    t.record("the other is as it was", t.client.get_experiment(other))
    t.record("a name in other case is another", t.client.create_experiment(t.name("TAKEN")) != experiment_id)


@scenario("names of experiments that cannot be are refused")
def bad_names(t):
    t.attempt("empty", t.client.create_experiment, "")
    t.attempt("none", t.client.create_experiment, None)
    t.http("empty on the wire", "POST", "experiments/create", json={"name": ""})
    t.http("missing on the wire", "POST", "experiments/create", json={})
    t.http("a number", "POST", "experiments/create", json={"name": 12})
    t.http("a list", "POST", "experiments/create", json={"name": ["a"]})
    t.http("too long", "POST", "experiments/create", json={"name": "x" * 501})
    t.record("256", t.client.create_experiment(t.name().ljust(256, "y")).isalnum())
    t.http("257", "POST", "experiments/create", json={"name": t.name().ljust(257, "y")})
    experiment_id = t.experiment()
    t.attempt("renamed to nothing", t.client.rename_experiment, experiment_id, "")
    t.attempt("renamed to none", t.client.rename_experiment, experiment_id, None)
    t.http("renamed without a name", "POST", "experiments/update", json={"experiment_id": experiment_id})
    t.http(
        "renamed to what is too long",
        "POST",
        "experiments/update",
        json={"experiment_id": experiment_id, "new_name": "z" * 501},
    )


@scenario("names of experiments may be any text")
def any_names(t):
    names = ["with space ", "slash/and\\back", "ünï — 実験 🧪", 'quote\'s "double"', "%like_", "';--", "<b>"]
    for name in names:
        experiment_id = t.experiment(name)
        t.record(name, t.client.get_experiment(experiment_id).name)
        t.record(
            f"{name} found", t.client.get_experiment_by_name(t.name(name)).experiment_id == experiment_id
        )


@scenario("an experiment is renamed, and its time of change moves")
def rename(t):
    experiment_id = t.experiment("old")
    before = t.client.get_experiment(experiment_id)
    t.client.rename_experiment(experiment_id, t.name("new"))
    after = t.client.get_experiment(experiment_id)
    t.record("renamed", after)
    t.record("changed later", after.last_update_time > before.last_update_time)
    t.record("created then", after.creation_time == before.creation_time)
    t.record("old name is free", t.client.get_experiment_by_name(t.name("old")))
    t.record("another takes it", t.client.get_experiment(t.experiment("old")).name)


@scenario("an experiment is deleted and restored, with its runs")
def delete_and_restore(t):
    experiment_id = t.experiment()
    run, deleted = t.run(experiment_id), t.run(experiment_id)
    t.client.delete_run(deleted)
    before = t.client.get_experiment(experiment_id)
    t.client.delete_experiment(experiment_id)
    after = t.client.get_experiment(experiment_id)
    t.record("deleted", after)
    t.record("changed later", after.last_update_time > before.last_update_time)
    t.record("by its name", t.client.get_experiment_by_name(t.name("experiment")))
    t.record("its run", t.client.get_run(run).info.lifecycle_stage)
    t.record("its deleted run", t.client.get_run(deleted).info.lifecycle_stage)
    t.record("active runs", len(t.client.search_runs([experiment_id])))
    t.record("all runs", len(t.client.search_runs([experiment_id], run_view_type=ViewType.ALL)))
    t.client.restore_experiment(experiment_id)
    t.record("restored", t.client.get_experiment(experiment_id))
    t.record("its run again", t.client.get_run(run).info.lifecycle_stage)
    t.record("its deleted run again", t.client.get_run(deleted).info.lifecycle_stage)


@scenario("what cannot be done with a deleted experiment is refused")
def deleted_experiment(t):
    experiment_id = t.experiment()
    run = t.run(experiment_id)
    t.client.delete_experiment(experiment_id)
    t.attempt("deleted again", t.client.delete_experiment, experiment_id)
    t.attempt("renamed", t.client.rename_experiment, experiment_id, t.name("new"))
    t.attempt("tagged", t.client.set_experiment_tag, experiment_id, "key", "value")
    t.attempt("untagged", t.client.delete_experiment_tag, experiment_id, "key")
    t.attempt("run created", t.client.create_run, experiment_id)
    t.attempt("metric logged", t.client.log_metric, run, "loss", 1.0)
    t.attempt("set active", mlflow.set_experiment, t.name("experiment"))
    t.attempt("model created", t.client.create_logged_model, experiment_id, "model")
    t.client.restore_experiment(experiment_id)
    t.attempt("restored again", t.client.restore_experiment, experiment_id)


@scenario("experiments that do not exist are not found, whatever is asked of them")
def missing(t):
    for label, key in {"a number": "999999", "text": "abc", "hex": "f" * 32, "negative": "-1"}.items():
        t.attempt(f"get {label}", t.client.get_experiment, key)
    for label, call in {
        "delete": (t.client.delete_experiment, "999999"),
        "restore": (t.client.restore_experiment, "999999"),
        "rename": (t.client.rename_experiment, "999999", "new"),
        "tag": (t.client.set_experiment_tag, "999999", "key", "value"),
        "untag": (t.client.delete_experiment_tag, "999999", "key"),
        "create a run": (t.client.create_run, "999999"),
        "search runs": (t.client.search_runs, ["999999"]),
    }.items():
        t.attempt(label, *call)
    t.http("by name", "GET", "experiments/get-by-name", params={"experiment_name": "nobody"})
    t.http("id missing", "GET", "experiments/get")
    t.http("id empty", "GET", "experiments/get", params={"experiment_id": ""})
    t.http("name missing", "GET", "experiments/get-by-name")
    t.http("delete without id", "POST", "experiments/delete", json={})
    t.http("restore without id", "POST", "experiments/restore", json={})


@scenario("tags of experiments are set, changed and deleted")
def tags(t):
    experiment_id = t.experiment(tags={"a": "1"})
    t.client.set_experiment_tag(experiment_id, "b", "2")
    t.client.set_experiment_tag(experiment_id, "a", "changed")
    t.client.set_experiment_tag(experiment_id, "empty", "")
    t.client.set_experiment_tag(experiment_id, "number", 12)
    t.client.set_experiment_tag(experiment_id, "mlflow.note.content", "# Markdown\n\n*text*")
    t.client.set_experiment_tag(experiment_id, "ünï/c.o-d_e", "値")
    t.record("set", t.client.get_experiment(experiment_id).tags)
    t.client.delete_experiment_tag(experiment_id, "a")
    t.record("one deleted", t.client.get_experiment(experiment_id).tags)
    t.attempt("deleted again", t.client.delete_experiment_tag, experiment_id, "a")
    t.record("time of change", t.client.get_experiment(experiment_id).last_update_time)


@scenario("tags of experiments that cannot be are refused")
def bad_tags(t):
    experiment_id = t.experiment()
    t.attempt("key too long", t.client.set_experiment_tag, experiment_id, "k" * 251, "value")
    t.attempt("key as long as may be", t.client.set_experiment_tag, experiment_id, "k" * 250, "value")
    t.attempt("value too long", t.client.set_experiment_tag, experiment_id, "key", "v" * 20_001)
    t.attempt("value of 20,000", t.client.set_experiment_tag, experiment_id, "key", "v" * 20_000)
    t.attempt("value of 5,001", t.client.set_experiment_tag, experiment_id, "key", "v" * 5_001)
    t.attempt("key empty", t.client.set_experiment_tag, experiment_id, "", "value")
    t.attempt("key none", t.client.set_experiment_tag, experiment_id, None, "value")
    body = {"experiment_id": experiment_id}
    path = "experiments/set-experiment-tag"
    t.http("without key", "POST", path, json={**body, "value": "v"})
    t.http("without value", "POST", path, json={**body, "key": "only"})
    t.http("without id", "POST", path, json={"key": "k", "value": "v"})
    t.http("value a number", "POST", path, json={**body, "key": "k", "value": 5})
    t.http("deleted without key", "POST", "experiments/delete-experiment-tag", json=body)
    t.record("what was kept", sorted(t.client.get_experiment(experiment_id).tags))
    for label, tags in {
        "key too long": [{"key": "k" * 251, "value": "v"}],
        "value too long": [{"key": "k", "value": "v" * 20_001}],
        "twice": [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}],
        "twice the same": [{"key": "k", "value": "1"}, {"key": "k", "value": "1"}],
        "without key": [{"value": "v"}],
        "no list": {"key": "k", "value": "v"},
        "text": "k",
    }.items():
        response = t.send("POST", "experiments/create", json={"name": t.name(label), "tags": tags})
        t.record(
            f"created with {label}", t.answer(response) if response.status_code < 500 else "refused with 500"
        )


@scenario("an experiment keeps its artifacts where it was told")
def artifact_location(t):
    chosen = t.client.create_experiment(t.name("chosen"), artifact_location="mlflow-artifacts:/chosen/place")
    t.normal.experiment(chosen)
    t.record("chosen", t.client.get_experiment(chosen).artifact_location)
    run = t.client.create_run(chosen)
    t.record("run", run.info.artifact_uri)
    t.record("own", t.client.get_experiment(t.experiment("own")).artifact_location)
    for label, place in {
        "bucket": "s3://bucket/path",
        "trailing slash": "s3://bucket/path/",
        "query": "s3://bucket/path?a=b",
        "fragment": "s3://bucket/path#x",
        "traversal": "mlflow-artifacts:/../../etc",
        "empty": "",
    }.items():
        body = {"name": t.name(label), "artifact_location": place}
        response = t.send("POST", "experiments/create", json=body)
        if response.ok:
            experiment = t.client.get_experiment(response.json()["experiment_id"])
            t.record(label, experiment.artifact_location)
            t.record(f"{label}: run", t.client.create_run(experiment.experiment_id).info.artifact_uri)
        else:
            t.record(label, t.answer(response))


def found(t, **query):
    """The names that a search finds, in order, without what marks them as of this scenario."""
    return [each.name.removesuffix(f" of {t.slug}") for each in t.client.search_experiments(**query)]


@scenario("experiments are searched by name, tags and time")
def search(t):
    mine = f"tags.of = '{t.slug}'"
    for name, tags in {
        "alpha": {"team": "vision", "kind.of": "x y"},
        "beta": {"team": "text"},
        "Alphabet": {"team": "Vision"},
        "gamma": {},
    }.items():
        t.experiment(name, tags={"of": t.slug, **tags})
    exact = f"'{t.name('alpha')}'"
    for label, condition in {
        "equal": f"name = {exact}",
        "not equal": f"name != {exact}",
        "attribute": f"attribute.name = {exact}",
        "attributes": f"attributes.name = {exact}",
        "attr": f"attr.name = {exact}",
        "like": "name LIKE 'alpha%'",
        "like in the middle": "name LIKE '%et%'",
        "like one character": "name LIKE '_lpha %'",
        "ilike": "name ILIKE 'ALPHA%'",
        "lower case operator": "name like 'alpha%'",
        "tag": "tags.team = 'vision'",
        "tag singular": "tag.team = 'vision'",
        "tag not equal": "tags.team != 'vision'",
        "tag like": "tags.team LIKE 'vis%'",
        "tag ilike": "tags.team ILIKE 'vis%'",
        "tag quoted": "tags.\"team\" = 'text'",
        "tag in backticks": "tags.`kind.of` = 'x y'",
        "tag in other case": "tags.TEAM = 'vision'",
        "two tags": "tags.team = 'vision' AND tags.`kind.of` LIKE '%y'",
        "and in lower case": "tags.team = 'vision' and name LIKE 'a%'",
        "created": "creation_time > 0",
        "created never": "creation_time < 1000",
        "created since": "attribute.creation_time >= 1000 AND last_update_time != 5",
        "double quotes": f'name = "{t.name("alpha")}"',
        "no tag of that name": "tags.nobody = 'x'",
        "tag is null": "tags.team IS NULL",
        "tag is not null": "tags.team IS NOT NULL",
    }.items():
        t.attempt(label, found, t, filter_string=f"{mine} AND {condition}", order_by=["name ASC"])


@scenario("filters of experiments that cannot be are refused")
def bad_filters(t):
    for condition in [
        "nothing = 'x'",
        "name",
        "name = alpha",
        "name = 5",
        "name > 'a'",
        "name IN ('a')",
        "tags.team > 'a'",
        "tags.team = 5",
        "tags = 'x'",
        "metrics.loss > 1",
        "params.lr = '1'",
        "creation_time LIKE 'x'",
        "creation_time = 'x'",
        "name = 'a' OR name = 'b'",
        "name = 'a' AND",
        "AND name = 'a'",
        "name = 'a",
        "(name = 'a')",
        "name = 'a'; DROP TABLE experiments",
        "experiment_id = '0'",
        "tags.`a = 'x'",
    ]:
        t.attempt(condition, found, t, filter_string=condition)


@scenario("experiments are found in the order that was asked for")
def order(t):
    mine = f"tags.of = '{t.slug}'"
    ids = {name: t.experiment(name, tags={"of": t.slug}) for name in ["b", "c", "a", "B"]}
    t.client.set_experiment_tag(ids["b"], "touched", "1")
    t.client.rename_experiment(ids["c"], t.name("d"))
    for label, order_by in {
        "nothing": None,
        "an empty list": [],
        "name": ["name"],
        "name up": ["name ASC"],
        "name down": ["name DESC"],
        "name down, small letters": ["name desc"],
        "id": ["experiment_id"],
        "id down": ["experiment_id DESC"],
        "created": ["creation_time ASC"],
        "created down": ["attribute.creation_time DESC"],
        "changed": ["last_update_time ASC"],
        "changed down": ["last_update_time DESC"],
        "two": ["last_update_time DESC", "name ASC"],
        "quoted": ["`name` DESC"],
        "unknown": ["owner"],
        "a tag": ["tags.of"],
        "a metric": ["metrics.loss"],
        "bad direction": ["name UP"],
        "nothing at all": [""],
    }.items():
        t.attempt(label, found, t, filter_string=mine, order_by=order_by)


@scenario("experiments are searched by their state")
def view_types(t):
    t.experiment("active", tags={"of": t.slug})
    t.client.delete_experiment(t.experiment("deleted", tags={"of": t.slug}))
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        named = {"view_type": view, "filter_string": f"tags.of = '{t.slug}'", "order_by": ["name"]}
        t.record(ViewType.to_string(view), found(t, **named))
    body = {"view_type": "DELETED_ONLY", "max_results": 5, "filter": f"tags.of = '{t.slug}'"}
    t.http("as text", "POST", "experiments/search", json=body)
    t.http("one that is none", "POST", "experiments/search", json={**body, "view_type": "SOME"})
    t.http("as a number", "POST", "experiments/search", json={**body, "view_type": 2})


@scenario("experiments are searched in pages")
def pages(t):
    mine = f"tags.of = '{t.slug}'"
    for n in range(7):
        t.experiment(f"n{n}", tags={"of": t.slug})
    token, seen = None, []
    while True:
        page = t.client.search_experiments(
            filter_string=mine, max_results=3, order_by=["name"], page_token=token
        )
        seen.append([each.name for each in page])
        token = page.token
        if not token:
            break
    t.record("pages", seen)
    exact = t.client.search_experiments(filter_string=mine, max_results=7)
    t.record("a page that is just full has no next", [len(exact), bool(exact.token)])
    for label, count in {"zero": 0, "negative": -1, "too many": 50_001, "very many": 50_000}.items():
        response = t.send("POST", "experiments/search", json={"max_results": count, "filter": mine})
        t.record(label, t.answer(response) if not response.ok else len(response.json()["experiments"]))
    t.http("bad token", "POST", "experiments/search", json={"max_results": 2, "page_token": "!!"})
    t.http("without max_results", "POST", "experiments/search", json={"filter": mine})
    t.record("get", t.send("GET", "experiments/search", params={"max_results": 1}).status_code)


@scenario("the fluent functions create, choose and tag experiments")
def fluent(t):
    created = mlflow.set_experiment(t.name("first"))
    t.record("set", created)
    t.record("set again", mlflow.set_experiment(t.name("first")).experiment_id == created.experiment_id)
    mlflow.set_experiment_tag("by", "fluent")
    mlflow.set_experiment_tags({"more": "1", "and more": "2"})
    t.record("tagged", mlflow.get_experiment(created.experiment_id).tags)
    with mlflow.start_run() as run:
        t.record("run is in it", run.info.experiment_id == created.experiment_id)
    t.record("set by id", mlflow.set_experiment(experiment_id="0").name)
    t.attempt("set by an id that is not there", mlflow.set_experiment, experiment_id="999999")
    t.record("found", [e.name for e in mlflow.search_experiments(filter_string="tags.by = 'fluent'")])
    mlflow.delete_experiment(created.experiment_id)
    t.record("deleted", mlflow.get_experiment(created.experiment_id).lifecycle_stage)
    t.record("tags of an entity", ExperimentTag("a", "b"))
