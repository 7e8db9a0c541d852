"""What schemathesis has to be told about Edgerun's API, because OpenAPI has no word for it."""

import json

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
    """The columns of a series have one length: cut those that differ to the shortest."""
    series = case.body.get("series") if isinstance(case.body, dict) else None
    for columns in series if isinstance(series, list) else []:
        if not isinstance(columns, dict):
            continue
        lists = [key for key in ("steps", "values", "timestamps") if isinstance(columns.get(key), list)]
        shortest = min((len(columns[key]) for key in lists), default=0)
        for key in lists:
            columns[key] = columns[key][:shortest]
