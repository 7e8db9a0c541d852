"""Searching runs: the language of filters, the order of what is found, and its pages."""

import math

import mlflow
from harness import scenario
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType

THEN = 1_600_000_000_000

RUNS = {
    "alpha": {
        "status": "FINISHED",
        "params": {"lr": "0.1", "opt": "adam", "a.b c/d": "x", "depth": "10"},
        "metrics": {"loss": 0.5, "acc": 0.9, "train/loss": 1.0, "m 1": 5.0},
        "tags": {"team": "vision", "k.v": "1", "note": "It's 50%_done"},
    },
    "beta": {
        "status": "FAILED",
        "params": {"lr": "0.01", "opt": "sgd", "depth": "9"},
        "metrics": {"loss": 0.25, "acc": math.nan},
        "tags": {"team": "text", "only": "beta"},
    },
    "gamma": {
        "status": "RUNNING",
        "params": {"lr": "0.1", "opt": "Adam"},
        "metrics": {"loss": math.inf, "acc": 0.7},
        "tags": {"team": "Vision", "empty": ""},
    },
    "delta": {
        "status": "KILLED",
        "params": {"opt": ""},
        "metrics": {"loss": -1.0},
        "tags": {},
    },
    "epsilon": {
        "status": "SCHEDULED",
        "params": {},
        "metrics": {"loss": -math.inf},
        "tags": {"team": "text"},
    },
}


def fill(t):
    """An experiment with the runs above, a minute apart."""
    experiment_id = t.experiment()
    for n, (name, given) in enumerate(RUNS.items()):
        run = t.client.create_run(
            experiment_id, start_time=THEN + n * 60_000, run_name=name, tags={"mlflow.user": f"u{n % 2}"}
        )
        t.client.log_batch(
            run.info.run_id,
            [Metric(key, value, THEN, 1) for key, value in given["metrics"].items()],
            [Param(key, value) for key, value in given["params"].items()],
            [RunTag(key, value) for key, value in given["tags"].items()],
        )
        if given["status"] != "RUNNING":
            t.client.set_terminated(run.info.run_id, given["status"], THEN + n * 1_000_000)
    return experiment_id


def found(t, experiment_id, condition="", **more):
    runs = t.client.search_runs([experiment_id], condition, **more)
    return [run.info.run_name for run in runs]


def attempts(t, conditions):
    experiment_id = fill(t)
    for condition in conditions:
        t.attempt(condition, found, t, experiment_id, condition, order_by=["attributes.run_name ASC"])


@scenario("runs are searched by attributes")
def by_attributes(t):
    experiment_id = fill(t)
    runs = {run.info.run_name: run.info for run in t.client.search_runs([experiment_id])}
    one = runs["alpha"].run_id
    two = runs["beta"].run_id
    for condition in [
        "",
        "status = 'FINISHED'",
        "attributes.status = 'FINISHED'",
        "attribute.status != 'FINISHED'",
        "attr.status = 'KILLED'",
        "run.status = 'FAILED'",
        "status = 'finished'",
        "status = 'NONE'",
        "status LIKE 'F%'",
        "status ILIKE 'f%'",
        "status IN ('FAILED', 'KILLED')",
        'attributes.status = "FAILED"',
        "run_name = 'alpha'",
        "`run name` = 'alpha'",
        "attributes.`Run name` = 'alpha'",
        "attributes.`Run Name` = 'alpha'",
        "attributes.run_name LIKE '%a'",
        "run_name ILIKE 'AL%'",
        "run_name IN ('alpha', 'beta')",
        "run_name NOT IN ('alpha', 'beta')",
        "tags.mlflow.runName = 'alpha'",
        "tags.`mlflow.runName` LIKE 'al%'",
        f"run_id = '{one}'",
        f"attributes.run_id != '{one}'",
        f"attributes.run_id IN ('{one}', '{two}')",
        f"attributes.run_id NOT IN ('{one}', '{two}')",
        f"run_id LIKE '{one[:20]}%'",
        "attributes.run_id IN ('nobody')",
        f"start_time = {THEN}",
        f"start_time > {THEN}",
        f"attributes.start_time >= {THEN + 60_000}",
        f"attributes.start_time < {THEN + 60_000} AND start_time >= 0",
        f"start_time <= {THEN + 60_000}",
        f"start_time != {THEN}",
        f"attributes.created = {THEN}",
        f"attributes.Created > {THEN}",
        f"end_time > {THEN}",
        f"end_time = {THEN + 1_000_000}",
        "user_id = 'u1'",
        "attributes.user_id = 'unknown'",
        "tags.mlflow.user = 'u1'",
        "attributes.user = 'u1'",
        "artifact_uri LIKE '%/artifacts'",
        "attributes.artifact_uri != 'x'",
        "attributes.lifecycle_stage = 'active'",
        f"attributes.experiment_id = '{experiment_id}'",
        "attributes.status = 'FINISHED' AND params.lr = '0.1' AND metrics.loss < 1 AND tags.team = 'vision'",
    ]:
        label = condition.replace(one, "ONE").replace(two, "TWO").replace(one[:20], "ONE20")
        label = label.replace(experiment_id, "EXPERIMENT")
        t.attempt(label, found, t, experiment_id, condition, order_by=["attributes.run_name ASC"])


