"""A gateway that is down, silent or refuses, and answers of it that get lost on their way."""

from __future__ import annotations

from typing import Any

import gevent
import psycopg
import pytest
from gevent.event import Event as Signal

from tests.integration.gateway import Puppet, Simulator, configured, free_port
from tests.integration.shop import PRICE, Shop, assert_sold, hint, work, worked_until

# A gateway that does not answer.


def test_a_gateway_that_is_down_is_503_and_the_booking_stays_payable(
    gateway: Simulator, shop: Shop
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    gateway.turn(down=True)
    for _ in range(2):
        answer = shop.buyer.pay(booking)
        assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
        assert shop.seats(shop.event)["RESERVED"] == 1
    assert shop.buyer.bookings() == {booking: shop.event.seats[:1]}
    gateway.turn(down=False)
    assert shop.buyer.pay(booking).status_code == 302
    orders = shop.orders(booking)
    assert len(set(orders)) == len(orders) >= 2
    assert shop.payments(booking)[-1] == "OPEN"
    gateway.authorize(orders[-1])
    worked_until(lambda: shop.booking(booking) == "CONFIRMED")
    assert shop.unsound(shop.event) == []


@pytest.mark.parametrize("address", ["nobody listens", ""])
def test_a_gateway_that_cannot_be_reached_is_503_and_another_try_works(
    puppet: Puppet, shop: Shop, address: str
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    with configured(PAYMENT_GATEWAY_URL=address and f"http://127.0.0.1:{free_port()}"):
        assert shop.buyer.pay(booking).status_code == 503
    assert shop.booking(booking) == "CREATED"
    assert shop.seats(shop.event)["RESERVED"] == 1
    assert shop.buyer.pay(booking).status_code == 302
    assert shop.payments(booking) == ["VOIDED", "OPEN"]
    assert len(puppet.bodies("init")) == 1


def test_a_gateway_that_is_silent_costs_no_more_than_the_deadlines(
    puppet: Puppet, shop: Shop
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    never = Signal()
    puppet.answers["init"] = puppet.answers["check"] = lambda _: (never.wait(5), (500, {}))[1]
    with configured(PAYMENT_DEADLINE="0.2"), gevent.Timeout(2):
        assert shop.buyer.pay(booking).status_code == 503
    never.set()
    assert shop.seats(shop.event)["RESERVED"] == 1
    puppet.answers.clear()
    assert shop.buyer.pay(booking).status_code == 302


@pytest.mark.parametrize("status", [400, 401, 402, 408, 409, 422, 429, 500, 502])
def test_a_registration_that_is_refused_is_503_and_can_be_repeated(
    puppet: Puppet, shop: Shop, status: int
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    puppet.answers["init"] = (status, {"success": False, "errorCode": "1006"})
    assert shop.buyer.pay(booking).status_code == 503
    assert shop.seats(shop.event)["RESERVED"] == 1
    del puppet.answers["init"]
    assert shop.buyer.pay(booking).status_code == 302
    first, second = shop.orders(booking)
    assert first != second


def test_a_lost_answer_of_init_is_recovered_by_asking_for_the_order(
    either_gateway: Simulator, shop: Shop
) -> None:
    either_gateway.turn(init={"drop": {"times": 1}})
    attempt = shop.initiate()
    told = either_gateway.payments()[attempt.order]
    assert attempt.location == (
        f"{either_gateway.base}/api/v1/paymentform/render/{told['paymentId']}"
    )
    assert shop.payments(attempt.booking) == ["OPEN"]
    assert shop.buyer.pay(attempt.booking).headers["Location"] == attempt.location
    # The order was asked for by its own id; what the gateway remembers of that is not asked again.
    either_gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt)


def test_a_late_answer_of_init_is_recovered_too(puppet: Puppet, shop: Shop) -> None:
    def answer_late(body: dict[str, Any]) -> tuple[int, Any]:
        answer = puppet.register(body)
        gevent.sleep(0.5)
        return answer

    puppet.answers["init"] = answer_late
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    with configured(PAYMENT_DEADLINE="0.2"):
        location = shop.buyer.pay(booking).headers["Location"]
    assert location.endswith(next(iter(puppet.payments)))
    assert shop.payments(booking) == ["OPEN"]


def test_an_order_that_the_gateway_knows_already_is_recovered(puppet: Puppet, shop: Shop) -> None:
    def know_already(body: dict[str, Any]) -> tuple[int, Any]:
        puppet.register(body)
        return 409, {"success": False, "errorCode": "1002"}

    puppet.answers["init"] = know_already
    assert shop.initiate().location.endswith(next(iter(puppet.payments)))


def test_a_registration_cut_off_by_a_crash_is_taken_up_by_the_next_request(
    puppet: Puppet, shop: Shop
) -> None:
    attempt = shop.initiate()
    forget = """UPDATE payments SET status = 'INITIATED', gateway_id = NULL, form_url = NULL
                WHERE order_id = %s"""
    shop.sql.execute(forget, [attempt.order])
    assert shop.buyer.pay(attempt.booking).headers["Location"] == attempt.location
    assert shop.payments(attempt.booking) == ["OPEN"]
    # The gateway never heard of this one, and nobody is about to tell it.
    shop.sql.execute(forget, [attempt.order])
    puppet.payments.clear()
    with configured(PAYMENT_DEADLINE="0.2"):
        again = shop.buyer.pay(attempt.booking)
    assert again.status_code == 302
    assert again.headers["Location"] != attempt.location
    assert shop.payments(attempt.booking) == ["VOIDED", "OPEN"]


def test_a_lost_answer_of_confirm_is_settled_by_the_next_check(
    either_gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    either_gateway.turn(confirm={"drop": {"times": 1}}, webhooks={"lost": {"chance": 1.0}})
    either_gateway.authorize(attempt.order)
    assert hint(shop.anybody, "success", attempt.order).startswith("Платёж ещё не подтверждён")
    assert shop.payments(attempt.booking) == ["ACCEPTED"]
    assert either_gateway.payments()[attempt.order]["captured"] == 2 * PRICE
    shop.check_now(attempt.order)
    assert work() == 1
    assert_sold(shop, shop.event, attempt)


def test_a_confirm_that_is_refused_sells_nothing_and_is_tried_again(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    gateway.turn(confirm={"fail": {"times": 1}})
    gateway.authorize(attempt.order)
    hint(shop.anybody, "success", attempt.order)
    assert shop.booking(attempt.booking) == "CONFIRMING"
    hint(shop.anybody, "success", attempt.order)
    assert_sold(shop, shop.event, attempt)


def test_a_sum_above_the_limit_of_confirm_is_confirmed_without_it(
    either_gateway: Simulator, shop: Shop
) -> None:
    event = shop.new_event(price_minor=50_000_001)
    attempt = shop.initiate(event=event, seats=1)
    either_gateway.authorize(attempt.order)
    hint(shop.anybody, "success", attempt.order)
    assert shop.booking(attempt.booking) == "CONFIRMED"
    assert either_gateway.payments()[attempt.order]["captured"] == 50_000_001


def test_one_payment_that_cannot_be_settled_does_not_stop_the_others(
    gateway: Simulator, shop: Shop
) -> None:
    events = [shop.new_event() for _ in range(3)]
    attempts = [shop.initiate(shop.new_user(), event) for event in events]
    gateway.turn(webhooks={"lost": {"chance": 1.0}})
    for attempt in attempts:
        gateway.authorize(attempt.order)
        shop.check_now(attempt.order)
    with psycopg.connect(shop.sql.info.dsn, password=shop.sql.info.password) as blocker:
        blocker.execute("SELECT FROM bookings WHERE id = %s FOR UPDATE", [attempts[0].booking])
        with configured(PAYMENT_POLL_SECONDS="0.05"):
            assert work() == 3
        assert [shop.payment(attempt.order) for attempt in attempts] == [
            "OPEN",
            "COMPLETED",
            "COMPLETED",
        ]
    with configured(PAYMENT_POLL_SECONDS="0.05"):
        worked_until(lambda: shop.payment(attempts[0].order) == "COMPLETED")
