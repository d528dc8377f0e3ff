"""Seats of a paid booking that are given back one by one: what is owed, refused and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from tests.conftest import Caller
from tests.integration.gateway import Simulator
from tests.integration.giving_back import THIRD, all_of, give_back, paid, turn
from tests.integration.shop import PRICE, Attempt, Shop, worked_until


def traces(shop: Shop, attempt: Attempt) -> tuple[Any, ...]:
    """All that giving back could leave behind."""
    row = shop.sql.execute(
        """SELECT (SELECT count(*) FROM refunds), (SELECT count(*) FROM ledger),
                  (SELECT count(*) FROM outbox), (SELECT count(*) FROM audit_log),
                  (SELECT array_agg(status ORDER BY id) FROM booking_lines
                   WHERE booking_id = %s)""",
        [attempt.booking],
    ).fetchone()
    assert row is not None
    return tuple(row)


def listed_as(shop: Shop, seat: int) -> str:
    """What everybody sees of a seat of the first row."""
    row = shop.anybody.get("/api/seats", event_id=shop.event.id, row=1, pageSize=20).json
    return {one["id"]: one["status"] for one in row}[seat]


def test_one_of_three_seats_comes_back_and_the_others_stay(gateway: Simulator, shop: Shop) -> None:
    attempt = paid(gateway, shop, shop.event)
    one, *others = shop.event.seats[:3]
    answer = give_back(shop.buyer, attempt.booking, one)
    assert answer.status_code == 200, answer.text
    (owed,) = all_of(shop, attempt)
    assert answer.json == {
        "booking_id": attempt.booking,
        "seats": [{"id": one, "amount": "5000.00", "fee": "0.00"}],
        "amount": "5000.00",
        "fee": "0.00",
        "currency": "KZT",
        "refund_ids": [owed.id],
    }
    assert shop.seats(shop.event) == {"SOLD": 2, "FREE": 18}
    assert shop.buyer.bookings() == {attempt.booking: others}
    assert shop.booking(attempt.booking) == "CONFIRMED"
    assert shop.payment(attempt.order) == "COMPLETED"
    assert shop.ledger(attempt.order) == [("CHARGE", True, PRICE)] * 3 + [
        ("REFUND_DUE", True, PRICE)
    ]
    assert shop.topics(attempt.booking)[-2:] == ["booking.seats_refunded", "refund.due"]
    sales = shop.anybody.get("/api/analytics", id=shop.event.id).json
    assert (sales["total_revenue"], sales["sold_seats"], sales["free_seats"]) == (
        "10000.00",
        2,
        18,
    )
    assert shop.unsound(shop.event) == []
    assert shop.unbalanced() == []


def test_the_seat_is_listed_as_free_at_once_and_sold_to_somebody_else(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = paid(gateway, shop, shop.event)
    seat = shop.event.seats[0]
    assert listed_as(shop, seat) == "SOLD"
    give_back(shop.buyer, attempt.booking, seat)
    assert listed_as(shop, seat) == "FREE"
    other = shop.new_user()
    booking = other.book(shop.event.id)
    assert other.select(booking, seat).status_code == 200
    assert other.pay(booking).status_code == 302
    gateway.authorize(shop.orders(booking)[-1])
    worked_until(lambda: shop.booking(booking) == "CONFIRMED")
    assert give_back(shop.buyer, attempt.booking, seat).status_code == 200
    assert other.bookings() == {booking: [seat]}, "a repeat takes nothing from the next buyer"
    assert shop.unbalanced() == []


def test_a_repeat_answers_the_same_and_changes_nothing(gateway: Simulator, shop: Shop) -> None:
    event = shop.new_event(refund_policy=Jsonb(THIRD))
    attempt = paid(gateway, shop, event)
    first = give_back(shop.buyer, attempt.booking, *event.seats[:2])
    before = traces(shop, attempt)
    shop.sql.execute("UPDATE events SET starts_at = now() WHERE id = %s", [event.id])
    again = give_back(shop.buyer, attempt.booking, *reversed(event.seats[:2]))
    assert (again.status_code, again.json) == (200, first.json)
    assert traces(shop, attempt) == before
    new = give_back(shop.buyer, attempt.booking, *event.seats[:3])
    assert (new.status_code, new.json["code"]) == (409, "refund_period_over")
    assert traces(shop, attempt) == before


def test_old_and_new_seats_in_one_request_owe_the_new_one_only(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = paid(gateway, shop, shop.event)
    give_back(shop.buyer, attempt.booking, shop.event.seats[0])
    answer = give_back(shop.buyer, attempt.booking, *shop.event.seats[:2])
    one, two = all_of(shop, attempt)
    assert (one.amount_minor, two.amount_minor) == (PRICE, PRICE)
    assert (answer.json["amount"], answer.json["refund_ids"]) == ("10000.00", [one.id, two.id])
    assert shop.unbalanced() == []


def test_the_policy_keeps_a_fee_of_the_price_really_paid(gateway: Simulator, shop: Shop) -> None:
    event = shop.new_event(price_minor=100_001, refund_policy=Jsonb(THIRD))
    booking = shop.buyer.book(event.id)
    for seat in event.seats[:2]:
        shop.buyer.select(booking, seat)
    shop.sql.execute(
        "UPDATE booking_lines SET discount_minor = 1000 WHERE seat_id = %s", [event.seats[0]]
    )
    assert shop.buyer.pay(booking).status_code == 302
    order = shop.orders(booking)[-1]
    gateway.authorize(order)
    worked_until(lambda: shop.booking(booking) == "CONFIRMED")
    answer = give_back(shop.buyer, booking, event.seats[0]).json
    assert (answer["amount"], answer["fee"]) == ("326.70", "663.31")
    assert shop.ledger(order) == [
        ("CHARGE", True, 99_001),
        ("CHARGE", True, 100_001),
        ("REFUND_DUE", True, 32_670),
        ("FEE", True, 66_331),
    ]
    assert shop.unbalanced() == []


def test_a_seat_that_cost_nothing_is_given_back_for_nothing(gateway: Simulator, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    free, dear = shop.event.seats[:2]
    for seat in (free, dear):
        shop.buyer.select(booking, seat)
    shop.sql.execute(
        "UPDATE booking_lines SET discount_minor = unit_price_minor WHERE seat_id = %s", [free]
    )
    assert shop.buyer.pay(booking).status_code == 302
    attempt = Attempt(booking, shop.orders(booking)[-1], "")
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(booking) == "CONFIRMED")
    for _ in range(2):
        answer = give_back(shop.buyer, booking, free).json
        assert (answer["amount"], answer["fee"], answer["refund_ids"]) == ("0.00", "0.00", [])
    assert shop.buyer.bookings() == {booking: [dear]}
    assert give_back(shop.buyer, booking, dear).json["amount"] == "5000.00"
    assert shop.payment(attempt.order) == "REFUND_DUE"
    assert shop.unbalanced() == []


def test_when_the_last_seat_goes_the_booking_is_cancelled(gateway: Simulator, shop: Shop) -> None:
    event = shop.new_event(one_booking_per_user=True)
    attempt = paid(gateway, shop, event, seats=2)
    give_back(shop.buyer, attempt.booking, event.seats[0])
    last = give_back(shop.buyer, attempt.booking, event.seats[1])
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.payment(attempt.order) == "REFUND_DUE"
    assert shop.seats(event) == {"FREE": 20}
    assert shop.buyer.bookings() == {}
    before = traces(shop, attempt)
    assert give_back(shop.buyer, attempt.booking, event.seats[1]).json == last.json
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    assert traces(shop, attempt) == before
    shop.buyer.book(event.id)
    for _ in range(2):
        assert turn(shop, attempt) == 1
    assert shop.payment(attempt.order) == "REFUNDED"
    assert shop.unbalanced() == []


def test_cancelling_the_rest_owes_only_the_rest(gateway: Simulator, shop: Shop) -> None:
    event = shop.new_event(refund_policy=Jsonb(THIRD))
    attempt = paid(gateway, shop, event)
    give_back(shop.buyer, attempt.booking, event.seats[1])
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    one, rest = all_of(shop, attempt)
    assert (one.amount_minor, rest.amount_minor) == (PRICE * 33 // 100, 2 * (PRICE * 33 // 100))
    assert shop.seats(event) == {"FREE": 20}
    refused = give_back(shop.buyer, attempt.booking, event.seats[0])
    assert (refused.status_code, refused.json["code"]) == (409, "not_refundable")
    assert give_back(shop.buyer, attempt.booking, event.seats[1]).status_code == 200
    assert shop.unbalanced() == []


def test_a_policy_that_leaves_less_than_a_tiyn_owes_nothing_and_closes_the_payment(
    gateway: Simulator, shop: Shop
) -> None:
    policy = [{"hours_before": 0, "percent": 1}]
    event = shop.new_event(price_minor=99, refund_policy=Jsonb(policy))
    attempt = paid(gateway, shop, event, seats=11)
    answer = give_back(shop.buyer, attempt.booking, *event.seats[:11]).json
    assert (answer["amount"], answer["fee"], answer["refund_ids"]) == ("0.00", "10.89", [])
    assert shop.payment(attempt.order) == "REFUNDED"
    assert shop.unbalanced() == []


def test_a_reset_owes_what_was_not_given_back_before(gateway: Simulator, shop: Shop) -> None:
    event = shop.new_event(refund_policy=Jsonb(THIRD))
    attempt = paid(gateway, shop, event)
    give_back(shop.buyer, attempt.booking, event.seats[0])
    assert shop.anybody.post("/api/reset").status_code == 200
    assert [one.amount_minor for one in all_of(shop, attempt)] == [PRICE * 33 // 100, 2 * PRICE]
    for _ in range(2):
        assert turn(shop, attempt) == 1
    assert shop.payment(attempt.order) == "REFUNDED"
    assert gateway.payments()[attempt.order]["refunded"] == PRICE * 33 // 100 + 2 * PRICE
    assert shop.unbalanced() == []


# Refusals.


@dataclass
class Refused:
    """A booking with two paid seats, and what a request for it gets."""

    shop: Shop
    attempt: Attempt

    def __call__(self, who: Caller, status: int, code: str, **body: Any) -> None:
        before = traces(self.shop, self.attempt)
        answer = who.post("/api/bookings/refund", **body)
        assert (answer.status_code, answer.json["code"]) == (status, code)
        assert traces(self.shop, self.attempt) == before


def test_what_cannot_be_given_back_is_refused_as_a_whole(gateway: Simulator, shop: Shop) -> None:
    attempt = paid(gateway, shop, shop.event, seats=2)
    one, two, never = shop.event.seats[:3]
    elsewhere = paid(gateway, shop, shop.new_event(), seats=1)
    refused, mine = Refused(shop, attempt), {"booking_id": attempt.booking}
    foreign = shop.sql.execute(
        "SELECT seat_id FROM booking_lines WHERE booking_id = %s", [elsewhere.booking]
    ).fetchone()
    assert foreign is not None
    for unknown in (never, 2**62, -1, foreign[0]):
        refused(shop.buyer, 404, "seat_not_in_booking", **mine, seat_ids=[one, unknown])
    refused(shop.buyer, 404, "booking_not_found", booking_id=2**62, seat_ids=[one])
    refused(shop.new_user(), 403, "forbidden", **mine, seat_ids=[one])
    refused(shop.anybody, 401, "unauthorized", **mine, seat_ids=[one])
    refused(shop.buyer, 400, "seat_twice", **mine, seat_ids=[one, two, one])
    for wrong in ([], None, one, [str(one)], [None], list(range(1001)), {"id": one}):
        refused(shop.buyer, 400, "bad_request", **mine, seat_ids=wrong)
    refused(shop.buyer, 400, "bad_request", **mine)
    shop.sql.execute(
        "UPDATE events SET starts_at = now() + interval '11 hours' WHERE id = %s", [shop.event.id]
    )
    refused(shop.buyer, 409, "refund_period_over", **mine, seat_ids=[one])


def test_a_booking_that_is_not_paid_gives_nothing_back(
    gateway: Simulator,  # noqa: ARG001 - it answers
    shop: Shop,
) -> None:
    booking = shop.buyer.book(shop.event.id)
    seat = shop.event.seats[0]
    shop.buyer.select(booking, seat)
    for step in (shop.buyer.pay, shop.buyer.cancel):
        refused = give_back(shop.buyer, booking, seat)
        assert (refused.status_code, refused.json["code"]) == (409, "not_refundable")
        step(booking)
    refused = give_back(shop.buyer, booking, seat)
    assert (refused.status_code, refused.json["code"]) == (409, "not_refundable")


# What the buyer sees.


def test_a_buyer_sees_his_refunds_and_nobody_elses(gateway: Simulator, shop: Shop) -> None:
    attempt = paid(gateway, shop, shop.event)
    assert shop.buyer.get("/api/refunds").json == []
    give_back(shop.buyer, attempt.booking, *shop.event.seats[:2])
    (owed,) = all_of(shop, attempt)
    (seen,) = shop.buyer.get("/api/refunds").json
    assert seen.pop("created_at").endswith("Z")
    assert seen == {
        "id": owed.id,
        "booking_id": attempt.booking,
        "seats": [{"id": seat} for seat in shop.event.seats[:2]],
        "amount": "10000.00",
        "currency": "KZT",
        "status": "PENDING",
        "payment_status": "PARTIAL_REFUND",
        "paid_at": None,
    }
    turn(shop, attempt)
    (seen,) = shop.buyer.get("/api/refunds").json
    assert (seen["status"], seen["payment_status"]) == ("PAID", "PARTIAL_REFUND")
    assert seen["paid_at"] is not None
    give_back(shop.buyer, attempt.booking, shop.event.seats[2])
    assert {one["payment_status"] for one in shop.buyer.get("/api/refunds").json} == {"REFUND_DUE"}
    turn(shop, attempt)
    assert {one["payment_status"] for one in shop.buyer.get("/api/refunds").json} == {"REFUNDED"}
    assert shop.new_user().get("/api/refunds").json == []
    assert shop.anybody.get("/api/refunds").status_code == 401
