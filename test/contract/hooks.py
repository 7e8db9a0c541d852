"""What schemathesis has to be told about Edgerun's API, because OpenAPI has no word for it."""

import json
import os
import re

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def json_lines(ctx, value):
    """The lines of a body that the description has as an array. The example is text; anything else goes as one line."""
    if isinstance(value, str) and value.startswith('{"step"'):
        return value.encode()
    lines = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(line) for line in lines).encode()


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """What of a valid request depends on another part of it."""
    if isinstance(case.query, dict):
        fit_range(case.query)
        name_a_run(case.query)
        if re.fullmatch(r"/experiments/\{id\}/\w+", case.path):
            fit_search(case.query)
    if case.path == "/runs/{id}/metrics/{name}":
        name_a_metric(case.path_parameters)
    fit_columns(case)
    fit_key(case)
    if case.method == "DELETE":
        spare(case.path_parameters)


def spare(path):
    """Nobody deletes the run that others need, nor its experiment: their ids are in answers, where they are found."""
    if path.get("id") in (os.environ["EDGERUN_RUN"], os.environ["EDGERUN_EXPERIMENT"]):
        path["id"] = "00000000-0000-0000-0000-000000000000"


def fit_key(case):
    """Nobody revokes the key with which all of this is asked."""
    if case.path == "/keys/{id}" and case.path_parameters.get("id") == os.environ["EDGERUN_KEY"].split("_")[1]:
        case.path_parameters["id"] = "0" * 12
    # That of the operator alone.
    if isinstance(case.query, dict):
        case.query.pop("workspace", None)


def fit_range(query):
    """The ends of a chart are moments only where its axis is time, and follow each other."""
    ends = {}
    for key in ("from", "to"):
        end = query.get(key)
        if not isinstance(end, str):
            continue
        if re.fullmatch(r"-?[0-9]{1,18}", end):
            ends[key] = int(end)
        elif "T" not in end:
            continue
        elif query.get("x") != "time":
            del query[key]
    if query.get("x") == "time":
        # The years 1 to 9999, in milliseconds.
        for key in [key for key, end in ends.items() if not -62135596800000 <= end <= 253402300799999]:
            del query[key], ends[key]
        # What is no end at all stays: it has to be refused.
        is_end = "from" in ends or "T" in str(query.get("from"))
        if is_end and (not ends or len(ends) == 1 and "to" in query):
            query.pop("from", None)
    if len(ends) == 2 and ends["from"] > ends["to"]:
        query["from"], query["to"] = query["to"], query["from"]


def name_a_run(query):
    """Runs of a chart have to exist."""
    runs = query.get("runs")
    if isinstance(runs, list) and 0 < len(runs) <= 100 and all(isinstance(run, str) for run in runs):
        query["runs"] = [os.environ["EDGERUN_RUN"]]


def name_a_metric(path):
    """A history is that of a metric that exists. Names with anything odd in them stay, and are not found."""
    run, name = path.get("id"), path.get("name")
    is_run = isinstance(run, str) and re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", run)
    if is_run and isinstance(name, str) and re.fullmatch(r"(\w|/|%2F){1,250}", name, re.ASCII):
        path.update(id=os.environ["EDGERUN_RUN"], name="loss")


def fit_search(query):
    """A filter and an order have a language of their own, and a cursor goes with one order."""
    if isinstance(query.get("filter"), str):
        query["filter"] = "metrics.loss < 0.5 OR NOT params.lr IN ('0.1')"
    # Nor has OpenAPI a word for the field that runs are grouped by.
    if isinstance(query.get("by"), str):
        query["by"] = "params.lr"
    order = query.get("order_by")
    if isinstance(order, list) and 0 < len(order) <= 10 and all(isinstance(clause, str) for clause in order):
        query["order_by"] = ["metrics.loss DESC"]
    cursor = query.get("cursor")
    if isinstance(cursor, str) and re.fullmatch("[A-Za-z0-9_-]+", cursor):
        del query["cursor"]


def fit_columns(case):
    """The columns of a series have one length: cut those that differ to the shortest."""
    series = case.body.get("series") if isinstance(case.body, dict) else None
    for columns in series if isinstance(series, list) else []:
        if not isinstance(columns, dict):
            continue
        lists = [key for key in ("steps", "values", "timestamps") if isinstance(columns.get(key), list)]
        shortest = min((len(columns[key]) for key in lists), default=0)
        for key in lists:
            columns[key] = columns[key][:shortest]
