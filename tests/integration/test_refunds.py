"""Money that is owed back: paid by the gateway, tried for long, or handed to a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import gevent
import pytest
from psycopg.types.json import Jsonb

from app.kernel import errors
from app.payments import refunds
from app.payments.models import RefundStatus
from tests.integration.gateway import Puppet, Simulator, configured
from tests.integration.shop import PRICE, Attempt, Shop, pay_refunds, worked_until


def cancelled(gateway: Simulator, shop: Shop, percent: int = 100) -> Attempt:
    """A paid booking that its buyer has cancelled."""
    policy = [{"hours_before": 0, "percent": percent}]
    event = shop.new_event(refund_policy=Jsonb(policy))
    attempt = shop.initiate(event=event)
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    return attempt


def owed(puppet: Puppet, shop: Shop) -> Attempt:
    """A paid booking that its buyer has cancelled, at a gateway that does as it is told."""
    attempt = shop.initiate()
    puppet.change(status="AUTHORIZED")
    shop.check_now(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    return attempt


def refund(shop: Shop, attempt: Attempt) -> Any:
    """The refund of an order."""
    row = shop.sql.execute("SELECT id FROM refunds WHERE order_id = %s", [attempt.order]).fetchone()
    assert row is not None
    return refunds.find(row[0])


def make_due(shop: Shop, attempt: Attempt) -> None:
    """Make it the turn of this refund, and of no other."""
    shop.sql.execute(
        """UPDATE refunds SET try_at = now() +
               CASE order_id WHEN %s THEN interval '0' ELSE interval '1 year' END
           WHERE status <> 'PAID'""",
        [attempt.order],
    )


def turn(shop: Shop, attempt: Attempt, times: int = 1) -> None:
    """Let the worker take so many turns at a refund."""
    for _ in range(times):
        make_due(shop, attempt)
        assert pay_refunds() == 1


def test_a_cancelled_booking_is_paid_back_once(gateway: Simulator, shop: Shop) -> None:
    attempt = cancelled(gateway, shop)
    assert refund(shop, attempt).amount_minor == 2 * PRICE
    turn(shop, attempt)
    assert refund(shop, attempt).status is RefundStatus.PAID
    assert shop.payment(attempt.order) == "REFUNDED"
    told = gateway.payments()[attempt.order]
    assert (told["status"], told["refunded"]) == ("REFUNDED", 2 * PRICE)
    assert shop.ledger(attempt.order)[-2:] == [("REFUND", True, PRICE)] * 2
    assert shop.topics(attempt.booking)[-1] == "refund.paid"
    assert pay_refunds() == 0


def test_a_part_is_paid_back_by_the_policy(gateway: Simulator, shop: Shop) -> None:
    attempt = cancelled(gateway, shop, percent=30)
    turn(shop, attempt)
    assert refund(shop, attempt).status is RefundStatus.PAID
    told = gateway.payments()[attempt.order]
    assert (told["status"], told["refunded"]) == ("CONFIRMED", 2 * PRICE * 30 // 100)


def test_a_part_that_is_refused_for_long_is_paid_once_the_gateway_is_mended(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = cancelled(gateway, shop, percent=30)
    gateway.turn(cancel={"fail": {"times": 8}, "fail_status": 422})
    turn(shop, attempt, times=8)
    assert refund(shop, attempt).status is RefundStatus.STUCK
    turn(shop, attempt)
    assert refund(shop, attempt).status is RefundStatus.PAID
    assert gateway.payments()[attempt.order]["refunded"] == 2 * PRICE * 30 // 100


def test_money_that_comes_after_the_hold_is_paid_back(gateway: Simulator, shop: Shop) -> None:
    attempt = shop.initiate()
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    gateway.authorize(attempt.order)
    shop.check_now(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    turn(shop, attempt)
    assert shop.payment(attempt.order) == "REFUNDED"
    assert gateway.payments()[attempt.order]["status"] == "CANCELLED"


def test_an_answer_that_gets_lost_after_the_deed_does_not_pay_twice(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = cancelled(gateway, shop)
    gateway.turn(cancel={"drop": {"times": 1}})
    with configured(PAYMENT_GATEWAY_URL=gateway.base, PAYMENT_DEADLINE="0.5"):
        turn(shop, attempt)
        assert refund(shop, attempt).status is RefundStatus.DUE
        turn(shop, attempt)
    assert refund(shop, attempt).status is RefundStatus.PAID
    assert gateway.payments()[attempt.order]["refunded"] == 2 * PRICE


def test_a_part_whose_answer_gets_lost_waits_for_a_person_and_is_not_paid_again(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = cancelled(gateway, shop, percent=30)
    gateway.turn(cancel={"drop": {"times": 1}})
    with configured(PAYMENT_GATEWAY_URL=gateway.base, PAYMENT_DEADLINE="0.5"):
        turn(shop, attempt)
        assert refund(shop, attempt).status is RefundStatus.UNCLEAR
        make_due(shop, attempt)
        assert pay_refunds() == 0
    assert gateway.payments()[attempt.order]["refunded"] == 2 * PRICE * 30 // 100
    refunds.pay_by_hand(refund(shop, attempt).id, actor="operator:test", note="seen there")
    assert shop.payment(attempt.order) == "REFUNDED"


def test_a_gateway_that_refuses_for_days_leaves_it_visible_and_never_marked_paid(
    coded_gateway: Simulator, shop: Shop
) -> None:
    attempt = cancelled(coded_gateway, shop)
    turn(shop, attempt, times=7)
    assert refund(shop, attempt).status is RefundStatus.DUE
    turn(shop, attempt)
    stuck = refund(shop, attempt)
    assert (stuck.status, stuck.attempts) == (RefundStatus.STUCK, 8)
    assert "401 3001" in stuck.last_error
    assert stuck in refunds.listed(RefundStatus.STUCK)
    assert shop.payment(attempt.order) == "REFUND_DUE"
    assert not any(kind == "REFUND" for kind, _, _ in shop.ledger(attempt.order))
    turn(shop, attempt)
    assert refund(shop, attempt).attempts == 9, "it is tried on"


def test_pauses_between_tries_double_and_have_a_limit(coded_gateway: Simulator, shop: Shop) -> None:
    attempt = cancelled(coded_gateway, shop)
    pauses = []
    for tried in range(14):
        shop.sql.execute(
            "UPDATE refunds SET attempts = %s WHERE order_id = %s", [tried, attempt.order]
        )
        turn(shop, attempt)
        row = shop.sql.execute(
            "SELECT extract(epoch FROM try_at - now())::float FROM refunds WHERE order_id = %s",
            [attempt.order],
        ).fetchone()
        assert row is not None
        pauses.append(row[0])
    for tried, pause in enumerate(pauses):
        middle = min(30 * 2**tried, 6 * 3600)
        assert 0.7 * middle - 5 < pause < 1.3 * middle


@pytest.mark.parametrize("status", ["CANCELLED", "REFUNDED"])
def test_what_the_gateway_has_returned_already_is_not_asked_for_again(
    puppet: Puppet, shop: Shop, status: str
) -> None:
    attempt = owed(puppet, shop)
    puppet.change(status=status)
    turn(shop, attempt)
    assert shop.payment(attempt.order) == "REFUNDED"
    assert puppet.bodies("cancel") == []


def test_many_workers_ask_the_gateway_once(puppet: Puppet, shop: Shop) -> None:
    attempt = owed(puppet, shop)

    def slow(_body: Any) -> tuple[int, Any]:
        gevent.sleep(0.05)
        return 200, {"success": True}

    puppet.answers["cancel"] = slow
    make_due(shop, attempt)
    workers = [gevent.spawn(pay_refunds) for _ in range(8)]
    gevent.joinall(workers, raise_error=True)
    assert sum(worker.value for worker in workers) == 1
    assert len(puppet.bodies("cancel")) == 1


def test_a_person_pays_by_hand_once_and_says_how(coded_gateway: Simulator, shop: Shop) -> None:
    attempt = cancelled(coded_gateway, shop)
    turn(shop, attempt)
    known = refund(shop, attempt)
    refunds.pay_by_hand(known.id, actor="operator:test", note="transfer 17")
    paid = refund(shop, attempt)
    assert (paid.status, paid.note) == (RefundStatus.PAID, "transfer 17")
    with pytest.raises(errors.Conflict):
        refunds.pay_by_hand(known.id, actor="operator:test", note="again")
    with pytest.raises(errors.Conflict):
        refunds.retry(known.id, actor="operator:test")
    row = shop.sql.execute(
        "SELECT actor FROM audit_log WHERE entity_id = %s AND action = 'refund.paid'",
        [attempt.order],
    ).fetchall()
    assert row == [("operator:test",)]


def test_nobody_pays_by_hand_what_the_gateway_is_just_asked_for(puppet: Puppet, shop: Shop) -> None:
    attempt = owed(puppet, shop)
    known = refund(shop, attempt)
    refused = []

    def slow(_body: Any) -> tuple[int, Any]:
        with pytest.raises(errors.Conflict) as caught:
            refunds.pay_by_hand(known.id, actor="operator:test", note="transfer 17")
        refused.append(caught.value.code)
        return 200, {"success": True}

    puppet.answers["cancel"] = slow
    turn(shop, attempt)
    assert refused == ["refund_under_way"]
    assert (refund(shop, attempt).status, refund(shop, attempt).note) == (RefundStatus.PAID, "")


def admin(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.admin", "refunds", *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_operator_lists_looks_retries_and_pays(coded_gateway: Simulator, shop: Shop) -> None:
    attempt = cancelled(coded_gateway, shop)
    turn(shop, attempt)
    known = refund(shop, attempt)
    listed = admin("list")
    assert listed.returncode == 0, listed.stderr
    assert f"{known.id}  DUE      order {attempt.order}  10000.00 KZT" in listed.stdout
    assert "401 3001" in admin("show", str(known.id)).stdout
    assert admin("retry", str(known.id)).returncode == 0
    assert refund(shop, attempt).attempts == 0
    done = admin("paid", str(known.id), "--note", "transfer 4711")
    assert (done.returncode, "PAID" in done.stdout) == (0, True)
    assert f"order {attempt.order}" not in admin("list").stdout
    assert f"order {attempt.order}" in admin("list", "--paid").stdout
    again = admin("paid", str(known.id), "--note", "transfer 4711")
    assert (again.returncode, again.stderr) == (1, "Этот возврат уже выплачен.\n")
    assert admin("show", "999999999").returncode == 1
    assert admin("paid", str(known.id)).returncode == 2


def test_a_reset_leaves_the_duty_to_pay_back(gateway: Simulator, shop: Shop) -> None:
    attempt = shop.initiate()
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert shop.anybody.post("/api/reset").status_code == 200
    assert shop.payment(attempt.order) == "REFUND_DUE"
    turn(shop, attempt)
    assert shop.payment(attempt.order) == "REFUNDED"
    assert gateway.payments()[attempt.order]["refunded"] == 2 * PRICE
    assert json.dumps(shop.ledger(attempt.order)).count("REFUND") == 4
