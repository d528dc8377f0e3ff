"""The server as clients meet it: gunicorn with two workers, and bytes on a wire."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import psycopg
import pytest

from app.server import http
from tests.conftest import Caller, Event
from tests.integration.gateway import until
from tests.integration.serving import Answer, Service, Wire, gunicorn, request

PROBLEM = "application/problem+json"
EVENTS = "/api/events"


@pytest.fixture(scope="module")
def served(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with gunicorn(environment, tmp_path_factory.mktemp("gunicorn")) as running:
        yield running


@pytest.fixture
def booking(buyer: Caller, event: Event) -> Callable[..., bytes]:
    """Builds requests for a booking."""

    def build(**headers: str) -> bytes:
        body = json.dumps({"event_id": event.id}).encode()
        account = {"Authorization": buyer.authorization or ""}
        return request("POST", "/api/bookings", headers=account | headers, body=body)

    return build


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["code"]
    assert answer.headers["x-request-id"]


# --- Messages ------------------------------------------------------------------------------------


def test_one_connection_serves_many_requests(served: Service) -> None:
    with served.connect() as wire:
        for _ in range(5):
            wire.send(request("GET", EVENTS))
            answer = wire.answer()
            assert answer.status == 200
            assert not answer.closes


def test_pipelined_requests_are_answered_in_order(served: Service) -> None:
    ids = [f"id-{number}" for number in range(20)]
    with served.connect() as wire:
        wire.send(b"".join(request("GET", EVENTS, headers={"X-Request-Id": one}) for one in ids))
        assert [wire.answer().headers["x-request-id"] for _ in ids] == ids


def test_a_body_may_come_in_chunks(
    served: Service, booking: Callable[..., bytes], event: Event
) -> None:
    body = json.dumps({"event_id": event.id}).encode()
    head = booking(**{"Content-Length": "X"}).partition(b"\r\n\r\n")[0]
    head = head.replace(b"Content-Length: X", b"Transfer-Encoding: chunked")
    with served.connect() as wire:
        wire.send(head + b"\r\n\r\n")
        for byte in body:
            wire.send(b"1\r\n" + bytes((byte,)) + b"\r\n")
        wire.send(b"0\r\n\r\n")
        assert wire.answer().status == 201


@pytest.mark.parametrize("path", [EVENTS, "/health/live", "/openapi.json", "/nowhere"])
def test_head_is_the_head_of_get_and_the_connection_goes_on(served: Service, path: str) -> None:
    with served.connect() as wire:
        wire.send(request("GET", path))
        got = wire.answer()
        wire.send(request("HEAD", path))
        head = wire.answer(to="HEAD")
        assert (head.status, head.body) == (got.status, b"")
        assert head.headers["content-length"] == str(len(got.body))
        wire.send(request("GET", EVENTS))
        assert wire.answer().status == 200


def test_http_1_0_is_answered_and_closed_unless_it_asks_otherwise(served: Service) -> None:
    with served.connect() as wire:
        wire.send(b"GET /api/events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert wire.answer().headers["connection"] == "keep-alive"
        wire.send(b"GET /docs/ HTTP/1.0\r\n\r\n")
        assert wire.answer().closes
        assert wire.is_closed_by_server()


def test_connection_close_is_honoured(served: Service) -> None:
    with served.connect() as wire:
        wire.send(request("GET", EVENTS, headers={"Connection": "close"}))
        assert wire.answer().closes
        assert wire.is_closed_by_server()


def test_a_client_that_expects_100_continue_is_told_to_go_on(
    served: Service, booking: Callable[..., bytes]
) -> None:
    head, _, body = booking(Expect="100-continue").partition(b"\r\n\r\n")
    with served.connect() as wire:
        wire.send(head + b"\r\n\r\n")
        assert wire.answer().status == 100
        wire.send(body)
        assert wire.answer().status == 201


def test_a_body_is_read_although_its_client_offers_http_2(
    served: Service, booking: Callable[..., bytes]
) -> None:
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAA"}
    assert served.ask(booking(**offer)).status == 201


def test_russian_may_stand_in_the_address_as_it_is(served: Service) -> None:
    raw = "/api/events?query=концерт&page=1"
    assert served.get(raw).status == 200
    quoted = "/api/events?query=%D0%BA%D0%BE%D0%BD%D1%86%D0%B5%D1%80%D1%82&page=1"
    assert served.get(raw).body == served.get(quoted).body
    assert_problem(served.get("/касса/билеты"), 404)


def test_an_absolute_address_is_understood(served: Service) -> None:
    assert served.get("http://localhost/api/events?page=1").status == 200


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"hello there\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : value\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_400_and_the_connection_ends(served: Service, garbage: bytes) -> None:
    with served.connect() as wire:
        wire.send(garbage)
        answer = wire.answer()
        assert_problem(answer, 400)
        assert answer.closes
        assert wire.is_closed_by_server()


def test_a_header_of_100_kb_is_431_and_the_client_gets_to_see_it(served: Service) -> None:
    headers = {"X-Request-Id": "mine", "X-Large": "a" * 100_000}
    for _ in range(5):
        with served.connect() as wire:
            wire.send(request("GET", EVENTS, headers=headers))
            answer = wire.answer()
            assert_problem(answer, 431)
            assert answer.headers["x-request-id"] == "mine"
            assert answer.closes
            assert wire.is_closed_by_server()


def test_an_address_of_100_kb_is_431(served: Service) -> None:
    assert_problem(served.get(f"{EVENTS}?query={'a' * 100_000}"), 431)


def test_a_body_of_2_mb_is_413_and_the_client_gets_to_see_it(served: Service) -> None:
    body = b"[" * 2_000_000
    assert_problem(served.ask(request("POST", "/api/bookings", body=body)), 413)
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    assert_problem(served.ask(b"POST /api/bookings HTTP/1.1\r\n" + chunked), 413)


def test_a_client_that_asks_before_it_sends_too_much_is_refused_at_once(served: Service) -> None:
    headers = {"Expect": "100-continue", "Content-Length": "2000000"}
    assert_problem(served.ask(request("POST", "/api/bookings", headers=headers)), 413)


def test_headers_with_underscores_are_ignored(served: Service) -> None:
    answer = served.get(EVENTS, X_Request_Id="smuggled")
    assert answer.headers["x-request-id"] != "smuggled"


@pytest.mark.parametrize("path", ["/", "/api", "/api/bookings/", "//api/bookings", "/docs/no", "*"])
def test_an_unknown_path_is_a_404_problem(served: Service, path: str) -> None:
    answer = served.get(path)
    assert_problem(answer, 404)
    assert answer.json["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/bookings", {"GET", "POST"}),
        ("PUT", "/api/seats/select", {"PATCH"}),
        ("POST", "/api/bookings/cancel", {"PATCH"}),
        ("GET", "/api/reset", {"POST"}),
        ("OPTIONS", "/api/events", {"GET"}),
        ("POST", "/openapi.json", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/docs/", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(
    served: Service, method: str, path: str, allowed: set[str]
) -> None:
    answer = served.ask(request(method, path))
    assert_problem(answer, 405)
    assert answer.json["code"] == "method_not_allowed"
    assert set(answer.headers["allow"].split(", ")) == allowed


# --- Request ids ---------------------------------------------------------------------------------

ANY_REQUEST = [
    (200, request("GET", EVENTS)),
    (200, request("GET", "/openapi.json")),
    (200, request("GET", "/docs/")),
    (308, request("GET", "/docs")),
    (400, request("GET", f"{EVENTS}?page=x")),
    (401, request("GET", "/api/bookings")),
    (404, request("GET", "/api/analytics?id=-1")),
    (404, request("GET", "/nowhere")),
    (405, request("PUT", EVENTS)),
    (405, request("PUT", "/openapi.json")),
    (413, request("POST", "/api/bookings", headers={"Content-Length": "2000000"})),
    (431, request("GET", EVENTS, headers={"X-Large": "a" * 40_000})),
    (400, b"GET / HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n"),
]


@pytest.mark.parametrize(("status", "data"), ANY_REQUEST)
def test_a_well_formed_request_id_comes_back(served: Service, status: int, data: bytes) -> None:
    named = data.replace(b"\r\n", b"\r\nX-Request-Id: a.B_9-x\r\n", 1)
    answer = served.ask(named)
    assert (answer.status, answer.headers["x-request-id"]) == (status, "a.B_9-x")


@pytest.mark.parametrize(("status", "data"), ANY_REQUEST)
@pytest.mark.parametrize("given", [None, "", "a b", "a" * 65, "<script>"])
def test_every_answer_has_an_id_of_its_own_when_none_can_be_taken_over(
    served: Service, status: int, data: bytes, given: str | None
) -> None:
    header = f"\r\nX-Request-Id: {given}\r\n".encode()
    named = data if given is None else data.replace(b"\r\n", header, 1)
    seen = []
    for _ in range(2):
        answer = served.ask(named)
        assert answer.status == status
        seen.append(answer.headers["x-request-id"])
    assert all(seen)
    assert seen[0] != seen[1]
    assert given not in seen


# --- One connection, without a process around it -------------------------------------------------


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


# --- Stopping ------------------------------------------------------------------------------------


class Load:
    """Buyers who book without a pause, and what became of each of their requests."""

    def __init__(self, service: Service, turn: bytes) -> None:
        self._service = service
        self._turn = turn
        self.is_over = False
        self.is_signalled = False
        self.answers: Counter[int] = Counter()
        self.unread = 0
        """Requests that met a connection which the server had closed; none of their answer came."""
        self.faults: list[str] = []
        self._running = [gevent.spawn(self._keep_connection) for _ in range(6)]
        self._running += [gevent.spawn(self._connect_anew) for _ in range(2)]

    def finish(self) -> None:
        self.is_over = True
        gevent.joinall(self._running, timeout=15, raise_error=True)
        assert all(greenlet.ready() for greenlet in self._running)

    def wait_for_more(self, count: int) -> None:
        wanted = self.answers[201] + count
        until(lambda: self.answers[201] >= wanted)

    def _keep_connection(self) -> None:
        while not self.is_over and (wire := self._connected()):
            with wire:
                while not self.is_over and self._answered(wire):
                    pass

    def _connect_anew(self) -> None:
        while not self.is_over and (wire := self._connected()):
            with wire:
                self._answered(wire)

    def _connected(self) -> Wire | None:
        try:
            return self._service.connect()
        except ConnectionError as error:
            if not self.is_signalled:
                self.faults.append(f"no connection: {error}")
            return None

    def _answered(self, wire: Wire) -> bool:
        """Do one turn; whether the connection stays."""
        was_signalled = self.is_signalled
        try:
            wire.send(self._turn)
            answer = wire.answer()
        except (EOFError, OSError) as error:
            if was_signalled and not wire.has_received and not isinstance(error, TimeoutError):
                self.unread += 1
            else:
                self.faults.append(f"no whole answer: {error!r}")
            return False
        self.answers[answer.status] += 1
        return not answer.closes


def bookings_in_database(sql: psycopg.Connection[Any], event: Event) -> int:
    row = sql.execute("SELECT count(*) FROM bookings WHERE event_id = %s", [event.id]).fetchone()
    assert row is not None
    return int(row[0])


def send_head(service: Service, data: bytes) -> tuple[Wire, bytes]:
    """Send a request up to its last byte; the server has read what comes before it."""
    wire = service.connect()
    wire.send(request("GET", "/health/live") + data[:-1])
    assert wire.answer().status == 200
    return wire, data[-1:]


def test_neither_a_reload_nor_a_stop_under_load_loses_a_request(
    environment: dict[str, str],
    tmp_path: Path,
    booking: Callable[..., bytes],
    event: Event,
    sql: psycopg.Connection[Any],
) -> None:
    with gunicorn(environment, tmp_path, BILETTER_DRAIN_SECONDS="1") as service:
        load = Load(service, booking())
        load.wait_for_more(50)

        old, idle = service.workers(), idle_connections(service)
        half_sent = [send_head(service, booking()) for _ in range(4)]
        load.is_signalled = True  # Closed connections are forgiven from here on, and retried.
        service.signal(signal.SIGHUP)
        until(lambda: len(service.workers() - old) == 2)
        half_sent += [send_head(service, booking()) for _ in range(4)]
        wait_until_closed(idle)
        finish_half_sent(half_sent, load)
        until(lambda: not service.workers() & old)
        load.wait_for_more(50)
        assert service.get("/health/ready").status == 200, "the host is ready after a reload"
        assert load.faults == []

        idle = idle_connections(service)
        half_sent = [send_head(service, booking()) for _ in range(4)]
        service.signal(signal.SIGTERM)
        wait_until_closed(idle)
        finish_half_sent(half_sent, load)
        code = service.wait()
        load.finish()
    assert code == 0
    assert load.faults == []
    assert set(load.answers) == {201}
    assert load.answers[201] == bookings_in_database(sql, event)


def idle_connections(service: Service) -> list[Wire]:
    """Connections that have been served and now wait, of whichever worker."""
    wires = [service.connect() for _ in range(6)]
    for wire in wires:
        wire.send(request("GET", "/health/live"))
        assert wire.answer().status == 200
    return wires


def wait_until_closed(idle: list[Wire]) -> None:
    """Wait for the moment in which workers that stop have closed what is idle."""
    for wire in idle:
        with wire:
            assert wire.is_closed_by_server()


def is_draining(wire: Wire) -> bool:
    wire.send(request("GET", "/health/ready"))
    answer = wire.answer()
    return answer.status == 503 and answer.json["process"] == "draining"


def finish_half_sent(half_sent: list[tuple[Wire, bytes]], load: Load) -> None:
    for wire, rest in half_sent:
        with wire:
            wire.send(rest)
            load.answers[wire.answer().status] += 1


def test_a_stopping_host_is_not_ready_but_goes_on_serving_for_the_time_of_the_drain(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with gunicorn(environment, tmp_path, BILETTER_DRAIN_SECONDS="1") as service:
        with service.connect() as kept, service.connect() as watching:
            kept.send(request("GET", EVENTS))
            assert kept.answer().status == 200
            service.signal(signal.SIGTERM)
            until(lambda: is_draining(watching))
            kept.send(request("GET", EVENTS))
            answer = kept.answer()
            assert answer.status == 200
            assert not answer.closes
            assert kept.is_closed_by_server()
        assert service.wait() == 0
        assert service.log_lines()
    for line in service.log_lines():
        json.loads(line)


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
