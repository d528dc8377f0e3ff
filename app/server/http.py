"""HTTP/1.1 for one connection: llhttp reads, the WSGI application answers.

gunicorn's own parser is Python: its gevent worker spends 0.25 CPU-ms on an empty request, this one
with llhttp (httptools) 0.07 in the same run. What is strict about HTTP is llhttp's; what is ours is
the WSGI environment, limits, deadlines, and the order of a shutdown.
"""

from __future__ import annotations

import io
import logging
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any, Protocol
from urllib.parse import quote_from_bytes

import gevent
import httptools

from app.kernel import errors
from app.kernel.front import given_request_id
from app.kernel.http import problem_reply

log = logging.getLogger(__name__)

MAX_HEAD = 32 * 1024
MAX_BODY = 1024 * 1024
_RECEIVE = 64 * 1024
_ASCII = bytes(range(128))
_READ_SECONDS = 15.0
"""How long a request may take to arrive once its first byte is here."""

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Server(Protocol):
    """What a connection has to know of the worker that it belongs to."""

    application: Application
    base_environ: Environ
    keepalive: float
    is_stopping: bool


class _Request:
    """A request as far as it has been read."""

    __slots__ = (
        "body",
        "body_size",
        "closes",
        "environ",
        "expects",
        "head_is_read",
        "head_size",
        "target",
        "version",
    )

    def __init__(self, environ: Environ) -> None:
        self.environ = environ
        self.target = b""
        self.body: list[bytes] = []
        self.body_size = 0
        self.head_size = 0
        self.head_is_read = False
        self.version = "1.1"
        self.closes = False
        self.expects = False


class _Refused(Exception):
    """The request cannot be read on; `problem` says why."""

    def __init__(self, problem: errors.Problem) -> None:
        super().__init__()
        self.problem = problem


