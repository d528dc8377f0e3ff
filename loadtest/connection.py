"""A keep-alive connection that sends prepared bytes, for users of whom one core plays thousands."""

import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from httptools import HttpParserCallbackError, HttpParserError, HttpResponseParser

from loadtest import trust
from loadtest.client import HEADERS, TIMEOUT_SECONDS

RECEIVE = 65536
_HEADER_LINES = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service is, with its name looked up."""

    name: str
    host: str
    """As the Host header says it."""
    prefix: str
    family: int
    sockaddr: tuple[Any, ...]
    context: ssl.SSLContext | None

    def get(self, path: str, authorization: str | None = None) -> bytes:
        """Return the bytes of a GET request with the headers of the organisers' generator."""
        return self._request("GET", path, authorization, "")

    def send(self, method: str, path: str, authorization: str | None = None, **body: int) -> bytes:
        """Return the bytes of a request with a JSON object."""
        return self._request(method, path, authorization, json.dumps(body))

    def _request(self, method: str, path: str, authorization: str | None, body: str) -> bytes:
        named = "" if authorization is None else f"Authorization: {authorization}\r\n"
        sized = f"Content-Length: {len(body)}\r\n" if body else ""
        return (
            f"{method} {self.prefix}{path} HTTP/1.1\r\nHost: {self.host}\r\n{_HEADER_LINES}"
            f"{named}{sized}\r\n{body}"
        ).encode()


def look_up(host: str) -> Address:
    """Return the address of a service given as a URL; raises OSError when its name is unknown."""
    url = urlsplit(host)
    port = url.port or (443 if url.scheme == "https" else 80)
    family, _, _, _, sockaddr = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)[0]
    context = trust.context() if url.scheme == "https" else None
    return Address(str(url.hostname), url.netloc, url.path, family, sockaddr, context)


class Answer:
    """An answer as far as it has been read."""

    __slots__ = ("_parser", "_parts", "closes", "has_headers", "has_length", "is_begun", "is_whole")

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._parts: list[bytes] = []
        self.is_begun = False
        self.has_headers = False
        self.has_length = False
        self.is_whole = False
        self.closes = True
        """Whether no other answer can follow on the connection."""

    def feed(self, received: bytes) -> None:
        """Read on; raises HttpParserError when it is no HTTP."""
        self.is_begun = True
        try:
            self._parser.feed_data(received)
        except HttpParserCallbackError as wrapped:
            # An interrupt may come while the parser calls, which is not the answer's fault.
            raise wrapped.__context__ or wrapped from None

    @property
    def status(self) -> int:
        """The status, once there is one."""
        return self._parser.get_status_code()

    @property
    def body(self) -> bytes:
        """What has come after the headers."""
        return b"".join(self._parts)

    # The parser calls what follows.

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Note whether the answer says how long it is."""
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self.has_length = True

    def on_headers_complete(self) -> None:
        """Note the end of the headers."""
        self.has_headers = True

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """Note the end."""
        self.is_whole = True
        self.closes = not self._parser.should_keep_alive()


class Connection:
    """One connection, opened when it is first needed and again after it was closed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._answer = Answer()
        self.repeated = 0
        """How many requests were sent again because a kept connection turned out to be closed."""

    def open(self) -> None:
        """Connect, if the service lets us; otherwise the next request tries again."""
        with suppress(OSError):
            self._socket = self._connect()

    def fetch(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; status 0 and the reason when none came."""
        kept = self._socket is not None
        try:
            try:
                self._exchange(request)
            except ConnectionError:
                # The service may close an idle connection just when it is used again.
                self.close()
                if not kept or self._answer.is_begun:
                    raise
                self.repeated += 1
                self._exchange(request)
        except (OSError, HttpParserError) as broken:
            self.close()
            return 0, repr(broken).encode()
        return self._answer.status, self._answer.body

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes) -> None:
        """Send a request and read its answer."""
        self._answer = answer = Answer()
        if self._socket is None:
            self._socket = self._connect()
        self._socket.sendall(request)
        while not answer.is_whole:
            received = self._socket.recv(RECEIVE)
            if received:
                answer.feed(received)
            elif answer.has_headers and not answer.has_length:
                break  # Such an answer ends with its connection.
            else:
                raise ConnectionResetError("closed before the end of an answer")
        if answer.closes:
            self.close()

    def _connect(self) -> socket.socket:
        """Open the connection."""
        address = self._address
        opened = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            opened.settimeout(TIMEOUT_SECONDS)
            opened.connect(address.sockaddr)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.context is None:
                return opened
            return address.context.wrap_socket(opened, server_hostname=address.name)
        except BaseException:
            opened.close()
            raise