@scenario("runs are searched by params")
def by_params(t):
    attempts(
        t,
        [
            "params.lr = '0.1'",
            "param.lr = '0.1'",
            "parameters.lr = '0.1'",
            "parameter.lr = '0.1'",
            "params.lr != '0.1'",
            "params.lr = '0.10'",
            'params.lr = "0.1"',
            "params.lr LIKE '0.%'",
            "params.opt LIKE 'a%'",
            "params.opt ILIKE 'a%'",
            "params.opt LIKE '_dam'",
            "params.opt = ''",
            "params.opt != ''",
            "params.`lr` = '0.1'",
            "params.\"lr\" = '0.1'",
            "params.`a.b c/d` = 'x'",
            "params.\"a.b c/d\" = 'x'",
            "params.nothing = '1'",
            "params.nothing != '1'",
            "params.LR = '0.1'",
            "params.lr IS NULL",
            "params.lr IS NOT NULL",
            "params.nothing IS NULL",
            "params.opt IN ('adam', 'sgd')",
            "params.opt NOT IN ('adam', 'sgd')",
            "params.lr = '0.1' AND params.opt = 'adam'",
            "params.lr = '0.1' and params.opt ILIKE 'ADAM'",
            "params.depth = '10'",
        ],
    )


@scenario("runs are searched by metrics")
def by_metrics(t):
    attempts(
        t,
        [
            "metrics.loss > 0.25",
            "metrics.loss >= 0.25",
            "metrics.loss < 0.25",
            "metrics.loss <= 0.25",
            "metrics.loss = 0.25",
            "metrics.loss != 0.25",
            "metric.loss > 0",
            "metrics.loss > -1",
            "metrics.loss > -1e0",
            "metrics.loss>0.25",
            "metrics.loss < 1e300",
            "metrics.loss > 1e300",
            "metrics.loss < -1e300",
            "metrics.acc > 0",
            "metrics.acc < 1000",
            "metrics.acc != 0.9",
            "metrics.acc = 0.9",
            "metrics.`loss` > 0.25",
            'metrics."loss" > 0.25',
            "metrics.`train/loss` = 1",
            "metrics.train/loss = 1",
            "metrics.`m 1` = 5.0",
            "metrics.nothing > 0",
            "metrics.nothing != 0",
            "metrics.loss IS NULL",
            "metrics.acc IS NOT NULL",
            "metrics.loss > 0 AND metrics.acc > 0.8",
            "metrics.loss > 0 AND metrics.loss < 0.5",
            "metrics.loss > .1",
            "metrics.loss > +0.25",
        ],
    )


@scenario("runs are searched by tags")
def by_tags(t):
    attempts(
        t,
        [
            "tags.team = 'vision'",
            "tag.team = 'vision'",
            "tags.team != 'vision'",
            "tags.team LIKE '%ision'",
            "tags.team ILIKE 'VISION'",
            "tags.\"team\" = 'vision'",
            "tags.`k.v` = '1'",
            "tags.k.v = '1'",
            "tags.empty = ''",
            "tags.only IS NULL",
            "tags.only IS NOT NULL",
            "tags.team IS NULL",
            "tags.team IN ('vision', 'text')",
            "tags.team NOT IN ('vision', 'text')",
            "tags.note = 'It''s 50%_done'",
            'tags.note = "It\'s 50%_done"',
            "tags.note LIKE '%50!%%'",
            "tags.note LIKE '%50\\%%'",
            "tags.note LIKE '%_done'",
            "tags.nothing = 'x'",
            "tags.nothing != 'x'",
            "tags.TEAM = 'vision'",
            "tags.mlflow.user = 'u0' AND tags.team != 'text'",
        ],
    )


