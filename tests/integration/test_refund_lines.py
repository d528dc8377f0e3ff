"""Seats of a paid booking that are given back one by one, and the money for each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gevent
import psycopg
import pytest
from gevent.event import Event as Signal
from psycopg.types.json import Jsonb

from app.payments import refund_queries, refunds
from app.payments.models import RefundStatus
from tests.conftest import Caller, Event
from tests.integration.gateway import Puppet, Simulator, configured
from tests.integration.shop import PRICE, Attempt, Shop, forget, worked_until

THIRD = [{"hours_before": 0, "percent": 33}]


def paid(gateway: Simulator | Puppet, shop: Shop, event: Event, seats: int = 3) -> Attempt:
    """A booking of the shop's buyer that is paid."""
    attempt = shop.initiate(event=event, seats=seats)
    if isinstance(gateway, Puppet):
        gateway.change(status="AUTHORIZED")
        shop.check_now(attempt.order)
    else:
        gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    return attempt


def give_back(caller: Caller, booking: int, *seats: int) -> Any:
    return caller.post("/api/bookings/refund", booking_id=booking, seat_ids=list(seats))


def all_of(shop: Shop, attempt: Attempt) -> list[Any]:
    """The refunds of an order, oldest first."""
    rows = shop.sql.execute(
        "SELECT id FROM refunds WHERE order_id = %s ORDER BY id", [attempt.order]
    ).fetchall()
    return [refunds.find(row[0]) for row in rows]


def turn(shop: Shop, attempt: Attempt, only: int | None = None) -> int:
    """Make the refunds of an order due, or one of them, and none else; let a worker have a turn."""
    shop.sql.execute(
        """UPDATE refunds SET try_at = now() + CASE
               WHEN order_id = %(order)s AND id = coalesce(%(only)s::bigint, id)
               THEN interval '0' ELSE interval '1 year' END
           WHERE status <> 'PAID'""",
        {"order": attempt.order, "only": only},
    )
    return refunds.pay_due()


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


