"""Bookings that are given up, run out or are erased around their payment, and what is owed back."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Event
from tests.integration.gateway import Simulator, until
from tests.integration.shop import (
    PRICE,
    Records,
    Shop,
    assert_sold,
    for_nothing,
    hint,
    worked_until,
)

# Changing one's mind.


def test_release_in_payment_voids_the_attempt_and_late_money_is_owed_back(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    assert shop.buyer.release(shop.event.seats[0]).status_code == 200
    assert shop.booking(attempt.booking) == "CREATED"
    assert shop.payments(attempt.booking) == ["VOIDED"]
    assert shop.buyer.bookings() == {attempt.booking: [shop.event.seats[1]]}
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.ledger(attempt.order) == for_nothing(2 * PRICE)
    assert gateway.payments()[attempt.order]["captured"] == 0
    assert "вернём" in hint(shop.anybody, "success", attempt.order)
    # The booking goes on without that money.
    assert shop.booking(attempt.booking) == "CREATED"
    assert shop.buyer.pay(attempt.booking).status_code == 302
    second = shop.orders(attempt.booking)[-1]
    assert gateway.payments()[second]["amount"] == PRICE
    gateway.authorize(second)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt._replace(order=second), seats=1)


def test_cancel_in_payment_frees_the_seats_and_late_money_is_owed_back(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}
    assert shop.buyer.pay(attempt.booking).status_code == 409
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.ledger(attempt.order) == for_nothing(2 * PRICE)
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}


def test_a_voided_attempt_that_is_never_paid_ends_without_a_debt(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    shop.buyer.cancel(attempt.booking)
    gateway.reject(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "FAILED")
    assert shop.ledger(attempt.order) == []


@pytest.mark.parametrize(
    ("policy", "hours", "percent"),
    [
        ([{"hours_before": 12, "percent": 100}], 24, 100),
        ([{"hours_before": 12, "percent": 33}, {"hours_before": 48, "percent": 100}], 24, 33),
    ],
)
def test_cancel_after_payment_frees_the_seats_and_owes_each_line_by_the_policy(
    gateway: Simulator, shop: Shop, policy: list[dict[str, int]], hours: int, percent: int
) -> None:
    event = shop.new_event(price_minor=100_001, refund_policy=Jsonb(policy))
    attempt = shop.initiate(event=event)
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    start_in(shop, event, hours)
    for _ in range(2):
        assert shop.buyer.cancel(attempt.booking).status_code == 200
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(event) == {"FREE": 20}
    assert shop.payments(attempt.booking) == ["REFUND_DUE"]
    owed = 100_001 * percent // 100
    entries = [("CHARGE", True, 100_001)] * 2 + [("REFUND_DUE", True, owed)] * 2
    if owed < 100_001:
        entries += [("FEE", True, 100_001 - owed)] * 2
    assert shop.ledger(attempt.order) == entries
    assert shop.topics(attempt.booking)[-2:] == ["booking.cancelled", "refund.due"]
    assert shop.buyer.bookings() == {}


def test_when_the_refund_period_is_over_cancel_is_409_and_changes_nothing(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    start_in(shop, shop.event, 11)
    answer = shop.buyer.cancel(attempt.booking)
    assert (answer.status_code, answer.json["code"]) == (409, "refund_period_over")
    assert_sold(shop, shop.event, attempt)
    assert shop.buyer.bookings() == {attempt.booking: shop.event.seats[:2]}


def test_sold_seats_cannot_be_released_and_a_paid_booking_not_paid_again(
    gateway: Simulator, shop: Shop
) -> None:
    owner, other = shop.new_user(), shop.new_user()
    attempt = shop.initiate(owner, shop.event)
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert owner.release(shop.event.seats[0]).status_code == 419
    assert other.release(shop.event.seats[0]).status_code == 403
    assert other.select(other.book(shop.event.id), shop.event.seats[0]).status_code == 419
    assert owner.pay(attempt.booking).status_code == 409
    assert_sold(shop, shop.event, attempt)


def start_in(records: Records, event: Event, hours: int) -> None:
    """Move the start of an event."""
    records.sql.execute(
        """UPDATE events SET starts_at = now() + %s * interval '1 hour' + interval '1 minute'
           WHERE id = %s""",
        [hours, event.id],
    )


# Money that comes too late.


def test_money_for_a_seat_that_somebody_else_has_by_now_is_owed_back(
    gateway: Simulator, shop: Shop
) -> None:
    slow, quick = shop.new_user(), shop.new_user()
    attempt = shop.initiate(slow, shop.event)
    shop.run_out(attempt.booking)
    second = quick.book(shop.event.id)
    assert quick.select(second, shop.event.seats[1]).status_code == 200
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.ledger(attempt.order) == for_nothing(2 * PRICE)
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert quick.bookings() == {second: [shop.event.seats[1]]}
    assert shop.seats(shop.event) == {"RESERVED": 1, "FREE": 19}
    assert quick.pay(second).status_code == 302


def test_money_for_a_hold_that_ran_out_but_nobody_took_still_buys(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    shop.run_out(attempt.booking)
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt)
    assert shop.buyer.bookings() == {attempt.booking: shop.event.seats[:2]}


def test_money_for_a_booking_that_was_swept_is_owed_back(gateway: Simulator, shop: Shop) -> None:
    from app.bookings import service

    attempt = shop.initiate()
    shop.run_out(attempt.booking)
    until(lambda: service.expire_due() or shop.booking(attempt.booking) == "EXPIRED")
    assert shop.payments(attempt.booking) == ["VOIDED"]
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.booking(attempt.booking) == "EXPIRED"
    assert shop.seats(shop.event) == {"FREE": 20}


def test_the_form_of_a_booking_that_ran_out_is_not_shown_again(
    gateway: Simulator,  # noqa: ARG001 - it answers
    shop: Shop,
) -> None:
    attempt = shop.initiate()
    shop.run_out(attempt.booking)
    answer = shop.buyer.pay(attempt.booking)
    assert (answer.status_code, answer.json["code"]) == (409, "booking_expired")


def test_money_for_a_booking_that_a_reset_erased_is_owed_back_and_order_ids_are_kept(
    gateway: Simulator, shop: Shop
) -> None:
    paid, open_ = shop.new_event(), shop.new_event()
    done = shop.initiate(shop.new_user(), paid)
    gateway.authorize(done.order)
    worked_until(lambda: shop.booking(done.booking) == "CONFIRMED")
    buyer = shop.new_user()
    late = shop.initiate(buyer, open_)
    assert shop.anybody.post("/api/reset").status_code == 200
    assert shop.payment(done.order) == "REFUND_DUE"
    charged, owed = ("CHARGE", True, PRICE), ("REFUND_DUE", True, PRICE)
    assert shop.ledger(done.order) == [charged] * 2 + [owed] * 2
    assert shop.payment(late.order) == "VOIDED"
    gateway.authorize(late.order)
    worked_until(lambda: shop.payment(late.order) == "REFUND_DUE")
    assert shop.ledger(late.order) == for_nothing(2 * PRICE)
    assert shop.seats(open_) == {"FREE": 20}
    again = shop.initiate(buyer, open_)
    assert again.order not in {done.order, late.order}
    assert again.booking not in {done.booking, late.booking}