@scenario("runs are searched by the datasets that they used")
def by_datasets(t):
    experiment_id = t.experiment()
    for name, inputs in {
        "first": [("digits", "d1", "train"), ("digits", "d2", "eval")],
        "second": [("digits", "d1", "eval")],
        "third": [("letters", "d3", None)],
        "fourth": [],
    }.items():
        run_id = t.run(experiment_id, run_name=name)
        datasets = [
            DatasetInput(
                Dataset(dataset, digest, "local", "s"),
                [InputTag("mlflow.data.context", context)] if context else [],
            )
            for dataset, digest, context in inputs
        ]
        if datasets:
            t.client.log_inputs(run_id, datasets)
    for condition in [
        "dataset.name = 'digits'",
        "datasets.name = 'digits'",
        "dataset.name != 'digits'",
        "dataset.name LIKE 'd%'",
        "dataset.name ILIKE 'D%'",
        "dataset.name IN ('digits', 'letters')",
        "dataset.name NOT IN ('digits')",
        "dataset.digest = 'd1'",
        "dataset.digest IN ('d2', 'd3')",
        "dataset.context = 'train'",
        "dataset.context = 'eval'",
        "dataset.context LIKE 'tr%'",
        "dataset.name = 'digits' AND dataset.context = 'train'",
        "dataset.name = 'digits' AND dataset.digest = 'd1' AND dataset.context = 'eval'",
        "dataset.name = 'digits' AND run_name = 'second'",
        "dataset.source = 's'",
        "dataset.name > 'a'",
        "dataset.name = digits",
    ]:
        t.attempt(condition, found, t, experiment_id, condition, order_by=["attributes.run_name ASC"])


@scenario("filters of runs that cannot be are refused")
def bad_filters(t):
    attempts(
        t,
        [
            "metrics.loss",
            "metrics.loss >",
            "> 1",
            "loss > 1",
            "metrics.loss > 'a'",
            "metrics.loss > '1'",
            "metrics.loss LIKE 'a%'",
            "metrics.loss IN (1, 2)",
            "metrics.loss > metrics.acc",
            "1 < metrics.loss",
            "params.lr = 0.1",
            "params.lr > '0.1'",
            "params.lr = adam",
            "params.lr = `adam`",
            "params.lr == '0.1'",
            "tags.team > 'a'",
            "tags.team = vision",
            "tags.team IN ('a', 1)",
            "tags.team IN ()",
            "tags.team = 'a' OR tags.team = 'b'",
            "NOT tags.team = 'a'",
            "(tags.team = 'a')",
            "tags.team = 'a' AND",
            "AND",
            "tags.team = 'a' AND AND tags.team = 'b'",
            "tags.team = 'a' tags.team = 'b'",
            "tags.team = 'a'; DROP TABLE runs",
            "tags.team = 'a",
            "tags.`team = 'a'",
            "status = FINISHED",
            "status > 'FINISHED'",
            "status = 1",
            "start_time = 'now'",
            "start_time LIKE '1%'",
            "start_time > '1600000000000'",
            "attributes.nothing = 'x'",
            "owner.name = 'x'",
            "run_id = 5",
            "run_id IN 'a'",
            "run_name IN (alpha)",
            "run_name IN ('alpha'",
            "params.lr IN (0.1)",
            "metrics..loss > 1",
            "params. = 'x'",
            "metrics.loss > 1 -- comment",
            "tags.team IS 'a'",
            "tags.team IS NOT 'a'",
            "models.name = 'x'",
            "\u00e9 = 'x'",
        ],
    )


