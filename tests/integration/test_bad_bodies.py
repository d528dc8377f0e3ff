"""Whatever a client sends as a body is answered with a 4xx problem and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Event
from tests.integration.bad_input import (
    DEEP,
    UNKNOWN_IDS,
    WRONG_BODIES,
    WRONG_VALUES,
    Reply,
    Send,
    faults,
)

BODIES = {
    ("POST", "/api/bookings"): ("event_id",),
    ("PATCH", "/api/bookings/cancel"): ("booking_id",),
    ("PATCH", "/api/bookings/initiatePayment"): ("booking_id",),
    ("PATCH", "/api/seats/select"): ("booking_id", "seat_id"),
    ("PATCH", "/api/seats/release"): ("seat_id",),
}
"""The calls with a JSON body, and the ids in it."""

WRONG_TYPES = [
    *("text/plain", "text/html", "application/xml", "application/x-www-form-urlencoded"),
    *("multipart/form-data; boundary=x", "application/octet-stream", "application", "*/*", "\xff"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_value_that_is_no_id_is_400(
    send: Send, valid: dict[str, int], method: str, path: str
) -> None:
    names = BODIES[method, path]

    def cases() -> Iterator[tuple[object, Reply]]:
        for name in names:
            others = "".join(f', "{other}": {valid[other]}' for other in names if other != name)
            for value in WRONG_VALUES:
                body = f'{{"{name}": {value}{others}}}'
                yield (name, value), send(method, path, body=body.encode())

    assert faults(cases(), 400) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_an_id_that_names_nothing_is_refused(
    send: Send, valid: dict[str, int], method: str, path: str
) -> None:
    def cases() -> Iterator[tuple[object, Reply]]:
        for name in BODIES[method, path]:
            for value in UNKNOWN_IDS:
                body = json.dumps(valid | {name: value}).encode()
                yield (name, value), send(method, path, body=body)

    statuses = (419,) if path == "/api/seats/release" else (404,)
    assert faults(cases(), *statuses) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_that_is_no_object_with_the_ids_is_400(
    send: Send, valid: dict[str, int], method: str, path: str
) -> None:
    text = json.dumps(valid)
    nearly = [
        text.encode("utf-16"),
        text.encode("utf-8-sig"),
        text.encode() + b"x",
        text.encode() + text.encode(),
        text.encode()[:-1],
        text.encode().replace(b'"', b"'"),
        b"[" + text.encode() + b"]",
        text.encode()[:-1] + b', "note": "\xff"}',
        text.encode()[:-1] + b', "\xff": 1}',
        text.encode()[:-1] + b', "note": "\xed\xa0\x80"}',
        text.encode()[:-1] + b', "note": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        text.encode()[:-1] + b', "note": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    ]
    cases = ((body[:40], send(method, path, body=body)) for body in WRONG_BODIES + nearly)
    assert faults(cases, 400) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_of_another_content_type_is_415(
    send: Send, valid: dict[str, int], method: str, path: str
) -> None:
    body = json.dumps(valid).encode()
    cases = ((kind, send(method, path, body=body, content_type=kind)) for kind in WRONG_TYPES)
    assert faults(cases, 415) == []


@pytest.mark.parametrize(
    "kind", [None, "", "application/json; charset=utf-8", "APPLICATION/JSON", " application/json"]
)
def test_json_is_read_however_its_type_is_written(
    send: Send, event: Event, kind: str | None
) -> None:
    body = json.dumps({"event_id": event.id, "more": "лишнее"}, ensure_ascii=False).encode()
    assert send("POST", "/api/bookings", body=body, content_type=kind).status == 201


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "path"), BODIES)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=50).map(str.encode)))
def test_no_bytes_make_more_than_a_4xx(send: Send, method: str, path: str, body: bytes) -> None:
    assert faults([(body, send(method, path, body=body))], 400) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_who_calls_is_asked_before_what_is_sent(send: Send, method: str, path: str) -> None:
    reply = send(method, path, body=b"\xff", HTTP_AUTHORIZATION="Basic bad")
    assert reply.status == 401
