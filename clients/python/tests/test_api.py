"""HTTP to a tracker: what is sent again, what is not, and by which way."""

from __future__ import annotations

import json
import socket
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

from edgerun.api import Api, jittered
from edgerun.errors import ApiError, Unreachable


class Scripted:
    """A server that gives answers in turn, and writes down what it was asked."""

    def __init__(self, *answers: tuple[int, dict[str, str], Any]) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        left = list(answers)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.command, self.path, dict(self.headers), data))
                status, headers, body = left.pop(0) if len(left) > 1 else left[0]
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = headers.get("X-Cut") == "yes"

            do_GET = do_POST = do_CONNECT = do

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class ApiTest(unittest.TestCase):
    def serve(self, *answers: tuple[int, dict[str, str], Any]) -> Scripted:
        server = Scripted(*answers)
        self.addCleanup(server.stop)
        return server

    def api(self, uri: str, key: str | None = None) -> Api:
        api = Api(uri, key)
        self.addCleanup(api.close)
        return api

    def test_sends_key_and_json_and_gives_what_comes_back(self) -> None:
        server = self.serve((201, {"X-More": "yes"}, {"id": 1}))
        api = self.api(server.uri + "/base/", "er_secret")
        status, headers, answer = api.request("POST", "/runs", {"a": "ü" * 2_000}, query={"q": ["x y", "z"]})
        self.assertEqual((status, headers["X-More"], answer), (201, "yes", {"id": 1}))
        ((method, path, sent, data),) = server.asked
        self.assertEqual((method, path), ("POST", "/base/runs?q=x+y&q=z"))
        self.assertEqual((sent["Authorization"], sent["Content-Encoding"]), ("Bearer er_secret", "gzip"))
        self.assertLess(len(data), 200)

    def test_raises_what_the_tracker_says(self) -> None:
        body = {"detail": "wrong", "request_id": "r", "errors": [{"path": "a", "message": "must not"}]}
        server = self.serve((422, {"Retry-After": "7"}, body))
        with self.assertRaises(ApiError) as caught:
            self.api(server.uri).request("GET", "/x", patience=60)
        error = caught.exception
        self.assertEqual((error.status, str(error), error.retry_after), (422, "422 wrong (a: must not)", 7))
        self.assertEqual(len(server.asked), 1)

    def test_takes_no_page_for_an_answer(self) -> None:
        server = self.serve((200, {"Content-Type": "text/html"}, b"<html>"))
        with self.assertRaises(Unreachable):
            self.api(server.uri).request("GET", "/x")

    def test_tells_the_trackers_word_from_that_of_a_proxy(self) -> None:
        for body, of_tracker in (
            (b"<html>", False),
            ({"message": "Forbidden"}, False),
            ([], False),
            ({"detail": "no", "request_id": "r"}, True),
            ({"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}, True),
        ):
            for status in (400, 403, 404, 413, 422):
                kind = "text/html" if isinstance(body, bytes) else "application/problem+json"
                server = self.serve((status, {"Content-Type": kind}, body))
                with self.assertRaises(ApiError) as caught:
                    self.api(server.uri).request("GET", "/x")
                self.assertEqual(
                    (caught.exception.of_tracker, caught.exception.passing), (of_tracker, not of_tracker)
                )

    def test_gives_text_to_who_asks_for_it(self) -> None:
        server = self.serve((200, {"Content-Type": "text/csv; charset=utf-8"}, b"step,value\n"))
        _, _, text = self.api(server.uri).request("GET", "/x", headers={"Accept": "text/csv"})
        self.assertEqual(text, "step,value\n")

    def test_asks_again_as_long_as_there_is_patience(self) -> None:
        server = self.serve((503, {}, {}), (502, {"Content-Type": "text/html"}, b"<html>"), (200, {}, [1]))
        self.assertEqual(self.api(server.uri).request("GET", "/x", patience=30)[2], [1])
        away = self.serve((503, {}, {}))
        with self.assertRaises(ApiError):
            self.api(away.uri).request("GET", "/x")
        self.assertEqual(len(away.asked), 1)

    def test_opens_a_connection_anew_that_was_closed_since(self) -> None:
        server = self.serve((200, {"X-Cut": "yes"}, 1), (200, {}, 2))
        api = self.api(server.uri)
        self.assertEqual([api.request("GET", "/x")[2] for _ in range(2)], [1, 2])

    def test_says_that_nothing_is_there(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            uri = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with self.assertRaisesRegex(Unreachable, "cannot be reached"):
            self.api(uri).request("GET", "/x")

    def test_follows_the_links_of_a_listing(self) -> None:
        server = self.serve(
            (200, {"Link": '</base/runs?limit=2&cursor=a%20b>; rel="next"'}, [1, 2]),
            (200, {}, [3]),
        )
        self.assertEqual(list(self.api(server.uri + "/base").pages("/runs", {"limit": 2})), [1, 2, 3])
        self.assertEqual(
            [path for _, path, _, _ in server.asked],
            ["/base/runs?limit=2", "/base/runs?limit=2&cursor=a%20b"],
        )

    def test_goes_through_a_proxy_where_the_environment_names_one(self) -> None:
        proxy = self.serve((200, {}, "by proxy"))
        env = {"http_proxy": proxy.uri.replace("//", "//user:pass%20word@"), "no_proxy": "", "NO_PROXY": ""}
        with mock.patch.dict("os.environ", env):
            self.assertEqual(self.api("http://tracker.example:81").request("GET", "/x")[2], "by proxy")
        _, path, headers, _ = proxy.asked[0]
        self.assertEqual(path, "http://tracker.example:81/x")
        self.assertEqual(headers["Proxy-Authorization"], "Basic dXNlcjpwYXNzIHdvcmQ=")
        self.assertEqual(headers["Host"], "tracker.example:81")

    def test_refuses_what_is_no_address(self) -> None:
        for bad in ("tracker.example", "ftp://x", "http://"):
            with self.assertRaises(ValueError):
                Api(bad)

    def test_waits_longer_each_time_at_random_and_as_long_as_it_is_asked_to(self) -> None:
        for attempt, most in ((0, 0.25), (3, 2.0), (30, 30.0)):
            pauses = [jittered(attempt) for _ in range(500)]
            self.assertTrue(0 <= min(pauses) < most * 0.1 and most * 0.9 < max(pauses) <= most)
        self.assertGreaterEqual(jittered(0, 60), 60)


if __name__ == "__main__":
    unittest.main()