class Connection:
    """One client's connection from accept to close."""

    def __init__(self, server: Server, sock: Any, address: Any) -> None:
        self._server = server
        self._sock = sock
        self._remote = address if isinstance(address, tuple) else ("", 0)
        self._parser = httptools.HttpRequestParser(self)
        self._request: _Request | None = None
        self._ready: deque[_Request] = deque()
        self.is_idle = True

    def serve(self) -> None:
        """Answer requests until either side has had enough."""
        try:
            while not self._sock.closed and self._read():
                while self._ready:
                    if not self._answer(self._ready.popleft()):
                        return
                self.is_idle = self._request is None
                if self.is_idle and self._server.is_stopping:
                    return
        except OSError:
            return  # The client has gone.
        finally:
            self.close()

    def close(self) -> None:
        """Close the socket; also how a worker that stops wakes an idle connection."""
        if not self._sock.closed:
            try:
                self._sock.close()
            except OSError:
                log.debug("close failed")

    # --- Reading -----------------------------------------------------------------------------

    def _read(self) -> bool:
        """Read until at least one request is complete; False when there will be none."""
        deadline: float | None = None
        while not self._ready:
            self._go_on_if_expected()
            timeout = self._server.keepalive if self.is_idle else _READ_SECONDS
            if deadline is not None:
                timeout = deadline - time.monotonic()
            # It stays in force for the answer: a client that does not read it is given up too.
            self._sock.settimeout(max(timeout, 0.001))
            try:
                received = self._sock.recv(_RECEIVE)
            except TimeoutError:
                if not self.is_idle:
                    self._refuse(errors.RequestTimeout())
                return False
            if not received:
                return False
            self.is_idle = False
            deadline = deadline or time.monotonic() + _READ_SECONDS
            if not self._feed(received):
                return False
        return True

    def _feed(self, received: bytes) -> bool:
        if self._request is None:
            if not received.isascii():
                received = _with_ascii_target(received)
            if b"h2c" in received:
                received = _without_upgrade(received)
        try:
            self._parser.feed_data(received)
        except httptools.HttpParserUpgrade:
            # We speak HTTP/1.1 only; the request itself is answered, then the connection ends.
            if self._ready:
                self._ready[-1].closes = True
                return True
            return False
        except httptools.HttpParserError as error:
            refused = error.__context__
            if isinstance(refused, _Refused):
                self._refuse(refused.problem)
            else:
                self._refuse(errors.BadRequest("Это не запрос HTTP/1.1."))
            return False
        return True

    def _go_on_if_expected(self) -> None:
        request = self._request
        if request is not None and request.head_is_read and request.expects:
            request.expects = False
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, problem: errors.Problem) -> None:
        """Answer what cannot be read, and read on a little so that the client gets to see it."""
        while self._ready:
            if not self._answer(self._ready.popleft()):
                return
        reply = problem_reply(problem)
        given = given_request_id(self._request.environ) if self._request else None
        self._sock.sendall(
            f"HTTP/1.1 {reply.status} {type(problem).__name__}\r\n"
            f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}\r\n"
            f"X-Request-Id: {given or os.urandom(8).hex()}\r\n"
            f"Connection: close\r\nDate: {_date()}\r\n\r\n".encode()
            + reply.body
        )
        self._sock.shutdown(1)  # SHUT_WR: the answer is complete.
        with gevent.Timeout(1.0, False):
            for _ in range(64):
                if not self._sock.recv(_RECEIVE):
                    break

    # Called by the parser.

    def on_message_begin(self) -> None:
        environ = self._server.base_environ.copy()
        environ["REMOTE_ADDR"] = self._remote[0]
        environ["REMOTE_PORT"] = str(self._remote[1])
        self._request = _Request(environ)

    def on_url(self, url: bytes) -> None:
        request = self._current()
        request.target += url
        self._grow(request, len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._current()
        self._grow(request, len(name) + len(value))
        key = name.decode("latin-1").upper()
        if "_" in key or request.head_is_read:
            return  # Neither X_Forwarded_For nor a trailer must pass for X-Forwarded-For.
        key = key.replace("-", "_")
        text = value.decode("latin-1").strip(" \t")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        known = request.environ.get(key)
        request.environ[key] = text if known is None else f"{known},{text}"
        if key == "HTTP_EXPECT" and text.lower() == "100-continue":
            request.expects = True

    def on_headers_complete(self) -> None:
        request = self._current()
        request.head_is_read = True
        request.version = self._parser.get_http_version()
        request.closes = not self._parser.should_keep_alive()
        length = request.environ.get("CONTENT_LENGTH", "0")
        if length.isdigit() and int(length) > MAX_BODY:
            raise _Refused(errors.ContentTooLarge())

    def on_body(self, part: bytes) -> None:
        request = self._current()
        request.body_size += len(part)
        if request.body_size > MAX_BODY:
            raise _Refused(errors.ContentTooLarge())
        request.body.append(part)

    def on_message_complete(self) -> None:
        request = self._current()
        self._request = None
        environ = request.environ
        target = request.target
        if not target.startswith(b"/") and target != b"*":
            url = httptools.parse_url(target)
            target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        path, _, query = target.partition(b"?")
        environ["REQUEST_METHOD"] = self._parser.get_method().decode()
        environ["PATH_INFO"] = _unquoted(path.decode("latin-1"))
        environ["QUERY_STRING"] = query.decode("latin-1")
        environ["SERVER_PROTOCOL"] = "HTTP/" + request.version
        body = b"".join(request.body)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        self._ready.append(request)

    def _current(self) -> _Request:
        if self._request is None:
            raise _Refused(errors.BadRequest())
        return self._request

    def _grow(self, request: _Request, size: int) -> None:
        request.head_size += size
        if request.head_size > MAX_HEAD:
            raise _Refused(errors.HeadTooLarge())

    # --- Answering ---------------------------------------------------------------------------

    def _answer(self, request: _Request) -> bool:
        """Send the answer to one request; whether the connection stays open."""
        head: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], None]:
            del exc_info
            head[:] = [status, headers]
            return written.append

        written: list[bytes] = []
        chunks = self._server.application(request.environ, start_response)
        try:
            # Everything this service answers is small: one send, and its length is known.
            body = b"".join(written) + b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = head
        # What the client has sent already is still answered when the server stops.
        is_last = not self._ready and self._request is None
        stays = not (request.closes or (self._server.is_stopping and is_last))
        lines = [f"HTTP/1.1 {status}\r\n"]
        has_length = False
        for name, value in headers:
            lines.append(f"{name}: {value}\r\n")
            has_length = has_length or name.lower() == "content-length"
        code = status[:3]
        if not has_length and code not in ("204", "304"):
            lines.append(f"Content-Length: {len(body)}\r\n")
        if not stays:
            lines.append("Connection: close\r\n")
        elif request.version == "1.0":
            lines.append("Connection: keep-alive\r\n")
        lines.append(f"Date: {_date()}\r\n\r\n")
        if request.environ["REQUEST_METHOD"] == "HEAD" or code in ("204", "304"):
            body = b""
        answer = "".join(lines).encode("latin-1") + body
        sent = self._sock.send(answer)  # Nearly always all of it; sendall asks the kernel first.
        if sent < len(answer):
            self._sock.sendall(answer[sent:])
        return stays


def _with_ascii_target(received: bytes) -> bytes:
    """Percent-encode what is not ASCII in the first line: people type Russian into addresses."""
    line, end, rest = received.partition(b"\r\n")
    return quote_from_bytes(line, _ASCII).encode() + end + rest


def _without_upgrade(received: bytes) -> bytes:
    """Hide an offer to go on in HTTP/2 (Java and curl make it): with it llhttp reads no body."""
    head, end, rest = received.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nUpgrade_:", head) + end + rest


def _unquoted(path: str) -> str:
    if "%" not in path:
        return path
    parts = path.split("%")
    out = [parts[0]]
    for part in parts[1:]:
        try:
            out.append(chr(int(part[:2], 16)) + part[2:])
        except ValueError:
            out.append("%" + part)
    return "".join(out)


_date_at = 0
_date_text = ""


def _date() -> str:
    global _date_at, _date_text
    now = int(time.time())
    if now != _date_at:
        _date_at, _date_text = now, formatdate(now, usegmt=True)
    return _date_text
