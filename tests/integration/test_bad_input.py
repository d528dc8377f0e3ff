"""Whatever a client sends is answered with a 4xx problem document and changes nothing."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import WEBHOOK_SECRET, Caller, Event

DEEP = 100_000
PROBLEM = "application/problem+json"

BODIES = {
    ("POST", "/api/bookings"): ("event_id",),
    ("PATCH", "/api/bookings/cancel"): ("booking_id",),
    ("PATCH", "/api/bookings/initiatePayment"): ("booking_id",),
    ("PATCH", "/api/seats/select"): ("booking_id", "seat_id"),
    ("PATCH", "/api/seats/release"): ("seat_id",),
}
"""The calls with a JSON body, and the ids in it."""

PARAMETERS = {
    "/api/events": {"page": "page", "pageSize": "size", "date": "date", "query": "text"},
    "/api/seats": {
        "event_id": "id",
        "page": "page",
        "pageSize": "size",
        "row": "row",
        "status": "seat_status",
    },
    "/api/seats/layout": {"event_id": "id"},
    "/api/seats/map": {"event_id": "id"},
    "/api/analytics": {"id": "id"},
    "/api/payments/success": {"orderId": "id"},
    "/api/payments/fail": {"orderId": "id"},
    "/api/bookings": {"status": "booking_status"},
}
"""The calls with a query, and the kind of each parameter."""

NEVER = ["%00", "a%00b", "%ff", "%d0", "%ed%a0%80"]
"""NUL and what is not UTF-8: wrong for every kind of parameter."""
NOT_INTEGERS = [
    *("abc", "1.5", "1.0", "1e0", "1e400", "true", "null", "None", "NaN", "Infinity", "[]", "{}"),
    *("0x1", "1_0", "+1", "%201", "1%20", "1,2", "%EF%BC%91", "-", "1;2", "0x", "--1", "01"),
    *(str(2**63), str(-(2**63) - 1), str(2**64), "9" * 400, "-" + "9" * 400),
]
NOT_COUNTS = [*NOT_INTEGERS, "0", "-1", str(-(2**31)), str(2**31), str(2**63 - 1)]
NOT_DATES = [
    *("2025-02-30", "2025-13-01", "2025-00-10", "0000-01-01", "20250101", "01.02.2025", "null"),
    *("2025-01-01T00:00:00", "10000-01-01", "-1", "yesterday", "2025-1-1", "1", "'; --"),
]
WRONG = {
    "page": NOT_COUNTS,
    "size": [*NOT_COUNTS, "21", "100"],
    "row": NOT_COUNTS,
    "id": NOT_INTEGERS,
    "date": NOT_DATES,
    "seat_status": ["free", "HELD", "null", "None", "1", "FREE,SOLD", "%20FREE"],
    "booking_status": ["created", "FREE", "null", "1", "CREATED%20"],
    "text": [],
}

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
WRONG_TYPES = [
    *("text/plain", "text/html", "application/xml", "application/x-www-form-urlencoded"),
    *("multipart/form-data; boundary=x", "application/octet-stream", "application", "*/*", "\xff"),
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


# --- Bodies --------------------------------------------------------------------------------------


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


# --- Queries -------------------------------------------------------------------------------------

KINDS = [(path, name) for path, names in PARAMETERS.items() for name in names]


def others(path: str, name: str, valid: dict[str, int]) -> str:
    """The required parameters of a call apart from the one that is being got wrong."""
    required = {"event_id": valid["event_id"], "id": valid["event_id"], "orderId": 1}
    given = [
        f"&{other}={required[other]}"
        for other in PARAMETERS[path]
        if other in required and other != name
    ]
    return "".join(given)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("path", "name"), KINDS)
def test_a_parameter_that_is_not_of_its_type_is_400(
    send: Send, valid: dict[str, int], path: str, name: str
) -> None:
    rest = others(path, name, valid)
    wrong = WRONG[PARAMETERS[path][name]] + NEVER
    cases = ((value, send("GET", path, f"{name}={value}{rest}")) for value in wrong)
    assert faults(cases, 400) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("path", "name"), KINDS)
def test_bytes_that_are_not_utf_8_in_a_query_are_400(
    send: Send, valid: dict[str, int], path: str, name: str
) -> None:
    rest = others(path, name, valid).encode()
    wrong = [b"\xff", b"\xd0", b"\xed\xa0\x80", b"\0"]
    cases = ((value, send("GET", path, name.encode() + b"=" + value + rest)) for value in wrong)
    assert faults(cases, 400) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("path", "name"), KINDS)
def test_a_parameter_given_twice_is_400(
    send: Send, valid: dict[str, int], path: str, name: str
) -> None:
    right = {"date": "2025-01-01", "seat_status": "FREE", "booking_status": "CREATED"}
    value = right.get(PARAMETERS[path][name], "1")
    query = f"{name}={value}&{name}={value}{others(path, name, valid)}"
    assert faults([(query, send("GET", path, query))], 400) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("path", "name"), [(p, n) for p, n in KINDS if n in ("event_id", "id", "orderId")]
)
def test_a_required_parameter_that_is_missing_is_400_and_an_unknown_id_404(
    send: Send, valid: dict[str, int], path: str, name: str
) -> None:
    rest = others(path, name, valid).lstrip("&")
    missing = ((query, send("GET", path, query)) for query in (rest, f"{name}=&{rest}", f"{name}"))
    assert faults(missing, 400) == []
    unknown = ((value, send("GET", path, f"{name}={value}")) for value in UNKNOWN_IDS)
    assert faults(unknown, 404) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", PARAMETERS)
def test_a_thousand_parameters_are_400(send: Send, path: str) -> None:
    query = "&".join(f"p{number}=1" for number in range(1000))
    assert faults([("many", send("GET", path, query))], 400) == []


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/api/events", "/api/seats"])
@pytest.mark.parametrize("size", [1, 20])
def test_the_last_page_there_can_be_is_empty_at_once(
    send: Send, event: Event, path: str, size: int
) -> None:
    started = time.monotonic()
    page = 2**31 - 1
    reply = send("GET", path, f"event_id={event.id}&page={page}&pageSize={size}")
    assert (reply.status, reply.json) == (200, [])
    assert time.monotonic() - started < 1


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "text",
    [
        *(
            "'",
            "''; DROP TABLE events; --",
            "%",
            "%25",
            "\\",
            '"',
            '"""',
            "!",
            "&|!()<->:*",
            "( ((",
        ),
        *("a" * 5000, "и " * 2000, "🎫", "\x85", "\x1b[31m", "-", "or or -", "null", "2025"),
        "&|!()<->:*",
    ],
)
def test_any_text_may_be_searched_for(send: Send, text: str) -> None:
    reply = send("GET", "/api/events", f"query={quote(text)}")
    assert reply.status == 200
    assert isinstance(reply.json, list)


