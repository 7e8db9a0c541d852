"""Files in parts: what MLflow's own server has only with a cloud store behind it."""

import hashlib
import pathlib
from unittest import mock

import requests
from harness import environment, scenario
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

PART = 5 * 1024 * 1024
MPU = "/api/2.0/mlflow-artifacts/mpu"


def content(size):
    return hashlib.shake_128(str(size).encode()).digest(size)


def place(t, run_id):
    return t.client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")


@scenario("the client sends a large file in parts, and it arrives whole")
def client(t):
    run_id = t.run()
    with (
        environment(
            MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true",
            MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=str(PART),
            MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(PART),
        ),
        mock.patch.object(
            HttpArtifactRepository,
            "complete_multipart_upload",
            autospec=True,
            side_effect=HttpArtifactRepository.complete_multipart_upload,
        ) as completed,
    ):
        for size in (PART - 1, PART, 2 * PART, 2 * PART + 1, 23_456_789):
            t.client.log_artifact(run_id, t.file(f"{size}.bin", content(size)), "deep")
    assert completed.call_count == 4, completed.call_count
    sizes = {each.path: each.file_size for each in t.client.list_artifacts(run_id, "deep")}
    for size in (PART - 1, PART, 2 * PART, 2 * PART + 1, 23_456_789):
        assert sizes[f"deep/{size}.bin"] == size
        local = t.client.download_artifacts(run_id, f"deep/{size}.bin")
        assert pathlib.Path(local).read_bytes() == content(size)


@scenario("the server says that it takes files in parts")
def announced(t):
    assert t.send("GET", "/api/3.0/mlflow/server-info").json()["multipart_uploads_enabled"] is True


@scenario("parts may be sent again and in any order, and nothing is there before the end")
def order(t):
    run_id = t.run()
    base = place(t, run_id)
    made = t.send("POST", f"{MPU}/create/{base}", json={"path": "x.bin", "num_parts": 3})
    assert made.ok, made.text
    upload = made.json()
    # Of one size but for the last, as R2 wants them.
    parts = [content(PART), content(PART)[::-1], content(1_000)]
    etags = {}
    for number in (3, 1, 2, 1):
        [credential] = [each for each in upload["credentials"] if each["part_number"] == number]
        headers = credential.get("headers") or {}
        sent = requests.put(credential["url"], data=parts[number - 1], headers=headers, timeout=60)
        assert sent.ok, sent.text
        etags[number] = sent.headers.get("ETag", "")
    assert t.client.list_artifacts(run_id) == []
    body = {
        "path": "x.bin",
        "upload_id": upload["upload_id"],
        "parts": [
            {
                "part_number": number,
                "etag": etags[number],
                "url": next(each["url"] for each in upload["credentials"] if each["part_number"] == number),
            }
            for number in (1, 2, 3)
        ],
    }
    done = t.send("POST", f"{MPU}/complete/{base}", json=body)
    assert done.ok, done.text
    local = t.client.download_artifacts(run_id, "x.bin")
    assert pathlib.Path(local).read_bytes() == b"".join(parts)


@scenario("an upload that is given up leaves nothing")
def abort(t):
    run_id = t.run()
    base = place(t, run_id)
    upload = t.send("POST", f"{MPU}/create/{base}", json={"path": "x.bin", "num_parts": 2}).json()
    first = upload["credentials"][0]
    requests.put(first["url"], data=content(PART), headers=first.get("headers") or {}, timeout=60)
    body = {"path": "x.bin", "upload_id": upload["upload_id"]}
    ended = t.send("POST", f"{MPU}/abort/{base}", json=body)
    assert ended.ok, ended.text
    assert t.client.list_artifacts(run_id) == []
    late = requests.put(first["url"], data=content(PART), headers=first.get("headers") or {}, timeout=60)
    assert not late.ok, late.status_code


@scenario("a file in parts lands under its own name, whatever path it had at the client")
def names(t):
    run_id = t.run()
    base = place(t, run_id)
    for path in ("x.bin", "/home/alice/x.bin", "../x.bin", "a/../../x.bin"):
        upload = t.send("POST", f"{MPU}/create/{base}/deep", json={"path": path, "num_parts": 1}).json()
        [credential] = upload["credentials"]
        sent = requests.put(credential["url"], data=path, headers=credential.get("headers") or {}, timeout=60)
        part = {"part_number": 1, "etag": sent.headers.get("ETag", ""), "url": credential["url"]}
        body = {"path": path, "upload_id": upload["upload_id"], "parts": [part]}
        done = t.send("POST", f"{MPU}/complete/{base}/deep", json=body)
        assert done.ok, done.text
        assert [each.path for each in t.client.list_artifacts(run_id)] == ["deep"]
        assert [each.path for each in t.client.list_artifacts(run_id, "deep")] == ["deep/x.bin"]
        assert pathlib.Path(t.client.download_artifacts(run_id, "deep/x.bin")).read_text() == path
    for escape in ("%252e%252e", "..%252f..", "%252e%252e%252f%252e%252e"):
        response = t.send("POST", f"{MPU}/create/{base}/{escape}", json={"path": "x.bin", "num_parts": 1})
        assert response.status_code == 400, (escape, response.status_code, response.text)
