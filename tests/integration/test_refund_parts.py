"""Parts of a payment that are paid back one by one: at the gateway, and before the operator."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import gevent
import pytest
from gevent.event import Event as Signal
from psycopg.types.json import Jsonb

from app.payments import refund_queries, refunds
from app.payments.models import RefundStatus
from tests.integration.gateway import Puppet, Simulator, configured
from tests.integration.giving_back import THIRD, all_of, give_back, paid, turn
from tests.integration.shop import PRICE, Attempt, Shop


def admin(*arguments: str) -> str:
    """What an operator's command prints."""
    return subprocess.run(
        [sys.executable, "-m", "app.admin", "refunds", *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


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
        gevent.sleep(0.2)
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
        for _ in range(100):
            found += refunds.pay_due()
            gevent.sleep(0.01)
        return found

    workers = [gevent.spawn(work) for _ in range(8)]
    gevent.joinall(workers, raise_error=True)
    refunds.finish_work()
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