# --- The webhook ---------------------------------------------------------------------------------


@pytest.fixture
def notify(send: Send) -> Send:
    """Sends a notification with the right signature."""

    def call(body: bytes, **headers: str) -> Reply:
        signature = {"HTTP_X_WEBHOOK_SIGNATURE": signed(body)}
        return send("POST", "/api/payments/notifications", body=body, **(signature | headers))

    return call


def signed(body: bytes) -> str:
    from app.payments import rules

    return rules.signature(WEBHOOK_SECRET, body)


@pytest.mark.usefixtures("unchanged")
def test_a_notification_that_cannot_be_read_is_400_although_it_is_signed(notify: Send) -> None:
    wrong = [
        *(body for body in WRONG_BODIES if body != b"{}"),
        *(f'{{"paymentId": {value}}}'.encode() for value in WRONG_VALUES if is_no_string(value)),
        *(f'{{"status": {value}}}'.encode() for value in WRONG_VALUES if is_no_string(value)),
        b'{"paymentId": "' + b"a" * 101 + b'"}',
        b'{"paymentId": "\xff"}',
        b'{"data": {"a": "\xff"}}',
        b'{"data": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"data": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    ]
    assert faults(((body[:40], notify(body)) for body in wrong), 400) == []


def is_no_string(value: str) -> bool:
    return value != "null" and not value.startswith('"')


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"paymentId": null}',
        '{"paymentId": "\\u0000"}',
        '{"paymentId": "нет такого", "status": "CONFIRMED", "teamSlug": "x", "timestamp": "?"}',
        '{"paymentId": "", "data": {"a": [1, 2.5, null, true, "\\u0000", {"b": 1e300}]}}',
        '{"data": 1}',
        '{"data": "text", "more": []}',
    ],
)
def test_a_signed_notification_may_hold_any_json(notify: Send, text: str) -> None:
    assert notify(text.encode()).status == 200


@pytest.mark.usefixtures("unchanged")
def test_an_unsigned_notification_is_400_and_a_wrongly_signed_one_401(notify: Send) -> None:
    body = b'{"paymentId": "1", "status": "CONFIRMED"}'
    assert faults([("none", notify(body, HTTP_X_WEBHOOK_SIGNATURE=""))], 400) == []
    right = signed(body)
    wrong = [
        *(right[:-1], right + "0", right.upper(), right.removeprefix("sha256="), "sha256="),
        *("0" * 71, "Ð¿", "\x80", "a" * 10_000, signed(body + b" ")),
    ]
    cases = ((given, notify(body, HTTP_X_WEBHOOK_SIGNATURE=given)) for given in wrong)
    assert faults(cases, 401) == []