@scenario("runs come in the order that was asked for, with those that lack a value at the end")
def order(t):
    experiment_id = fill(t)
    for label, order_by in {
        "nothing": None,
        "an empty list": [],
        "metric": ["metrics.loss"],
        "metric up": ["metrics.loss ASC"],
        "metric down": ["metrics.loss DESC"],
        "metric with NaN": ["metrics.acc ASC"],
        "metric with NaN down": ["metrics.acc DESC"],
        "metric that none has": ["metrics.nothing DESC"],
        "metric in backticks": ["metrics.`train/loss` DESC"],
        "metric in quotes": ['metrics."m 1"'],
        "param": ["params.lr"],
        "param down": ["params.lr DESC"],
        "param as text": ["params.depth ASC"],
        "param with an empty one": ["params.opt ASC"],
        "param of none": ["params.nothing ASC"],
        "tag": ["tags.team"],
        "tag down": ["tag.team DESC"],
        "start": ["start_time ASC"],
        "start down": ["attributes.start_time DESC"],
        "start by its other name": ["attribute.Created ASC"],
        "end": ["attributes.end_time ASC"],
        "end down": ["attributes.end_time DESC"],
        "status": ["status ASC"],
        "name": ["run_name ASC"],
        "name down": ["attributes.run_name DESC"],
        "name by its other name": ["attributes.`Run name` ASC"],
        "user": ["user_id"],
        "two": ["params.lr ASC", "metrics.loss DESC"],
        "two with ties": ["tags.team DESC", "start_time ASC"],
        "three": ["tags.team", "params.lr", "metrics.loss"],
        "the same twice": ["metrics.loss", "metrics.loss DESC"],
        "small letters": ["metrics.loss desc"],
        "spaces": ["  metrics.loss   DESC "],
    }.items():
        t.attempt(label, found, t, experiment_id, order_by=order_by)
    for order_by in [
        "metrics.loss UP",
        "loss",
        "metrics",
        "",
        "metrics.loss DESC ASC",
        "metrics.loss, metrics.acc",
        "attributes.nothing",
        "dataset.name",
        "metrics.loss NULLS LAST",
        "metrics.`loss",
    ]:
        t.attempt(f"bad: {order_by}", found, t, experiment_id, order_by=[order_by])


@scenario("runs that tie come newest first")
def ties(t):
    experiment_id = t.experiment()
    for n, name in enumerate("abcde"):
        run_id = t.run(experiment_id, start_time=THEN + (n * 7) % 5, run_name=name)
        t.client.log_metric(run_id, "same", 1.0, THEN, 0)
    t.record("no order", found(t, experiment_id))
    t.record("metric", found(t, experiment_id, order_by=["metrics.same ASC"]))
    t.record("metric down", found(t, experiment_id, order_by=["metrics.same DESC"]))
    t.record("status", found(t, experiment_id, order_by=["status DESC"]))
    same = t.experiment("same time")
    ids = [t.run(same, start_time=THEN) for _ in range(6)]
    t.record("all at one time", [r.info.run_id for r in t.client.search_runs([same])] == sorted(ids))


