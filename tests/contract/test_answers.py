"""Every call of the contract is made, and every answer is one that the contract allows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from jsonschema import ValidationError

from tests.conftest import WEBHOOK_SECRET, Caller, Event
from tests.contract.document import ALSO, DOCUMENT, PROBLEM, hold_against_contract, operations
from tests.contract.document import validator as validator_of
from tests.integration.gateway import Puppet, configured, serving

SENTENCES = {
    "select": "Место успешно добавлено в бронь",
    "release": "Место успешно освобождено",
    "pay": "Бронь ожидает подтверждения платежа",
    "cancel": "Бронь успешно отменена",
}


@dataclass
class Recorder:
    """Makes calls, holds each answer against the contract and remembers its status."""

    seen: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))

    def __call__(self, who: Caller, method: str, path: str, **options: Any) -> Any:
        answer = who(method, path, **options)
        hold_against_contract(method, path, answer)
        self.seen[method, path].add(answer.status_code)
        return answer


@pytest.fixture
def gateway(app: Any) -> Iterator[Puppet]:
    """A gateway that registers every payment."""
    del app
    puppet = Puppet()
    with serving(puppet) as address, configured(PAYMENT_GATEWAY_URL=address):
        yield puppet


@pytest.fixture
def call() -> Recorder:
    return Recorder()


def test_the_contract_has_the_thirteen_calls_that_the_table_lists() -> None:
    assert {(one.method, one.path) for one in operations()} == set(ALSO)
    assert len(ALSO) == 13


def test_the_success_flow_and_the_cancel_flow_answer_as_the_contract_says(
    call: Recorder, buyer: Caller, anybody: Caller, event: Event, gateway: Puppet
) -> None:
    events = call(anybody, "GET", "/api/events", query_string={"query": "Проверка", "page": 1})
    assert events.json
    assert set(events.json[0]) == {"id", "title"}
    assert call(anybody, "GET", "/api/events", query_string={"date": "1999-01-01"}).json == []

    created = call(buyer, "POST", "/api/bookings", json={"event_id": event.id})
    assert created.status_code == 201
    booking = created.json["id"]
    assert call(buyer, "GET", "/api/bookings").json == [
        {"id": booking, "event_id": event.id, "seats": []}
    ]

    where = {"event_id": event.id, "pageSize": 20, "status": "FREE", "row": 1}
    seats = call(anybody, "GET", "/api/seats", query_string=where).json
    assert len(seats) == 10
    assert {seat["price"] for seat in seats} == {"5000.00"}
    one, two = seats[0]["id"], seats[1]["id"]

    held = {"booking_id": booking, "seat_id": one}
    assert call(buyer, "PATCH", "/api/seats/select", json=held).json == sentence("select")
    call(buyer, "PATCH", "/api/seats/select", json={"booking_id": booking, "seat_id": two})
    released = call(buyer, "PATCH", "/api/seats/release", json={"seat_id": two})
    assert released.json == sentence("release")
    assert call(buyer, "GET", "/api/bookings").json[0]["seats"] == [{"id": one}]

    paying = call(buyer, "PATCH", "/api/bookings/initiatePayment", json={"booking_id": booking})
    assert (paying.status_code, paying.json) == (302, sentence("pay"))
    assert paying.headers["Location"].startswith("http://127.0.0.1:")
    (init,) = gateway.bodies("init")
    order = int(init["orderId"])
    assert 0 < order < 2**63

    note = json.dumps({"paymentId": next(iter(gateway.payments)), "status": "CONFIRMED"}).encode()
    assert notify(call, anybody, note).status_code == 200
    gateway.change(status="AUTHORIZED")
    assert call(anybody, "GET", "/api/payments/success", query_string={"orderId": order}).json
    sales = call(anybody, "GET", "/api/analytics", query_string={"id": event.id}).json
    assert sales == {
        "event_id": event.id,
        "total_seats": 20,
        "sold_seats": 1,
        "reserved_seats": 0,
        "free_seats": 19,
        "total_revenue": "5000.00",
        "bookings_count": 1,
    }
    cancelled = call(buyer, "PATCH", "/api/bookings/cancel", json={"booking_id": booking})
    assert cancelled.json == sentence("cancel")
    assert call(anybody, "GET", "/api/payments/fail", query_string={"orderId": order}).json
    assert call(anybody, "POST", "/api/reset").status_code == 200
    assert set(call.seen) == set(ALSO), "every call was made"
    assert all(min(statuses) < 400 for statuses in call.seen.values())


def sentence(step: str) -> dict[str, str]:
    return {"message": SENTENCES[step]}


def notify(call: Recorder, who: Caller, body: bytes, signature: str | None = None) -> Any:
    from app.payments import rules

    signature = rules.signature(WEBHOOK_SECRET, body) if signature is None else signature
    return call(
        who,
        "POST",
        "/api/payments/notifications",
        data=body,
        content_type="application/json",
        headers={"X-Webhook-Signature": signature},
    )


def test_every_refusal_of_the_table_comes_as_the_contract_says(
    call: Recorder,
    new_user: Callable[[], Caller],
    anybody: Caller,
    new_event: Callable[..., Event],
    sql: psycopg.Connection[Any],
) -> None:
    owner, other = new_user(), new_user()
    event, closed = new_event(), new_event(status="CANCELLED")
    booking, foreign = owner.book(event.id), other.book(event.id)
    assert owner.select(booking, event.seats[0]).status_code == 200
    unpayable = {"booking_id": owner.book(event.id)}

    def refused(who: Caller, method: str, path: str, status: int, **options: Any) -> None:
        assert call(who, method, path, **options).status_code == status

    for method, path in ALSO:
        if 401 in ALSO[method, path] and path != "/api/payments/notifications":
            refused(anybody, method, path, 401, json={"booking_id": 1, "seat_id": 1, "event_id": 1})
    refused(anybody, "GET", "/api/events", 400, query_string={"pageSize": 21})
    refused(owner, "POST", "/api/bookings", 400, json={"event_id": "1"})
    refused(owner, "POST", "/api/bookings", 404, json={"event_id": -1})
    refused(owner, "POST", "/api/bookings", 409, json={"event_id": closed.id})
    pay = "/api/bookings/initiatePayment"
    refused(owner, "PATCH", pay, 400, json={})
    refused(other, "PATCH", pay, 403, json={"booking_id": booking})
    refused(owner, "PATCH", pay, 404, json={"booking_id": -1})
    refused(owner, "PATCH", pay, 409, json=unpayable)
    refused(owner, "PATCH", pay, 503, json={"booking_id": booking})  # No gateway is configured.
    refused(other, "PATCH", "/api/bookings/cancel", 403, json={"booking_id": booking})
    refused(owner, "PATCH", "/api/bookings/cancel", 404, json={"booking_id": -1})
    refused(anybody, "GET", "/api/seats", 400, query_string={"event_id": event.id, "page": 0})
    refused(anybody, "GET", "/api/seats", 404, query_string={"event_id": -1})
    select, seat = "/api/seats/select", event.seats[0]
    refused(owner, "PATCH", select, 400, json={"booking_id": booking})
    refused(owner, "PATCH", select, 403, json={"booking_id": foreign, "seat_id": event.seats[1]})
    refused(owner, "PATCH", select, 404, json={"booking_id": -1, "seat_id": event.seats[1]})
    refused(other, "PATCH", select, 419, json={"booking_id": foreign, "seat_id": seat})
    refused(other, "PATCH", "/api/seats/release", 403, json={"seat_id": seat})
    refused(owner, "PATCH", "/api/seats/release", 419, json={"seat_id": event.seats[1]})
    for path in ("/api/payments/success", "/api/payments/fail"):
        refused(anybody, "GET", path, 400, query_string={"orderId": "x"})
        refused(anybody, "GET", path, 404, query_string={"orderId": 1})
    refused(anybody, "GET", "/api/analytics", 400)
    refused(anybody, "GET", "/api/analytics", 404, query_string={"id": -1})
    assert notify(call, anybody, b"[]").status_code == 400
    assert notify(call, anybody, b"{}", signature="sha256=0").status_code == 401
    # A paid booking cannot be given back when its event's time for that is over.
    late = new_event(refund_policy="[]")
    sold = owner.book(late.id)
    sql.execute("UPDATE bookings SET status = 'CONFIRMED' WHERE id = %s", [sold])
    refused(owner, "PATCH", "/api/bookings/cancel", 409, json={"booking_id": sold})

    expected = {key: set(statuses) for key, statuses in ALSO.items()}
    expected.pop(("POST", "/api/reset"))  # Its 404 needs an application with other settings.
    assert {key: found - {200, 201, 302} for key, found in call.seen.items()} == expected


def test_the_reset_does_not_exist_unless_it_is_turned_on(app: Any) -> None:
    from werkzeug.test import Client

    from app import create_app

    del app
    with configured(BILETTER_ALLOW_RESET="false"):
        answer = Client(create_app()).post("/api/reset")
    hold_against_contract("POST", "/api/reset", answer)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ([{"id": 1}], "ListEventsResponse"),
        ([{"id": "1", "title": "x"}], "ListEventsResponse"),
        ({"events": []}, "ListEventsResponse"),
        ({"id": 2**63}, "CreateBookingResponse"),
        ([{"id": 1, "row": 1, "number": 1, "status": "HELD", "price": "1"}], "ListSeatsResponse"),
        ([{"id": 1, "row": 1, "number": 1, "status": "FREE", "price": 1}], "ListSeatsResponse"),
        ([{"id": 1, "row": 1, "number": 1, "status": "FREE", "price": "x"}], "ListSeatsResponse"),
    ],
)
def test_an_answer_that_deviates_is_noticed(value: Any, schema: str) -> None:
    with pytest.raises(ValidationError):
        validator_of({"$ref": f"#/components/schemas/{schema}"}).validate(value)


def test_the_copies_of_the_document_and_of_the_problem_are_schemas() -> None:
    assert DOCUMENT["openapi"] == "3.1.1"
    validator_of(PROBLEM)
