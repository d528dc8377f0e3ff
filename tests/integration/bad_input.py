"""What no client should send, a way to send it, and what must have come of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.conftest import Caller, Event

DEEP = 100_000
PROBLEM = "application/problem+json"

WRONG_VALUES = [
    *('"1"', '""', '"abc"', '"\\u0000"', "1.5", "1.0", "1e2", "-0.0", "1e400", "-1e400", "true"),
    *("false", "null", "[]", "[1]", "{}", '{"id": 1}', "NaN", "Infinity", "0x1", "01", "+1", ""),
    *(str(2**63), str(-(2**63) - 1), str(2**64), "9" * 400, "-" + "9" * 5000),
    *("[" * DEEP + "]" * DEEP, "[" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP),
]
"""JSON, or nearly, that is no id."""
UNKNOWN_IDS = [-(2**63), -1, 0, 2**31, 2**53 + 1, 2**63 - 1]

WRONG_BODIES = [
    b"",
    b" ",
    b"null",
    b"true",
    b"1",
    b'"text"',
    b"[]",
    b"[{}]",
    b"{}",
    b"{",
    b"}",
    b'{"event_id"',
    b"\0",
    b"\0" * 1000,
    b"\xff\xfe",
    b"event_id=1&booking_id=1&seat_id=1",
    b"<event_id>1</event_id>",
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b" " * 500_000,
]


@dataclass
class Reply:
    """What a WSGI call came to."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[..., Reply]


@pytest.fixture
def send(app: Any, buyer: Caller) -> Send:
    """Calls the application with bytes as they are; no client library makes them valid."""

    def call(
        method: str,
        path: str,
        query: bytes | str = b"",
        body: bytes = b"",
        content_type: str | None = "application/json",
        **headers: str,
    ) -> Reply:
        raw = query.encode() if isinstance(query, str) else query
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": raw.decode("latin-1"),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": buyer.authorization,
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": io.BytesIO(body),
            **headers,
        }
        if content_type is not None:
            environ["CONTENT_TYPE"] = content_type
        head: list[Any] = []
        chunks = app.wsgi_app(environ, lambda *given: head.extend(given))
        return Reply(int(head[0][:3]), dict(head[1]), b"".join(chunks))

    return call


@pytest.fixture
def valid(buyer: Caller, event: Event) -> dict[str, int]:
    """Ids with which each call would succeed; a refusal is not for want of them."""
    booking = buyer.book(event.id)
    assert buyer.select(booking, event.seats[0]).status_code == 200
    return {"event_id": event.id, "booking_id": booking, "seat_id": event.seats[1]}


@pytest.fixture
def unchanged(valid: dict[str, int], sql: psycopg.Connection[Any]) -> Iterator[None]:
    """Fails a test that has changed what is sold and what is owed."""
    del valid  # It has to be there before.
    before = fingerprint(sql)
    yield
    assert fingerprint(sql) == before


def fingerprint(sql: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Counts and hashes of all that a command could change."""
    parts = [
        ("bookings", "id", "true"),
        ("booking_lines", "id", "true"),
        ("payments", "order_id", "true"),
        ("seats", "id", "status <> 'FREE'"),
        ("audit_log", "id", "true"),
    ]
    return [
        sql.execute(
            f"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY {key})) FROM {table} t"
            f" WHERE {condition}"
        ).fetchone()
        or ()
        for table, key, condition in parts
    ]


def faults(cases: Iterable[tuple[object, Reply]], *statuses: int) -> list[str]:
    """The cases whose reply is not a problem document with one of the statuses."""
    found = []
    for case, reply in cases:
        is_problem = reply.headers["Content-Type"] == PROBLEM
        if (
            reply.status not in statuses
            or not is_problem
            or reply.json["status"] != reply.status
            or not reply.json["code"]
        ):
            found.append(f"{str(case)[:80]}: {reply.status} {reply.body[:200]!r}")
    return found
