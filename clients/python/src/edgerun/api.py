"""HTTP to a tracker, over one connection a thread that is kept open."""

from __future__ import annotations

import base64

# Looked up at the first connection, when a process that ends may not import any more.
import encodings.idna  # noqa: F401
import gzip
import http.client
import json
import os
import random
import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union

from . import errors

DEFAULT_URI = "http://127.0.0.1:8787"

#: How long an answer is waited for, in seconds. The tracker itself waits up to 17 s for its database.
TIMEOUT = 30.0

#: Smaller bodies are sent as they are.
_GZIP_FROM = 1024

#: The longest pause between two attempts, in seconds.
_LONGEST_PAUSE = 30.0

Query = Union[Mapping[str, Any], Sequence[tuple[str, Any]]]
Answer = tuple[int, http.client.HTTPMessage, Any]


def jittered(attempt: int, asked: float | None = None, *, longest: float = _LONGEST_PAUSE) -> float:
    """How long to wait after the ``attempt``-th failure in a row (from 0): full jitter, and what was asked for at least.

    See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
    """
    pause = random.uniform(0, min(longest, 0.25 * 2.0 ** min(attempt, 20)))
    return pause if asked is None else asked + pause


def default_key(key: str | None) -> str | None:
    """The API key that is used: the one that is given, else ``EDGERUN_KEY``; without what a file has behind it."""
    used = (key if key is not None else os.environ.get("EDGERUN_KEY") or "").strip()
    if not (used.isascii() and used.isprintable()) or " " in used:
        # Not what it is: that would be in a log for ever.
        raise ValueError("The API key has characters in it that no key has")
    return used or None


class Api:
    """A tracker at an address.

    Args:
        uri: Its address, ``EDGERUN_URI`` where left out.
        key: An API key, ``EDGERUN_KEY`` where left out; None for a tracker that is open.
    """

    def __init__(self, uri: str | None = None, key: str | None = None, *, timeout: float = TIMEOUT) -> None:
        self.uri = default_uri(uri)
        parts = urllib.parse.urlsplit(self.uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"The address of a tracker is as in https://tracker.example.com, not {self.uri!r}"
            )
        try:
            is_wrong = parts.port == 0 or not parts.hostname.isprintable() or " " in parts.hostname
        except ValueError:
            is_wrong = True
        if is_wrong:
            raise ValueError(f"The address {self.uri!r} has no valid host and port")
        self._parts = parts
        self._key = default_key(key)
        self._timeout = timeout
        self._local = threading.local()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = 0,
    ) -> Answer:
        """Sends a request and gives status, headers and the parsed JSON of the answer (None where it has no body).

        Args:
            path: As in ``/runs/…``, below the tracker's address.
            headers: More of them. With an ``Accept`` for something else than JSON, that comes as text.
            body: Sent as JSON, gzipped when it is long; bytes and files are sent as they are.
            query: Names and values; a value that is a list is sent several times.
            patience: For how many seconds a request that fails in passing is sent again. Only for requests that may
                be sent twice.

        Raises:
            ApiError: The tracker answered with an error.
            Unreachable: Nothing answered, or no tracker did.
        """
        deadline = time.monotonic() + patience
        attempt = 0
        while True:
            try:
                return self._attempt(method, path, body, query, headers)
            except errors.ApiError as error:
                pause = jittered(attempt, error.retry_after, longest=8)
                if not error.passing or time.monotonic() + pause > deadline:
                    raise
            except errors.Unreachable:
                pause = jittered(attempt, longest=8)
                if time.monotonic() + pause > deadline:
                    raise
            attempt += 1
            time.sleep(pause)

    def pages(self, path: str, query: Query | None = None, *, patience: float = 0) -> Iterator[Any]:
        """Iterates over the entries of a listing, page after page."""
        target: str | None = path
        while target is not None:
            _, headers, entries = self.request("GET", target, query=query, patience=patience)
            yield from entries
            # The link has the whole query in it.
            query = None
            found = re.search(r'<([^>]*)>\s*;\s*rel="next"', headers.get("Link") or "")
            target = None
            if found:
                link = urllib.parse.urlsplit(found.group(1))
                target = link.path + (f"?{link.query}" if link.query else "")
                base = self._parts.path
                if base and target.startswith(f"{base}/"):
                    target = target[len(base) :]

    def close(self) -> None:
        """Closes this thread's connection; the next request opens another one."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _attempt(
        self, method: str, path: str, body: Any, query: Query | None, headers: Mapping[str, str] | None
    ) -> Answer:
        sent: dict[str, str] = {"Accept": "application/json", "User-Agent": "edgerun-python"}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        data: Any = None
        if body is not None:
            if isinstance(body, bytes) or hasattr(body, "read"):
                data = body
            else:
                sent["Content-Type"] = "application/json"
                data = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
                if len(data) >= _GZIP_FROM:
                    sent["Content-Encoding"] = "gzip"
                    data = gzip.compress(data, 4)
        if headers:
            sent.update(headers)
        if query:
            path += ("&" if "?" in path else "?") + urllib.parse.urlencode(query, doseq=True)
        status, received, content = self._exchange(method, self._parts.path + path, data, sent)
        if 200 <= status < 300 and headers and "Accept" in headers:
            # Whoever asks for another form gets it as text.
            if "json" not in (received.get("Content-Type") or ""):
                return status, received, content.decode("utf-8", "replace")
        return status, received, _read(status, received, content)

    def _exchange(
        self, method: str, target: str, data: Any, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection, prefix, proxy_headers = self._connect()
        was_open = connection.sock is not None
        start = data.tell() if hasattr(data, "tell") else 0
        try:
            try:
                connection.request(method, prefix + target, data, {**headers, **proxy_headers})
                answer = connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine):
                if not was_open:
                    raise
                # The other side has closed the connection since it was last used.
                connection.close()
                if hasattr(data, "seek"):
                    data.seek(start)
                connection.request(method, prefix + target, data, {**headers, **proxy_headers})
                answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise errors.Unreachable(f"{self.uri} cannot be reached ({what})") from error

    def _connect(self) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
        """This thread's connection, and what a proxy on the way wants before the path and as headers."""
        local = self._local
        # A child that was forked must not talk over its parent's connection.
        if getattr(local, "connection", None) is None or local.pid != os.getpid():
            local.connection, local.prefix, local.headers = self._open()
            local.pid = os.getpid()
        return local.connection, local.prefix, local.headers

    def _open(self) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
        parts = self._parts
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        proxy = urllib.request.getproxies().get(parts.scheme)
        if not proxy or urllib.request.proxy_bypass(parts.netloc):
            return kind(host, parts.port, timeout=self._timeout), "", {}
        via = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        headers = {}
        if via.username:
            user = f"{urllib.parse.unquote(via.username)}:{urllib.parse.unquote(via.password or '')}"
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        connection = kind(via.hostname or "", via.port or 8080, timeout=self._timeout)
        if not secure:
            return connection, f"http://{parts.netloc}", headers
        connection.set_tunnel(host, parts.port, headers)
        return connection, "", {}


