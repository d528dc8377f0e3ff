"""One connection, without a process around it: its times, its bounds and its end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from app.server import http
from tests.integration.serving import Wire, assert_problem, request


class Desk:
    """What a connection knows of its worker, and an application that tells what it was given."""

    def __init__(self) -> None:
        self.base_environ: dict[str, Any] = {}
        self.keepalive = 5.0
        self.is_stopping = False
        self.seen: list[dict[str, Any]] = []

    def application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode() + b" " + environ["wsgi.input"].read()]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def wire(desk: Desk) -> Iterator[Wire]:
    """The client's end of a connection that is served in this process."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    serving = gevent.spawn(http.Connection(desk, theirs, ("192.0.2.1", 1)).serve)
    with Wire(ours) as wire:
        yield wire
    serving.join(5)
    assert serving.ready()
    assert serving.successful()


@pytest.mark.parametrize(
    "part",
    [
        b"G",
        b"GET /api/events HTTP/1.1\r\nHost: a\r\nX-",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_a_request_that_does_not_arrive_in_time_is_408(
    wire: Wire, desk: Desk, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(http, "_READ_SECONDS", 0.05)
    wire.send(part)
    answer = wire.answer()
    assert_problem(answer, 408)
    assert answer.closes
    assert wire.is_closed_by_server()
    assert desk.seen == []


def test_a_client_that_drips_gains_no_time(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_READ_SECONDS", 0.3)
    started = time.monotonic()

    def drip() -> None:
        wire.send(b"GET / HTTP/1.1\r\n")
        while True:
            wire.send(b"X-Header: 1\r\n")
            gevent.sleep(0.05)

    dripping = gevent.spawn(drip)
    assert wire.answer().status == 408
    assert time.monotonic() - started < 1
    dripping.kill()


@pytest.mark.parametrize("size", [100_000, 2_000_000])
def test_a_client_may_end_sending_what_was_refused_long_before(
    wire: Wire, desk: Desk, size: int
) -> None:
    # The buffers of a socket pair are small: sending fails when the other end is closed early.
    wire.send(request("POST", "/", headers={"Content-Length": "2000000"}) + b"a" * size)
    assert_problem(wire.answer(), 413)
    assert desk.seen == []


def test_an_idle_connection_is_closed_without_a_word(wire: Wire, desk: Desk) -> None:
    desk.keepalive = 0.05
    wire.send(b"GET /1 HTTP/1.1\r\n\r\n")
    assert wire.answer().body == b"/1 "
    assert wire.is_closed_by_server()


def test_a_request_in_pieces_of_one_byte_is_understood(wire: Wire, desk: Desk) -> None:
    for byte in b"POST /a?b=c HTTP/1.1\r\nX-Name: value\r\nContent-Length: 2\r\n\r\nok":
        wire.send(bytes((byte,)))
        gevent.sleep(0)
    assert wire.answer().body == b"/a ok"
    assert desk.seen[0]["QUERY_STRING"] == "b=c"
    assert desk.seen[0]["HTTP_X_NAME"] == "value"
    assert desk.seen[0]["REMOTE_ADDR"] == "192.0.2.1"


def test_a_trailer_does_not_pass_for_a_header(wire: Wire, desk: Desk) -> None:
    wire.send(
        b"POST / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\nX-Forwarded-For: 198.51.100.1\r\nAuthorization: Basic eDp5\r\n\r\n"
    )
    assert wire.answer().body == b"/ ok"
    assert desk.seen[0]["HTTP_X_FORWARDED_FOR"] == "192.0.2.7"
    assert "HTTP_AUTHORIZATION" not in desk.seen[0]


def test_a_client_that_waits_for_100_continue_behind_another_request_is_told_to_go_on(
    wire: Wire,
) -> None:
    waiting = b"POST /2 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    wire.send(b"GET /1 HTTP/1.1\r\n\r\n" + waiting)
    assert wire.answer().body == b"/1 "
    assert wire.answer().status == 100
    wire.send(b"ok")
    assert wire.answer().body == b"/2 ok"


def test_what_was_read_before_the_stop_is_all_answered_and_only_the_last_says_close(
    wire: Wire, desk: Desk
) -> None:
    desk.is_stopping = True
    wire.send(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    wire.send(b"POST /3 HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
    first, second = wire.answer(), wire.answer()
    assert [first.body, second.body] == [b"/1 ", b"/2 "]
    if not second.closes:
        wire.send(b"ok")
        last = wire.answer()
        assert last.body == b"/3 ok"
        assert last.closes
    assert not first.closes
    assert wire.is_closed_by_server()


def test_a_head_that_was_read_before_the_stop_waits_for_its_body(wire: Wire, desk: Desk) -> None:
    wire.send(b"GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\no")
    assert wire.answer().body == b"/1 "
    desk.is_stopping = True
    wire.send(b"k")
    answer = wire.answer()
    assert answer.body == b"/2 ok"
    assert answer.closes
    assert wire.is_closed_by_server()


def test_a_client_that_does_not_read_its_answer_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer_at_length(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [])
        return [b"x" * 20_000_000]

    monkeypatch.setattr(desk, "application", answer_at_length)
    monkeypatch.setattr(desk, "keepalive", 0.2)
    ours, theirs = socket.socketpair()
    serving = gevent.spawn(http.Connection(desk, theirs, ("192.0.2.1", 1)).serve)
    with ours:
        ours.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        serving.join(5)
        assert serving.successful()
        assert theirs.closed
