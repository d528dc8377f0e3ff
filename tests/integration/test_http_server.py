"""The server as clients meet it: gunicorn with two workers, and bytes on a wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Event
from tests.integration.serving import EVENTS, Service, assert_problem, gunicorn, request


@pytest.fixture(scope="module")
def served(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with gunicorn(environment, tmp_path_factory.mktemp("gunicorn")) as running:
        yield running


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