def admin(*arguments: str) -> str:
    """What an operator's command prints."""
    return subprocess.run(
        [sys.executable, "-m", "app.admin", "refunds", *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


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


# At the gateway.


def test_parts_are_paid_one_after_the_other_oldest_first(gateway: Simulator, shop: Shop) -> None:
    event = shop.new_event(refund_policy=Jsonb(THIRD))
    attempt = paid(gateway, shop, event)
    for seat in event.seats[:3]:
        give_back(shop.buyer, attempt.booking, seat)
    part = PRICE * 33 // 100
    for done in (1, 2, 3):
        assert turn(shop, attempt) == 1
        assert [one.status is RefundStatus.PAID for one in all_of(shop, attempt)] == (
            [True] * done + [False] * (3 - done)
        )
        assert gateway.payments()[attempt.order]["refunded"] == done * part
    assert shop.payment(attempt.order) == "REFUNDED"
    assert gateway.payments()[attempt.order]["status"] == "CONFIRMED"
    assert shop.unbalanced() == []


def test_parts_that_are_all_of_it_leave_nothing_at_the_gateway(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = paid(gateway, shop, shop.event)
    for seat in shop.event.seats[:3]:
        give_back(shop.buyer, attempt.booking, seat)
        turn(shop, attempt)
    told = gateway.payments()[attempt.order]
    assert (told["status"], told["refunded"]) == ("REFUNDED", 3 * PRICE)
    assert shop.payment(attempt.order) == "REFUNDED"


def test_only_a_refund_of_the_whole_payment_is_asked_for_without_an_amount(
    puppet: Puppet, shop: Shop
) -> None:
    puppet.answers["cancel"] = (200, {"success": True})
    parts = paid(puppet, shop, shop.event)
    give_back(shop.buyer, parts.booking, shop.event.seats[0])
    turn(shop, parts)
    event = shop.new_event()
    whole = paid(puppet, shop, event)
    give_back(shop.buyer, whole.booking, *event.seats[:3])
    turn(shop, whole)
    assert [body.get("amount") for body in puppet.bodies("cancel")] == [PRICE, None]


def test_one_that_is_stuck_does_not_keep_the_others_from_their_turns(
    coded_gateway: Simulator, shop: Shop
) -> None:
    attempt = paid(coded_gateway, shop, shop.event)
    for seat in shop.event.seats[:2]:
        give_back(shop.buyer, attempt.booking, seat)
    one, two = all_of(shop, attempt)
    for _ in range(8):
        assert turn(shop, attempt, only=one.id) == 1
    assert turn(shop, attempt, only=two.id) == 1
    one, two = all_of(shop, attempt)
    assert (one.status, one.attempts) == (RefundStatus.STUCK, 8)
    assert (two.status, two.attempts) == (RefundStatus.DUE, 1)
    assert turn(shop, attempt) == 1
    assert [again.attempts for again in all_of(shop, attempt)] == [9, 1], "the oldest first"
    assert shop.payment(attempt.order) == "COMPLETED"
    assert shop.unbalanced() == []


def test_one_that_is_unclear_holds_the_others_back_until_a_person_has_decided(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = paid(gateway, shop, shop.event)
    for seat in shop.event.seats[:2]:
        give_back(shop.buyer, attempt.booking, seat)
    gateway.turn(cancel={"drop": {"times": 1}})
    with configured(PAYMENT_GATEWAY_URL=gateway.base, PAYMENT_DEADLINE="0.5"):
        assert turn(shop, attempt) == 1
    one, two = all_of(shop, attempt)
    assert (one.status, two.status) == (RefundStatus.UNCLEAR, RefundStatus.DUE)
    assert "waits " in admin("show", str(two.id))
    assert "waits " not in admin("show", str(one.id))
    assert turn(shop, attempt) == 0
    assert gateway.payments()[attempt.order]["refunded"] == PRICE, "what a person sees there stays"
    refunds.pay_by_hand(one.id, actor="operator:test", note="seen there")
    assert turn(shop, attempt) == 1
    assert gateway.payments()[attempt.order]["refunded"] == 2 * PRICE
    assert shop.unbalanced() == []


def test_a_worker_that_dies_while_it_asks_for_a_part_leaves_it_to_a_person(
    puppet: Puppet, shop: Shop
) -> None:
    attempt = paid(puppet, shop, shop.event)
    give_back(shop.buyer, attempt.booking, shop.event.seats[0])
    asked = Signal()

    def never_answer(_body: Any) -> tuple[int, Any]:
        asked.set()
        gevent.sleep(5)
        return 200, {}

    puppet.answers["cancel"] = never_answer
    working = gevent.spawn(turn, shop, attempt)
    assert asked.wait(5)
    working.kill()
    (owed,) = all_of(shop, attempt)
    assert owed.status is RefundStatus.UNCLEAR
    shop.sql.execute("UPDATE payments SET refunding_until = NULL")
    assert turn(shop, attempt) == 0
    assert len(puppet.bodies("cancel")) == 1


@dataclass
class SlowGateway:
    """Answers after a while, and counts how many parts it is asked for at once."""

    puppet: Puppet
    under_way: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.puppet.answers["check"] = self.check
        self.puppet.answers["cancel"] = self.cancel

    def check(self, body: dict[str, Any]) -> tuple[int, Any]:
        gevent.sleep(0.05)
        return self.puppet._look_up(body)

    def cancel(self, _body: Any) -> tuple[int, Any]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        gevent.sleep(0.05)
        self.under_way -= 1
        return 200, {"success": True}


def test_two_parts_of_an_order_are_never_at_the_gateway_at_once(puppet: Puppet, shop: Shop) -> None:
    attempt = paid(puppet, shop, shop.event)
    for seat in shop.event.seats[:2]:
        give_back(shop.buyer, attempt.booking, seat)
    slow = SlowGateway(puppet)
    assert (turn_of_many_workers(shop, attempt), slow.most) == (2, 1)
    assert [one.status for one in all_of(shop, attempt)] == [RefundStatus.PAID] * 2
    assert len(puppet.bodies("cancel")) == 2


def test_control_without_turns_two_parts_of_an_order_meet_at_the_gateway(
    puppet: Puppet, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting = "clock_timestamp() + %(turn)s * interval '1 second'"
    assert lasting in refund_queries._BEGIN_TURN
    at_once = refund_queries._BEGIN_TURN.replace(lasting, "NULL")
    monkeypatch.setattr(refund_queries, "_BEGIN_TURN", at_once)
    attempt = paid(puppet, shop, shop.event)
    for seat in shop.event.seats[:2]:
        give_back(shop.buyer, attempt.booking, seat)
    slow = SlowGateway(puppet)
    turn_of_many_workers(shop, attempt)
    assert slow.most == 2


def turn_of_many_workers(shop: Shop, attempt: Attempt) -> int:
    """Eight workers look again and again; returns how many turns they had."""
    shop.sql.execute(
        """UPDATE refunds SET try_at = now() + CASE order_id WHEN %s THEN interval '0'
               ELSE interval '1 year' END WHERE status <> 'PAID'""",
        [attempt.order],
    )

    def work() -> int:
        found = 0
        for _ in range(20):
            found += refunds.pay_due()
            gevent.sleep(0.01)
        return found

    workers = [gevent.spawn(work) for _ in range(8)]
    gevent.joinall(workers, raise_error=True)
    return sum(worker.value for worker in workers)


def test_the_turn_of_a_dead_worker_runs_out(gateway: Simulator, shop: Shop) -> None:
    attempt = paid(gateway, shop, shop.event)
    give_back(shop.buyer, attempt.booking, shop.event.seats[0])
    until = "UPDATE payments SET refunding_until = now() + %s * interval '1 minute'"
    shop.sql.execute(until + " WHERE order_id = %s", [1, attempt.order])
    assert turn(shop, attempt) == 0
    shop.sql.execute(until + " WHERE order_id = %s", [-1, attempt.order])
    assert turn(shop, attempt) == 1
    assert all_of(shop, attempt)[0].status is RefundStatus.PAID


# The operator.


def test_an_operator_sees_for_which_seats_and_what_else_of_the_order_is_owed(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = paid(gateway, shop, shop.event)
    give_back(shop.buyer, attempt.booking, *shop.event.seats[:2])
    give_back(shop.buyer, attempt.booking, shop.event.seats[2])
    one, two = all_of(shop, attempt)
    shown = admin("show", str(one.id))
    assert "row 1 seat 1, 5000.00" in shown
    assert "row 1 seat 2, 5000.00" in shown
    assert "row 1 seat 3" not in shown
    assert f"beside    {two.id}  DUE      order {attempt.order}  5000.00 KZT" in shown


# The database is the last guard.


@pytest.fixture
def enter(gateway: Simulator, shop: Shop) -> Iterator[Callable[..., None]]:
    """Writes into the ledger of a paid line, past the application; nothing of it stays."""
    attempt = paid(gateway, shop, shop.event, seats=1)
    refund = shop.sql.execute(
        "INSERT INTO refunds (order_id, amount_minor, currency) VALUES (%s, 1, 'KZT') RETURNING id",
        [attempt.order],
    ).fetchone()
    line = shop.sql.execute(
        "SELECT line_id FROM ledger WHERE order_id = %s", [attempt.order]
    ).fetchone()
    assert refund is not None
    assert line is not None

    def write(kind: str, amount: int, currency: str = "KZT", line_id: int | None = line[0]) -> None:
        shop.sql.execute(
            """INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
               VALUES (%s, %s, %s, %s, %s, %s)""",
            [kind, attempt.order, line_id, amount, currency, None if kind == "FEE" else refund[0]],
        )

    yield write
    forget(shop, attempt)


@pytest.mark.parametrize(
    ("before", "entry", "broken"),
    [
        ([], ("REFUND_DUE", PRICE + 1), "ledger_not_more_than_came"),
        ([], ("FEE", PRICE + 1), "ledger_not_more_than_came"),
        ([("REFUND_DUE", PRICE)], ("FEE", 1), "ledger_not_more_than_came"),
        ([("FEE", 1)], ("REFUND_DUE", PRICE), "ledger_not_more_than_came"),
        ([], ("REFUND_DUE", PRICE, "USD"), "ledger_not_more_than_came"),
        ([], ("REFUND_DUE", 1, "KZT", None), "ledger_not_more_than_came"),
        ([], ("REFUND", 1), "ledger_refund_was_due"),
        ([("REFUND_DUE", 10)], ("REFUND", 11), "ledger_refund_was_due"),
        ([("FEE", 10)], ("REFUND", 10), "ledger_refund_was_due"),
    ],
)
def test_the_database_refuses_to_give_back_more_than_came(
    enter: Callable[..., None], before: list[Any], entry: tuple[Any, ...], broken: str
) -> None:
    for one in before:
        enter(*one)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        enter(*entry)
    assert refused.value.diag.constraint_name == broken


def test_the_database_takes_what_adds_up_and_each_entry_once(enter: Callable[..., None]) -> None:
    enter("REFUND_DUE", PRICE - 1)
    enter("FEE", 1)
    enter("REFUND", PRICE - 1)
    for again in ("REFUND_DUE", "FEE", "REFUND"):
        with pytest.raises(psycopg.errors.UniqueViolation, match="ledger_once"):
            enter(again, 1)
