"""A service outside that behaves as a test wants, and calls of it."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from app.kernel.metrics import REGISTRY
from app.kernel.outside import Outside, Refused
from tests.integration.gateway import serving

PAUSE = 60.0
names = (f"service-{number}" for number in itertools.count())


class Service:
    """A service that behaves as `behave` tells, and the way we see it."""

    def __init__(self) -> None:
        self.behave: Callable[[dict[str, Any], Any], Any] = answering(200, b"{}")
        self.seen = self.under_way = self.most_under_way = 0
        self.url, self.deadline = "", 5.0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.seen += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return self.behave(environ, start_response)
        finally:
            self.under_way -= 1

    def outside(self, most: int = 20, pause: float = PAUSE, **options: Any) -> Outside:
        return Outside(
            next(names),
            url=lambda: self.url,
            deadline=lambda: self.deadline,
            most=most,
            pause=pause,
            **options,
        )


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with serving(service) as service.url:
        yield service


def answering(status: int, body: bytes = b"", **headers: str) -> Callable[..., list[bytes]]:
    """The behaviour of a service that always answers the same."""

    def behave(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        told = [(name.replace("_", "-"), value) for name, value in headers.items()]
        start_response(f"{status} Told", [*told, ("Content-Length", str(len(body)))])
        return [body]

    return behave


def hang_up(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Cut the connection instead of an answer."""
    environ["wsgi.input"].rfile.raw._sock.shutdown(socket.SHUT_RDWR)
    return answering(200)(environ, start_response)


def cut_off(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Promise more than is sent."""
    start_response("200 OK", [("Content-Length", "1000"), ("Connection", "close")])
    return [b'{"a": ']


def first(odd: Callable[..., Any], then: Callable[..., Any]) -> Callable[..., Any]:
    """Behave oddly once."""
    turns = itertools.chain([odd], itertools.repeat(then))

    def behave(environ: dict[str, Any], start_response: Any) -> Any:
        turn = next(turns)
        return turn(environ, start_response)

    return behave


def status_of(status: int, _body: bytes) -> int:
    if status >= 400:
        raise Refused(status=status)
    return status


def content(_status: int, body: bytes) -> Any:
    return msgspec.json.decode(body)


def post(outside: Outside) -> int:
    """A call that must not be repeated."""
    return outside.call("post", "POST", "/x", status_of, body={"a": 1})


def get(outside: Outside) -> int:
    """A call that may be repeated."""
    return outside.call("get", "GET", "/x", status_of, is_repeatable=True)


def counted(outside: Outside, call: str, outcome: str) -> float:
    labels = {"service": outside.name, "call": call, "outcome": outcome}
    return REGISTRY.get_sample_value("biletter_outside_calls_total", labels) or 0.0
