"""Whatever a client asks in a query, a wrong one is a 4xx problem and changes nothing."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from tests.conftest import Event
from tests.integration.bad_input import UNKNOWN_IDS, Send, faults

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
