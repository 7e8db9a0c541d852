"""A tracker in a few lines: it keeps what it is sent in memory, each point once, and fails when it is told to."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

from edgerun.api import Answer, Api
from edgerun.errors import ApiError, Unreachable

Point = tuple[str, int, str, Any, Any, int]


class FakeTracker:
    """What a tracker does with requests, without HTTP."""

    def __init__(self) -> None:
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.points: dict[str, set[Point]] = {}
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.duplicates = 0
        #: Called before each request; may raise.
        self.fault: Callable[[str, str, Any], None] = lambda method, path, body: None
        self._lock = threading.Lock()

    def handle(self, method: str, path: str, body: Any) -> Any:
        with self._lock:
            self.requests.append((method, path, body))
            self.fault(method, path, body)
            if path == "/experiments":
                if method == "GET":
                    return list(reversed(self.experiments.values()))
                return self._create(self.experiments, body)
            found = re.fullmatch("/experiments/([^/]+)/runs", path)
            if found:
                if found[1] not in self.experiments:
                    raise ApiError(404, "Experiment not found")
                self.points.setdefault(body["id"], set())
                return self._create(self.runs, {**body, "experiment": found[1]})
            found = re.fullmatch("/runs/([^/]+)(/[a-z]+)?", path)
            if found:
                run = self.runs.get(found[1])
                if run is None:
                    raise ApiError(404, "Run not found")
                if found[2] == "/metrics":
                    return self._log(found[1], body)
                if found[2] == "/heartbeat":
                    return {"status": run["status"]}
                return self._change(run, body)
            if path.startswith("/api/2.0/mlflow/runs/get"):
                return {"run": {"info": {"artifact_uri": "mlflow-artifacts:/e/r/artifacts"}}}
            if path.startswith("/api/2.0/mlflow-artifacts/artifacts/"):
                self.files[path[len("/api/2.0/mlflow-artifacts/artifacts/") :]] = body
                return None
            raise ApiError(404, f"There is no {path}")

    def _create(self, table: dict[str, dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
        row = table.get(body["id"])
        if row is not None and row["created"] != body:
            raise ApiError(409, "There is another one of this id")
        if row is None:
            named = {key: dict(body.get(key) or {}) for key in ("params", "tags")}
            row = table[body["id"]] = {"status": "running", **body, **named, "created": body}
        return row

    def _change(self, run: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        for name, value in body.get("params", {}).items():
            if run["params"].get(name, value) != value:
                raise ApiError(409, f'A param never changes its value: "{name}" is set already')
        run["params"].update(body.get("params", {}))
        for name, value in body.get("tags", {}).items():
            if value is None:
                run["tags"].pop(name, None)
            else:
                run["tags"][name] = value
        run.update({key: body[key] for key in ("name", "status", "ended_at") if key in body})
        return run

    def _log(self, run: str, body: dict[str, Any]) -> dict[str, int]:
        points = self.points[run]
        count = before = 0
        before = len(points)
        for series in body["series"]:
            for step, value, moment in zip(series["steps"], series["values"], series["timestamps"]):
                points.add((series["name"], body["rank"], str(step), value, moment, body.get("attempt", 0)))
                count += 1
        stored = len(points) - before
        self.duplicates += count - stored
        return {"stored": stored, "duplicates": count - stored}


class FakeApi(Api):
    """An `Api` whose requests reach a fake tracker in this process."""

    def __init__(self, tracker: FakeTracker) -> None:
        super().__init__("http://fake")
        self.tracker = tracker

    def _attempt(self, method: str, path: str, body: Any, query: Any, headers: Any) -> Answer:
        if hasattr(body, "read"):
            body = body.read()
        return 200, {}, self.tracker.handle(method, path, body)  # type: ignore[return-value]


class FakeServer:
    """A fake tracker behind HTTP, for processes of their own."""

    def __init__(self, tracker: FakeTracker | None = None) -> None:
        self.tracker = tracker or FakeTracker()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    data = gzip.decompress(data)
                body = json.loads(data) if "json" in (self.headers.get("Content-Type") or "") else data
                headers = {"Content-Type": "application/json"}
                try:
                    answer = outer.tracker.handle(self.command, self.path.split("?")[0], body)
                    status = 200
                except ApiError as error:
                    status = error.status
                    answer = {"detail": error.detail, "request_id": "r", "errors": error.errors}
                    if error.retry_after is not None:
                        headers["Retry-After"] = str(int(error.retry_after))
                except Unreachable:
                    self.close_connection = True
                    self.connection.close()
                    return
                content = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that are killed leave connections behind."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class FakeClock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"It does not hold after {seconds} seconds")
        time.sleep(0.01)
