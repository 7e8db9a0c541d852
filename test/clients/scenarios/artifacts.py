"""Artifacts: written, listed, read back and deleted; and paths that must not lead anywhere else."""

import hashlib
import io
import os
import pathlib

import mlflow
import numpy as np
import pandas as pd
import requests
from harness import scenario
from mlflow.artifacts import download_artifacts, list_artifacts, load_dict, load_image, load_text
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from PIL import Image

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


def tree(client, run_id, path=None):
    """All that lies below a path, as a list of path and size."""
    files = []
    for each in client.list_artifacts(run_id, path):
        files.append([each.path, each.is_dir, each.file_size])
        if each.is_dir:
            files += tree(client, run_id, each.path)
    return files


def below(folder):
    """The files of a local folder, with what they hold."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(pathlib.Path(folder).rglob("*"))
        if file.is_file()
    }


@scenario("a file is logged, listed and downloaded")
def files(t):
    run_id = t.run()
    t.record("nothing yet", t.client.list_artifacts(run_id))
    t.client.log_artifact(run_id, t.file("a.txt", "hello"))
    t.client.log_artifact(run_id, t.file("b.bin", bytes(range(256))), "deep/er")
    t.client.log_artifact(run_id, t.file("empty.txt", ""), "deep")
    t.record("root", t.client.list_artifacts(run_id))
    t.record("folder", t.client.list_artifacts(run_id, "deep"))
    t.record("folder with a slash", t.client.list_artifacts(run_id, "deep/"))
    t.record("deeper", t.client.list_artifacts(run_id, "deep/er"))
    t.record("a file", t.client.list_artifacts(run_id, "a.txt"))
    t.record("not there", t.client.list_artifacts(run_id, "nowhere"))
    t.record("everything", tree(t.client, run_id))
    t.record("download of all", below(t.client.download_artifacts(run_id, "", str(t.folder / "all"))))
    os.makedirs(t.folder / "one", exist_ok=True)
    one = t.client.download_artifacts(run_id, "deep/er/b.bin", str(t.folder / "one"))
    t.record("download of one", [pathlib.Path(one).name, pathlib.Path(one).read_bytes()])
    os.makedirs(t.folder / "some", exist_ok=True)
    t.record(
        "download of a folder", below(t.client.download_artifacts(run_id, "deep", str(t.folder / "some")))
    )
    t.attempt("download of nothing", lambda: t.client.download_artifacts(run_id, "nowhere.txt"))
    t.client.log_artifact(run_id, t.file("a.txt", "changed"))
    t.record("written again", [tree(t.client, run_id, ""), load_text(f"runs:/{run_id}/a.txt")])


@scenario("a folder is logged with all that is in it")
def folders(t):
    run_id = t.run()
    for name in ["x/1.txt", "x/y/2.txt", "x/y/z/3.txt", "4.txt", ".hidden", "x/.also"]:
        t.file(f"tree/{name}", f"this is {name}")
    (t.folder / "tree/nothing").mkdir()
    t.client.log_artifacts(run_id, str(t.folder / "tree"))
    t.client.log_artifacts(run_id, str(t.folder / "tree/x"), "copy/of x")
    t.record("tree", tree(t.client, run_id))
    t.record("content", below(t.client.download_artifacts(run_id, "")))
    t.record("listing is in order", [each.path for each in t.client.list_artifacts(run_id)])
    t.attempt("a folder that is not there", t.client.log_artifacts, run_id, str(t.folder / "nowhere"))


@scenario("text, dictionaries, figures, images, streams and tables are logged and read back")
def kinds(t):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    mlflow.set_experiment(t.name())
    with mlflow.start_run() as run:
        mlflow.log_text("text — 値", "text/note.md")
        mlflow.log_dict({"a": [1, 2], "b": None}, "dict.json")
        mlflow.log_dict({"a": [1, 2]}, "dict.yml")
        figure, axes = pyplot.subplots()
        axes.plot([0, 1], [2, 3])
        mlflow.log_figure(figure, "plots/line.png")
        mlflow.log_image(np.full((4, 4, 3), 128, dtype=np.uint8), "grey.png")
        mlflow.log_image(Image.new("RGB", (8, 8), "red"), key="red", step=3)
        mlflow.log_image(Image.new("RGB", (8, 8), "blue"), key="blue", step=0, timestamp=1_600_000_000_000)
        mlflow.log_stream(io.BytesIO(b"streamed"), "stream.bin")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        mlflow.log_table(pd.DataFrame({"x": [3], "y": ["c"]}), "table.json")
    run_id = run.info.run_id
    t.client.log_stream(run_id, io.BytesIO(b"streamed " * 100), "streams/s.bin")
    names = [path for path, _, _ in tree(t.client, run_id) if not path.startswith("images/")]
    t.record("names", names)
    images = [each for each in t.client.list_artifacts(run_id, "images")]
    t.record("images", sorted(each.path.split("%step%")[0].split("+step+")[0] for each in images))
    t.record("text", load_text(f"runs:/{run_id}/text/note.md"))
    t.record("dict", load_dict(f"runs:/{run_id}/dict.json"))
    t.record("yaml", load_text(f"runs:/{run_id}/dict.yml"))
    t.record("image", list(load_image(f"runs:/{run_id}/grey.png").size))
    t.record("stream", load_text(f"runs:/{run_id}/streams/s.bin"))
    t.record("table", mlflow.load_table("table.json", run_ids=[run_id]))
    more = mlflow.load_table("table.json", run_ids=[run_id], extra_columns=["run_id"])
    t.record("table with the run", more)
    t.record("tag of the table", t.client.get_run(run_id).data.tags.get("mlflow.loggedArtifacts"))


@scenario("names of artifacts may have spaces and any script")
def names(t):
    run_id = t.run()
    all_names = [
        "with space.txt",
        "ünï.txt",
        "値/実験.txt",
        "🧪.txt",
        "a+b.txt",
        "100%.txt",
        "100%25.txt",
        "a%20b.txt",
        "a#b.txt",
        "a?b.txt",
        "a&b=c.txt",
        "semi;colon.txt",
        "at@sign.txt",
        "quote'.txt",
        'double".txt',
        "a:b.txt",
        "[brackets].txt",
        "~tilde.txt",
        "...dots",
        "a..b.txt",
        "trailing.",
        "UPPER.TXT",
        "x" * 200 + ".txt",
        "l" * 100 + "/" + "m" * 100 + "/n.txt",
    ]
    for name in all_names:
        t.attempt(f"log {name}", t.client.log_text, run_id, f"content of {name}", name)
        t.attempt(f"read {name}", lambda name=name: load_text(f"runs:/{run_id}/{name}"))
        t.attempt(
            f"download {name}",
            lambda name=name: pathlib.Path(t.client.download_artifacts(run_id, name)).read_bytes(),
        )
    t.record("listed", sorted(path for path, is_dir, _ in tree(t.client, run_id) if not is_dir))


@scenario("a file of 20 MB arrives whole")
def large(t):
    run_id = t.run()
    content = hashlib.shake_128(b"20 MB").digest(20_000_000)
    t.client.log_artifact(run_id, t.file("large.bin", content))
    t.record("listed", t.client.list_artifacts(run_id))
    local = t.client.download_artifacts(run_id, "large.bin")
    t.record("read back", pathlib.Path(local).read_bytes() == content)


@scenario("artifacts are found by their URI, through runs:/ and mlflow-artifacts:/")
def uris(t):
    run_id = t.run()
    root = t.client.get_run(run_id).info.artifact_uri
    t.client.log_text(run_id, "hello", "deep/a.txt")
    t.record("by run and path", load_text(f"runs:/{run_id}/deep/a.txt"))
    t.record("by its own URI", load_text(f"{root}/deep/a.txt"))
    t.record("listed by run", list_artifacts(run_id=run_id))
    t.record("listed by URI", list_artifacts(artifact_uri=f"{root}/deep"))
    local = download_artifacts(run_id=run_id, artifact_path="deep", dst_path=str(t.folder / "d"))
    t.record("downloaded", below(local))
    with mlflow.start_run(run_id=run_id):
        t.record("URI of the active run", mlflow.get_artifact_uri("deep/a.txt"))
    t.attempt("of a run that is not there", download_artifacts, f"runs:/{'f' * 32}/a.txt")
    t.attempt("listed of a run that is not there", lambda: list_artifacts(run_id="f" * 32))


@scenario("artifacts are deleted")
def delete(t):
    run_id = t.run()
    root = t.client.get_run(run_id).info.artifact_uri
    for name in ["a.txt", "d/1.txt", "d/e/2.txt", "d2/3.txt"]:
        t.client.log_text(run_id, "x", name)
    repository = get_artifact_repository(root)
    repository.delete_artifacts("a.txt")
    t.record("a file", tree(t.client, run_id))
    t.attempt("a file that is gone", repository.delete_artifacts, "a.txt")
    repository.delete_artifacts("d")
    t.record("a folder", tree(t.client, run_id))
    t.attempt("a folder that is gone", repository.delete_artifacts, "d")
    t.attempt("everything", repository.delete_artifacts)
    t.record("all gone", tree(t.client, run_id))
    t.client.log_text(run_id, "again", "a.txt")
    t.record("written again", tree(t.client, run_id))


@scenario("artifacts are listed through the tracking API, with their root")
def list_on_the_wire(t):
    run_id = t.run()
    t.http("nothing", "GET", "artifacts/list", params={"run_id": run_id})
    t.client.log_text(run_id, "12345", "d/a.txt")
    t.client.log_text(run_id, "", "empty")
    t.http("root", "GET", "artifacts/list", params={"run_id": run_id})
    t.http("folder", "GET", "artifacts/list", params={"run_id": run_id, "path": "d"})
    t.http("empty path", "GET", "artifacts/list", params={"run_id": run_id, "path": ""})
    t.http("a file", "GET", "artifacts/list", params={"run_id": run_id, "path": "d/a.txt"})
    t.http("run_uuid", "GET", "artifacts/list", params={"run_uuid": run_id})
    t.http("no run", "GET", "artifacts/list")
    t.http("a run that is not there", "GET", "artifacts/list", params={"run_id": "f" * 32})
    for path in [
        "..",
        "../..",
        "d/../..",
        "/etc",
        "/",
        "d//",
        "%2e%2e",
        "%252e%252e",
        "d\\..\\..",
        "C:/",
        ".",
    ]:
        t.http(f"path {path}", "GET", "artifacts/list", params={"run_id": run_id, "path": path})
    place = t.client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    t.http("by place", "GET", ARTIFACTS, params={"path": place})
    t.http("by place, folder", "GET", ARTIFACTS, params={"path": f"{place}/d"})
    t.http("by place, not there", "GET", ARTIFACTS, params={"path": f"{place}/nowhere"})
    for path in ["..", "../..", "/etc", "%2e%2e", "a\\..\\.."]:
        t.http(f"by place, path {path}", "GET", ARTIFACTS, params={"path": path})


ESCAPES = [
    "..",
    "../NAME",
    "a/../../NAME",
    "..%2fNAME",
    "%2e%2e/NAME",
    "%2e%2e%2fNAME",
    "%252e%252e/NAME",
    "%252e%252e%252fNAME",
    "a/%2e%2e/%2e%2e/NAME",
    "..\\NAME",
    "..%5cNAME",
    "a%5c..%5cNAME",
    "/nowhere/NAME",
    "%2fnowhere%2fNAME",
    "C:/NAME",
    "C:%5cNAME",
    "file:///nowhere/NAME",
    "b/./NAME",
    "b%00NAME",
    "~/NAME",
]


def raw(t, method, path, **more):
    """Sends a path as it is: requests would take the dots out of it."""
    request = requests.Request(method, t.url, **more).prepare()
    request.url = t.url + path
    with requests.Session() as session:
        return session.send(request, timeout=60)


@scenario("no path leads out of where artifacts are kept")
def escapes(t):
    experiment_id = t.experiment()
    run_id, other = t.run(experiment_id), t.run(experiment_id)
    t.client.log_text(run_id, "hello", "a/b.txt")
    place, elsewhere = [
        t.client.get_run(each).info.artifact_uri.removeprefix("mlflow-artifacts:/")
        for each in (run_id, other)
    ]
    for escape in ESCAPES:
        # What is stored all the same lies beside the experiments.
        path = escape.replace("NAME", t.slug)
        t.record(f"GET {escape}", t.answer(raw(t, "GET", f"{ARTIFACTS}/{path}")))
        t.record(f"PUT {escape}", t.answer(raw(t, "PUT", f"{ARTIFACTS}/{path}", data=b"x")))
        t.record(
            f"DELETE within a run {escape}", t.answer(raw(t, "DELETE", f"{ARTIFACTS}/{elsewhere}/{path}"))
        )
    for path in ["../x", "%2e%2e/x", "%252e%252e/x", "..%5cx", "a/../../../x"]:
        t.record(f"GET within a run {path}", t.answer(raw(t, "GET", f"{ARTIFACTS}/{place}/{path}")))
        t.record(
            f"PUT within a run {path}", t.answer(raw(t, "PUT", f"{ARTIFACTS}/{place}/{path}", data=b"x"))
        )
    # A name with a backslash is one of a file on Linux.
    t.record("still there", {name: [is_dir, size] for name, is_dir, size in tree(t.client, run_id)})


@scenario("get-artifact and upload-artifact do as MLflow's own page expects")
def page_routes(t):
    run_id = t.run()
    upload = "/ajax-api/2.0/mlflow/upload-artifact"
    query = {"run_uuid": run_id, "path": "d/up.txt"}
    t.http("uploaded", "POST", upload, params=query, data=b"uploaded")
    t.http("without a run", "POST", upload, params={"path": "a"}, data=b"x")
    t.http("without a path", "POST", upload, params={"run_uuid": run_id}, data=b"x")
    t.http("without data", "POST", upload, params=query)
    t.http(
        "to a run that is not there", "POST", upload, params={"run_uuid": "f" * 32, "path": "a"}, data=b"x"
    )
    t.http("too large", "POST", upload, params={**query, "path": "big"}, data=b"x" * (10 * 1024 * 1024 + 1))
    for path in ["../x", "/etc/x", "%2e%2e/x"]:
        t.http(f"to {path}", "POST", upload, params={"run_uuid": run_id, "path": path}, data=b"x")
    t.record("there", tree(t.client, run_id))
    for name, content in {
        "page.html": "<script>alert(1)</script>",
        "note.txt": "text",
        "data.json": "{}",
        "picture.svg": "<svg/>",
        "picture.png": b"\x89PNG",
        "table.csv": "a,b",
        "bytes.bin": b"\x00",
        "MLmodel": "flavors: {}",
        "conf.yaml": "a: 1",
        "code.py": "print(1)",
        "with space.txt": "x",
        "empty.txt": b"",
    }.items():
        t.client.log_artifact(run_id, t.file(name, content))
        response = t.send("GET", "/get-artifact", params={"run_id": run_id, "path": name})
        kept = ["content-type", "content-disposition", "x-content-type-options"]
        headers = {key: response.headers.get(key) for key in kept}
        t.record(name, [response.status_code, response.content, headers])
    t.record(
        "by run_uuid", t.send("GET", "/get-artifact", params={"run_uuid": run_id, "path": "d/up.txt"}).text
    )
    for label, query in {
        "not there": {"run_id": run_id, "path": "nowhere.txt"},
        "a folder": {"run_id": run_id, "path": "d"},
        "without a path": {"run_id": run_id},
        "without a run": {"path": "a.txt"},
        "a run that is not there": {"run_id": "f" * 32, "path": "a.txt"},
        "up": {"run_id": run_id, "path": "../../x"},
        "up, in code": {"run_id": run_id, "path": "%2e%2e/x"},
        "absolute": {"run_id": run_id, "path": "/etc/passwd"},
    }.items():
        response = t.send("GET", "/get-artifact", params=query)
        t.record(f"get {label}", t.answer(response))


@scenario("artifacts are sent and fetched over plain HTTP, also in part")
def plain_http(t):
    run_id = t.run()
    place = t.client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    url = f"{ARTIFACTS}/{place}/deep/data.bin"
    t.http("put", "PUT", url, data=bytes(range(100)))
    response = t.send("GET", url)
    t.record("get", [response.status_code, list(response.content[:5]), len(response.content)])
    kept = ["content-type", "content-disposition", "content-length", "x-content-type-options"]
    t.record("headers", {key: response.headers.get(key) for key in kept})
    part = t.send("GET", url, headers={"Range": "bytes=10-19"})
    t.record("range", [part.status_code, list(part.content), part.headers.get("content-range")])
    part = t.send("GET", url, headers={"Range": "bytes=-5"})
    t.record("range of the end", [part.status_code, list(part.content), part.headers.get("content-range")])
    part = t.send("GET", url, headers={"Range": "bytes=95-"})
    t.record("range to the end", [part.status_code, list(part.content), part.headers.get("content-range")])
    part = t.send("GET", url, headers={"Range": "bytes=500-600"})
    t.record("range beyond", [part.status_code, part.headers.get("content-range")])
    t.record("head", t.send("HEAD", url).status_code)
    t.http("not there", "GET", f"{ARTIFACTS}/{place}/nowhere.bin")
    t.http("folder", "GET", f"{ARTIFACTS}/{place}/deep")
    t.http("put nothing", "PUT", f"{ARTIFACTS}/{place}/empty.bin", data=b"")
    t.record("tree", tree(t.client, run_id))
    t.http("delete", "DELETE", url)
    t.http("delete again", "DELETE", url)
    t.record("after", tree(t.client, run_id))
    chunks = (bytes([n]) * 1_000 for n in range(50))
    t.http("put in chunks", "PUT", f"{ARTIFACTS}/{place}/chunks.bin", data=chunks)
    t.record("read back", len(t.send("GET", f"{ARTIFACTS}/{place}/chunks.bin").content))
    t.http("through ajax-api", "GET", f"/ajax-api/2.0/mlflow-artifacts/artifacts/{place}/chunks.bin")
    other = t.run(t.experiment("other"))
    t.client.log_text(other, "file", "file.txt")
    t.client.log_text(other, "within", "folder/within.txt")
    place = t.client.get_run(other).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    t.http("over a folder", "PUT", f"{ARTIFACTS}/{place}/folder", data=b"x")
    t.http("below a file", "PUT", f"{ARTIFACTS}/{place}/file.txt/x.bin", data=b"x")
    t.record("both", sorted([name, is_dir] for name, is_dir, _ in tree(t.client, other)))


@scenario("where files cannot be sent in parts, the server says so")
def parts(t):
    run_id = t.run()
    place = t.client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/mpu/create/{place}"
    t.record("create", t.send("POST", path, json={"path": "x.bin", "num_parts": 2}).status_code)
    t.client.log_text(run_id, "x", "x.bin")
    t.http("without a path", "POST", path, json={"num_parts": 2})
    t.http("presigned", "GET", f"/api/2.0/mlflow-artifacts/presigned/{place}/x.bin")
    info = t.send("GET", "/api/3.0/mlflow/server-info").json()
    t.record("server-info", {key: info[key] for key in sorted(info) if "multipart" in key})


@scenario("an experiment's own place of artifacts is used")
def own_place(t):
    experiment_id = t.client.create_experiment(t.name(), artifact_location=f"mlflow-artifacts:/{t.slug}/deep")
    t.normal.experiment(experiment_id)
    run_id = t.run(experiment_id)
    t.client.log_text(run_id, "hello", "a/b.txt")
    t.record("tree", tree(t.client, run_id))
    t.record("read", load_text(f"runs:/{run_id}/a/b.txt"))
    t.record("URI", t.client.get_run(run_id).info.artifact_uri)
