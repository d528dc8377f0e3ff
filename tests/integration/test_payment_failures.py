"""Payments that fail, are not the one we asked for, or of which the gateway says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.gateway import DECLINED, Puppet, Simulator
from tests.integration.shop import PRICE, Shop, assert_sold, for_nothing, hint, work, worked_until

# Failure.


def test_a_declined_card_frees_all_seats_and_cancels_the_booking(
    either_gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate(seats=3)
    either_gateway.submit(attempt.location, DECLINED)
    assert hint(shop.anybody, "fail", attempt.order) == "Оплата не прошла, деньги не списаны"
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}
    assert shop.payments(attempt.booking) == ["FAILED"]
    assert shop.ledger(attempt.order) == []
    assert shop.buyer.bookings() == {}
    assert shop.buyer.pay(attempt.booking).status_code == 409
    assert shop.buyer.select(shop.buyer.book(shop.event.id), shop.event.seats[0]).status_code == 200


def test_a_declined_card_leaves_the_booking_payable_where_the_event_wants_it(
    gateway: Simulator, shop: Shop
) -> None:
    event = shop.new_event(retry_failed_payment=True)
    attempt = shop.initiate(event=event)
    gateway.reject(attempt.order)
    worked_until(lambda: shop.payments(attempt.booking) == ["FAILED"])
    assert shop.booking(attempt.booking) == "CREATED"
    assert shop.seats(event)["RESERVED"] == 2
    again = shop.buyer.pay(attempt.booking)
    assert again.status_code == 302
    assert again.headers["Location"] != attempt.location
    first, second = shop.orders(attempt.booking)
    assert first != second
    gateway.authorize(second)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, event, attempt._replace(order=second))
    assert shop.payments(attempt.booking) == ["FAILED", "COMPLETED"]


@pytest.mark.parametrize("retry", [False, True])
@pytest.mark.parametrize(
    ("seen", "owed"),
    [
        ({"amount": 2 * PRICE - 1}, 2 * PRICE - 1),
        ({"amount": 3 * PRICE}, 3 * PRICE),
        ({"amount": 2 * PRICE + 0.5}, 2 * PRICE + 1),
        ({"currency": "USD"}, 2 * PRICE),
    ],
)
def test_another_amount_or_currency_sells_nothing_and_what_came_is_owed(
    puppet: Puppet, shop: Shop, seen: dict[str, Any], owed: int, retry: bool
) -> None:
    event = shop.new_event(retry_failed_payment=retry)
    attempt = shop.initiate(event=event)
    puppet.change(status="AUTHORIZED", **seen)
    hint(shop.anybody, "success", attempt.order)
    assert shop.payments(attempt.booking) == ["REFUND_DUE"]
    assert shop.ledger(attempt.order) == for_nothing(owed)
    assert puppet.bodies("confirm") == []
    # As after any payment that failed: no seat stays with a booking that cannot be paid.
    assert shop.booking(attempt.booking) == ("CREATED" if retry else "CANCELLED")
    assert shop.seats(event) == ({"RESERVED": 2, "FREE": 18} if retry else {"FREE": 20})


def test_an_amount_written_with_decimals_is_the_same_amount(puppet: Puppet, shop: Shop) -> None:
    attempt = shop.initiate()
    puppet.change(status="AUTHORIZED", amount=f"{2 * PRICE}.00")
    hint(shop.anybody, "success", attempt.order)
    assert_sold(shop, shop.event, attempt)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}),
        (200, []),
        (200, b"<html>"),
        (200, {"payments": []}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED"}]}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED", "amount": "much",
                             "currency": "KZT"}]}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED", "amount": -1,
                             "currency": "KZT"}]}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED", "amount": 10**30,
                             "currency": "KZT"}]}),
        (200, {"status": "AUTHORIZED", "payments": None}),
        (302, b""),
        (401, {"errorCode": "1001"}),
        (404, b"<html>"),
        (404, {"errorCode": "1404"}),
        (429, {}),
        (500, {}),
        (503, b"busy"),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_decides_nothing(
    puppet: Puppet, shop: Shop, answer: tuple[int, Any]
) -> None:
    attempt = shop.initiate()
    puppet.answers["check"] = answer
    hint(shop.anybody, "success", attempt.order)
    shop.check_now(attempt.order)
    assert work() == 1
    assert shop.payments(attempt.booking) == ["OPEN"]
    assert shop.seats(shop.event)["RESERVED"] == 2
    del puppet.answers["check"]
    puppet.change(status="AUTHORIZED")
    hint(shop.anybody, "success", attempt.order)
    assert_sold(shop, shop.event, attempt)


@pytest.mark.parametrize("status", ["CANCELLED", "EXPIRED", "REFUNDED"])
def test_what_ended_at_the_gateway_without_money_fails_the_payment(
    puppet: Puppet, shop: Shop, status: str
) -> None:
    attempt = shop.initiate()
    puppet.change(status=status)
    hint(shop.anybody, "fail", attempt.order)
    assert shop.payments(attempt.booking) == ["FAILED"]
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}