@scenario("runs come in pages, without one twice or missing")
def pages(t):
    experiment_id = t.experiment()
    for n in range(11):
        run_id = t.run(experiment_id, start_time=THEN + n // 3, run_name=f"n{n:02}")
        t.client.log_metric(run_id, "m", float(n % 4), THEN, 0)
    for label, query in {
        "no order": {},
        "by metric": {"order_by": ["metrics.m ASC", "attributes.run_name DESC"]},
        "filtered": {"filter_string": "metrics.m > 0", "order_by": ["run_name"]},
    }.items():
        token, seen, sizes = None, [], []
        while True:
            page = t.client.search_runs([experiment_id], max_results=4, page_token=token, **query)
            sizes.append(len(page))
            seen += [run.info.run_name for run in page]
            token = page.token
            if not token:
                break
        t.record(f"{label}: sizes", sizes)
        t.record(f"{label}: all once", sorted(seen) == sorted(set(seen)))
        t.record(f"{label}: in order", seen if query else sorted(seen))
    full = t.client.search_runs([experiment_id], max_results=11)
    t.record("a page that is just full", bool(full.token))
    for count in (0, 1, -1, 50_000, 50_001):
        body = {"experiment_ids": [experiment_id], "max_results": count}
        response = t.send("POST", "runs/search", json=body)
        t.record(
            f"max_results {count}",
            len(response.json().get("runs", [])) if response.ok else t.answer(response),
        )
    body = {"experiment_ids": [experiment_id]}
    t.record("without max_results", len(t.send("POST", "runs/search", json=body).json()["runs"]))
    for label, token in {"no token": "!!", "empty": "", "other": "eyJvZmZzZXQiOiAiYSJ9", "number": 5}.items():
        response = t.send("POST", "runs/search", json={**body, "max_results": 2, "page_token": token})
        t.record(f"token {label}", len(response.json()["runs"]) if response.ok else t.answer(response))
    t.attempt("count as text", t.client.search_runs, [experiment_id], max_results="many")


@scenario("runs are searched by their state, in several experiments")
def views(t):
    one, two = t.experiment("one"), t.experiment("two")
    for n, place in enumerate([one, one, two]):
        t.run(place, run_name=f"active {n}", start_time=THEN + n)
    t.client.delete_run(t.run(one, run_name="deleted", start_time=THEN + 9))
    names = lambda runs: [run.info.run_name for run in runs]
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        t.record(ViewType.to_string(view), names(t.client.search_runs([one, two], run_view_type=view)))
    t.record("one of them", names(t.client.search_runs([two])))
    t.record("none", names(t.client.search_runs([])))
    t.record("twice the same", names(t.client.search_runs([two, two])))
    t.record("one that is not there", names(t.client.search_runs([two, "999999"])))
    t.client.delete_experiment(two)
    t.record("a deleted experiment", names(t.client.search_runs([one, two])))
    t.record("deleted in it", names(t.client.search_runs([two], run_view_type=ViewType.DELETED_ONLY)))
    body = {"experiment_ids": [one], "run_view_type": "DELETED_ONLY"}
    t.http("as text", "POST", "runs/search", json=body)
    t.http("unknown view", "POST", "runs/search", json={**body, "run_view_type": "SOME"})
    t.http("no experiments", "POST", "runs/search", json={})
    t.http("experiments as text", "POST", "runs/search", json={"experiment_ids": one})
    t.http("experiments as numbers", "POST", "runs/search", json={"experiment_ids": [5]})
    t.http("an experiment of another form", "POST", "runs/search", json={"experiment_ids": ["abc"]})
    t.http("filter a number", "POST", "runs/search", json={"experiment_ids": [one], "filter": 5})
    t.http("order as text", "POST", "runs/search", json={"experiment_ids": [one], "order_by": "start_time"})
    t.http("nothing found", "POST", "runs/search", json={"experiment_ids": [one], "filter": "run_name = 'x'"})


@scenario("what is found has all that a run has")
def whole_runs(t):
    experiment_id = fill(t)
    run_id = t.client.search_runs([experiment_id], "run_name = 'alpha'")[0].info.run_id
    dataset = Dataset("digits", "d1", "local", "s")
    t.client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
    runs = t.client.search_runs([experiment_id], order_by=["run_name"])
    t.record("runs", runs)
    body = {"experiment_ids": [experiment_id], "order_by": ["run_name"]}
    t.http("on the wire", "POST", "runs/search", json=body)


@scenario("mlflow.search_runs gives a frame of pandas")
def frames(t):
    experiment_id = fill(t)
    frame = mlflow.search_runs([experiment_id], order_by=["run_name ASC"])
    t.record("frame", frame)
    t.record("types", {name: str(kind) for name, kind in sorted(frame.dtypes.items())})
    t.record("filtered", len(mlflow.search_runs([experiment_id], filter_string="metrics.loss < 1")))
    t.record(
        "empty", mlflow.search_runs([experiment_id], filter_string="metrics.loss > 1000 AND run_name = 'x'")
    )
    names = mlflow.search_runs(experiment_names=[t.name("experiment"), "nobody"], output_format="list")
    t.record("by the name of the experiment", len(names))
    t.record("two at most", len(mlflow.search_runs([experiment_id], max_results=2)))
    t.record("everywhere", len(mlflow.search_runs(search_all_experiments=True, max_results=5)))


@scenario("names that look like SQL do no harm")
def injection(t):
    experiment_id = t.experiment()
    bad = "x'; DROP TABLE runs; --"
    run_id = t.run(experiment_id, run_name=bad)
    t.client.set_tag(run_id, "quote", bad)
    t.client.log_param(run_id, "quote", bad)
    for condition in [
        'run_name = "x\'; DROP TABLE runs; --"',
        'tags.quote = "x\'; DROP TABLE runs; --"',
        'params.quote LIKE "x\'; DROP%"',
        "tags.`a'; DROP TABLE runs; --` = 'x'",
        'metrics.`a" OR 1=1` > 0',
        "tags.quote = '%'",
        "tags.quote LIKE '%'",
    ]:
        t.attempt(condition, found, t, experiment_id, condition)
    t.record("there is the run", found(t, experiment_id))
