"""Initiating a payment: again, at the same time, and what the gateway is told of it."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event as Signal

from tests.integration.gateway import Puppet, Simulator
from tests.integration.shop import PRICE, Shop

# One attempt at a time, and what it is made of.


def test_repeated_initiate_payment_gives_the_same_form(gateway: Simulator, shop: Shop) -> None:
    attempt = shop.initiate()
    for _ in range(3):
        again = shop.buyer.pay(attempt.booking)
        assert (again.status_code, again.headers["Location"]) == (302, attempt.location)
    assert shop.orders(attempt.booking) == [attempt.order]
    assert attempt.order in gateway.payments()


def test_two_initiate_payments_at_once_are_one_attempt(puppet: Puppet, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    under_way, answer = Signal(), Signal()

    def answer_slowly(body: dict[str, Any]) -> tuple[int, Any]:
        under_way.set()
        answer.wait(5)
        return puppet.register(body)

    puppet.answers["init"] = answer_slowly
    first = gevent.spawn(shop.buyer.pay, booking)
    assert under_way.wait(5)
    second = gevent.spawn(shop.buyer.pay, booking)
    second.join(0.3)  # Nothing shows when it waits; the gateway is not to hear of a second order.
    answer.set()
    gevent.joinall([first, second], raise_error=True)
    assert [first.value.status_code, second.value.status_code] == [302, 302]
    assert first.value.headers["Location"] == second.value.headers["Location"]
    assert shop.payments(booking) == ["OPEN"]
    assert len(puppet.bodies("init")) == 1


def test_ten_initiate_payments_at_once_agree(gateway: Simulator, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    calls = [gevent.spawn(shop.buyer.pay, booking) for _ in range(10)]
    gevent.joinall(calls, raise_error=True)
    assert {call.value.status_code for call in calls} == {302}
    assert len({call.value.headers["Location"] for call in calls}) == 1
    assert shop.payments(booking) == ["OPEN"]
    assert set(shop.orders(booking)) <= set(gateway.payments())


def test_when_the_first_of_two_fails_the_second_tries_itself(puppet: Puppet, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    under_way, answer = Signal(), Signal()

    def fail_slowly(_body: dict[str, Any]) -> tuple[int, Any]:
        del puppet.answers["init"]
        under_way.set()
        answer.wait(5)
        return 500, {}

    puppet.answers["init"] = fail_slowly
    first = gevent.spawn(shop.buyer.pay, booking)
    assert under_way.wait(5)
    second = gevent.spawn(shop.buyer.pay, booking)
    second.join(0.1)
    answer.set()
    gevent.joinall([first, second], raise_error=True)
    assert [first.value.status_code, second.value.status_code] == [503, 302]
    assert shop.payments(booking) == ["VOIDED", "OPEN"]


def test_what_the_gateway_is_told_fits_its_fields(puppet: Puppet, shop: Shop) -> None:
    event = shop.new_event(payment_seconds=2_000_000_000)
    title = "Очень длинное название " * 40 + "😀"
    shop.sql.execute("UPDATE events SET title = %s WHERE id = %s", [title, event.id])
    booking = shop.buyer.book(event.id)
    shop.buyer.select(booking, event.seats[0])
    assert shop.buyer.pay(booking).status_code == 302
    (body,) = puppet.bodies("init")
    (order,) = shop.orders(booking)
    assert len(body["description"]) == 140
    assert body["description"].startswith("Билеты: Очень длинное")
    assert (body["orderId"], body["amount"]) == (str(order), PRICE)
    assert type(body["amount"]) is int
    assert body["paymentExpiry"] == 13
    assert "@" in body.get("email", "a@b.kz")
    for name in ("success", "fail"):
        assert body[f"{name}URL"].endswith(f"/api/payments/{name}?orderId={order}")


def test_a_sum_that_the_gateway_does_not_take_is_409(puppet: Puppet, shop: Shop) -> None:
    for price in (0, 999):
        event = shop.new_event(price_minor=price)
        booking = shop.buyer.book(event.id)
        shop.buyer.select(booking, event.seats[0])
        assert shop.buyer.pay(booking).status_code == 409
        assert shop.booking(booking) == "CREATED"
    assert puppet.asked == []


def test_a_booking_without_seats_cannot_be_paid(puppet: Puppet, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    assert shop.buyer.pay(booking).status_code == 409
    assert shop.booking(booking) == "CREATED"
    assert puppet.asked == []


def test_an_order_id_that_is_taken_is_drawn_again(
    puppet: Puppet, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.payments import rules

    taken = shop.initiate(shop.new_user(), shop.event, seats=1).order
    draws = iter([taken, taken, taken + 1])
    monkeypatch.setattr(rules, "new_order_id", lambda _now: next(draws))
    buyer = shop.new_user()
    booking = buyer.book(shop.event.id)
    buyer.select(booking, shop.event.seats[1])
    assert buyer.pay(booking).status_code == 302
    assert shop.orders(booking) == [taken + 1]
    assert [body["orderId"] for body in puppet.bodies("init")] == [str(taken), str(taken + 1)]