def default_uri(uri: str | None) -> str:
    """The address of the tracker: as given, or of the environment, or where ``npm start`` has it."""
    found = uri or os.environ.get("EDGERUN_URI") or os.environ.get("EDGERUN_URL") or DEFAULT_URI
    return found.rstrip("/")


def _read(status: int, headers: http.client.HTTPMessage, content: bytes) -> Any:
    """The JSON of an answer. Raises what an answer means that is no success, or no tracker's."""
    parsed: Any = None
    is_json = False
    if content and "json" in (headers.get("Content-Type") or ""):
        try:
            parsed = json.loads(content, parse_int=_integer)
            is_json = True
        except ValueError:
            pass
    if 200 <= status < 300:
        if content and not is_json:
            raise errors.Unreachable("Something answered that is no tracker")
        return parsed
    if isinstance(parsed, dict):
        detail = str(parsed.get("detail") or parsed.get("message") or "")
        found: list[Mapping[str, str]] = parsed.get("errors") or []
    else:
        detail, found = content[:200].decode("utf-8", "replace"), []
    asked = headers.get("Retry-After") or ""
    retry_after = min(float(asked), 3600.0) if re.fullmatch(r"\d+(\.\d+)?", asked) else None
    reason = detail or http.client.responses.get(status, "")
    raise errors.ApiError(status, reason, found, retry_after, _is_of_tracker(parsed))


def _is_of_tracker(problem: Any) -> bool:
    """Whether the tracker has written an error: a problem of its own API, or one of that which it has of MLflow's."""
    if not isinstance(problem, dict):
        return False
    return {"detail", "request_id"} <= problem.keys() or (
        isinstance(problem.get("error_code"), str) and "message" in problem
    )


def _integer(text: str) -> float:
    """An integer, as JSON writes it; ``-0`` is a value that a metric can have, and none of Python's integers."""
    return -0.0 if text == "-0" else int(text)
