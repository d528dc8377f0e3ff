"""The contract and its promises hold on the way that buyers take: TLS, the edge, several hosts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import Any

import pytest
from werkzeug.test import TestResponse

from infra.lab.fleet.state import Fleet
from tests.contract.document import ALSO, hold_against_contract
from tests.deployment.fleet.buyers import Buyer, buyers

CROWD = 10


@pytest.fixture
def crowd(fleet: Fleet) -> Iterator[list[Buyer]]:
    """Buyers with an account each, who have given nothing up yet."""
    with ExitStack() as stack:
        yield [stack.enter_context(buyers(fleet)) for _ in range(CROWD)]


@pytest.fixture
def anybody(fleet: Fleet) -> Iterator[Buyer]:
    with buyers(fleet, known=False) as buyer:
        yield buyer


@pytest.fixture
def hall(anybody: Buyer) -> tuple[int, list[int]]:
    """An event whose seats the service keeps itself, and some that are free."""
    for event in anybody("GET", "/api/events", params={"pageSize": 20}).json:
        where = {"event_id": event["id"], "status": "FREE", "pageSize": 20}
        seats = anybody("GET", "/api/seats", params=where).json
        if event["id"] != 1 and len(seats) == 20:
            return event["id"], [seat["id"] for seat in seats]
    raise AssertionError("no event has free seats")


def test_every_call_answers_through_the_edge_as_the_contract_says(
    crowd: list[Buyer], anybody: Buyer, hall: tuple[int, list[int]]
) -> None:
    event, (seat, *_) = hall
    buyer, other, *_ = crowd
    called = set()

    def call(who: Buyer, method: str, path: str, status: int, **options: Any) -> TestResponse:
        answer = who(method, path, **options)
        hold_against_contract(method, path, answer)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        called.add((method, path))
        return answer

    call(anybody, "GET", "/api/events", 200, params={"query": "концерт", "page": 1})
    call(anybody, "POST", "/api/bookings", 401, json={"event_id": event})
    booking = call(buyer, "POST", "/api/bookings", 201, json={"event_id": event}).json["id"]
    held = {"booking_id": booking, "seat_id": seat}
    call(anybody, "GET", "/api/seats", 200, params={"event_id": event})
    call(other, "PATCH", "/api/seats/select", 403, json=held)
    call(buyer, "PATCH", "/api/seats/select", 200, json=held)
    rival = call(other, "POST", "/api/bookings", 201, json={"event_id": event}).json["id"]
    wanted = {"booking_id": rival, "seat_id": seat}
    call(other, "PATCH", "/api/seats/select", 419, json=wanted)
    listed = call(buyer, "GET", "/api/bookings", 200).json
    assert {"id": booking, "event_id": event, "seats": [{"id": seat}]} in listed
    call(other, "PATCH", "/api/seats/release", 403, json={"seat_id": seat})
    call(buyer, "PATCH", "/api/seats/release", 200, json={"seat_id": seat})
    call(buyer, "PATCH", "/api/seats/select", 200, json=held)
    paying = {"booking_id": booking}
    paid = call(buyer, "PATCH", "/api/bookings/initiatePayment", 302, json=paying)
    assert paid.headers["Location"].startswith("http")
    call(buyer, "PATCH", "/api/bookings/cancel", 200, json=paying)
    for path in ("/api/payments/success", "/api/payments/fail"):
        call(anybody, "GET", path, 404, params={"orderId": 1})
    forged = {"X-Webhook-Signature": "sha256=0"}
    call(anybody, "POST", "/api/payments/notifications", 401, json={}, headers=forged)
    sales = call(anybody, "GET", "/api/analytics", 200, params={"id": event}).json
    assert sales["event_id"] == event
    call(anybody, "POST", "/api/reset", 200)
    assert called == set(ALSO)


def test_of_many_who_want_a_seat_at_once_one_gets_it(
    crowd: list[Buyer], hall: tuple[int, list[int]]
) -> None:
    event, seats = hall
    bookings = [
        buyer("POST", "/api/bookings", json={"event_id": event}).json["id"] for buyer in crowd
    ]
    gate = Barrier(CROWD)

    def select(number: int, seat: int) -> tuple[int, float, float]:
        gate.wait(timeout=10)
        began = time.monotonic()
        wish = {"booking_id": bookings[number], "seat_id": seat}
        status = crowd[number]("PATCH", "/api/seats/select", json=wish).status_code
        return status, began, time.monotonic()

    with ThreadPoolExecutor(CROWD) as pool:
        raced = 0
        for seat in seats[:5]:
            attempts = list(pool.map(select, range(CROWD), [seat] * CROWD))
            statuses = sorted(status for status, _, _ in attempts)
            assert statuses == [200, *[419] * (CROWD - 1)]
            first_ended = min(ended for _, _, ended in attempts)
            raced += sum(began < first_ended for _, began, _ in attempts) - 1
        assert raced >= 5, "they came one after the other, so nothing was shown"
        # The control: who wants another seat each gets it, so it was the seat that refused.
        apart = pool.map(select, range(CROWD), seats[5 : 5 + CROWD])
        assert [status for status, _, _ in apart] == [200] * CROWD

    for buyer, booking in zip(crowd, bookings, strict=True):
        assert (
            buyer("PATCH", "/api/bookings/cancel", json={"booking_id": booking}).status_code == 200
        )
