"""Differences with the payment gateway: seen, healed, listed, gone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from app.operations import differences, reconciling
from app.operations.models import Outcome, Part
from app.payments import gateway, refunds
from tests.integration.gateway import Puppet, Simulator, until
from tests.integration.reconciliation import compared, healed, listed, pass_time, sell
from tests.integration.shop import PRICE, Shop, for_nothing, pay_refunds, work, worked_until

pytestmark = pytest.mark.usefixtures("clean_differences")


def suspected(sql: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    found = sql.execute(
        "SELECT kind, subject FROM differences WHERE closed_at IS NULL AND listed_at IS NULL"
    )
    return {(row[0], row[1]) for row in found}


# The gateway.


def ask(shop: Shop, order: int) -> Outcome:
    """Compare the payments from this one on."""
    shop.sql.execute(
        """INSERT INTO reconciliations (part, position) VALUES ('gateway', %s)
           ON CONFLICT (part) DO UPDATE SET position = excluded.position""",
        [order - 1],
    )
    shop.sql.execute(
        "UPDATE payments SET created_at = created_at - interval '2 minutes' WHERE order_id = %s",
        [order],
    )
    return compared(Part.GATEWAY)


def assert_listed_then_gone(shop: Shop, order: int, kind: str, mend: Any) -> None:
    difference = (kind, str(order))
    ask(shop, order)
    assert difference in suspected(shop.sql)
    ask(shop, order)
    assert difference in suspected(shop.sql), "the gateway may repeat what is no longer so"
    pass_time(shop.sql)
    ask(shop, order)
    assert difference in listed()
    mend()
    ask(shop, order)
    assert difference not in listed() | suspected(shop.sql)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"status": "REJECTED"}, "payment_unpaid_there"),
        ({"status": "REFUNDED"}, "payment_unpaid_there"),
        ({"amount": 1}, "payment_of_other_sum"),
        ({"currency": "USD"}, "payment_of_other_sum"),
    ],
)
def test_what_is_sold_and_not_paid_there_is_listed(
    shop: Shop, puppet: Puppet, wrong: dict[str, Any], kind: str
) -> None:
    attempt = sell(shop, puppet)
    right = {"status": "AUTHORIZED", "amount": 2 * PRICE, "currency": "KZT"}
    assert ask(shop, attempt.order).found == 0
    puppet.change(**wrong)
    assert_listed_then_gone(shop, attempt.order, kind, lambda: puppet.change(**right))


def test_money_for_an_attempt_that_had_failed_is_owed_back(shop: Shop, puppet: Puppet) -> None:
    attempt = shop.initiate()
    puppet.change(status="REJECTED")
    shop.check_now(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "FAILED")
    puppet.change(status="AUTHORIZED")
    difference = ("payment_unclaimed", str(attempt.order))
    ask(shop, attempt.order)
    assert difference in suspected(shop.sql), "the gateway may repeat what is no longer so"
    assert shop.payment(attempt.order) == "FAILED"
    pass_time(shop.sql)
    assert ask(shop, attempt.order).healed == 1
    assert difference in healed()
    assert shop.payment(attempt.order) == "REFUND_DUE"
    assert shop.ledger(attempt.order) == for_nothing(2 * PRICE)


def paid_back(shop: Shop, order: int) -> bool:
    shop.sql.execute("UPDATE refunds SET try_at = now() WHERE order_id = %s", [order])
    pay_refunds()
    return shop.payment(order) == "REFUNDED"


def test_what_was_paid_back_there_and_is_not_any_more_is_listed(shop: Shop, puppet: Puppet) -> None:
    attempt = sell(shop, puppet)
    shop.buyer.cancel(attempt.booking)
    puppet.change(status="REFUNDED")
    until(lambda: paid_back(shop, attempt.order))
    assert ask(shop, attempt.order).found == 0
    puppet.change(status="CONFIRMED")
    assert_listed_then_gone(
        shop, attempt.order, "payment_not_returned", lambda: puppet.change(status="REFUNDED")
    )


def test_what_a_person_has_paid_back_is_no_difference(shop: Shop, puppet: Puppet) -> None:
    attempt = sell(shop, puppet)
    shop.buyer.cancel(attempt.booking)
    row = shop.sql.execute("SELECT id FROM refunds WHERE order_id = %s", [attempt.order]).fetchone()
    assert row is not None
    refunds.pay_by_hand(row[0], actor="operator:test", note="transfer 1")
    assert shop.payment(attempt.order) == "REFUNDED"
    assert ask(shop, attempt.order).found == 0


def test_a_voided_payment_that_was_paid_is_brought_to_a_worker(shop: Shop, puppet: Puppet) -> None:
    attempt = shop.initiate()
    shop.buyer.cancel(attempt.booking)
    puppet.change(status="AUTHORIZED")
    shop.sql.execute(
        "UPDATE payments SET check_due_at = now() + interval '1 day' WHERE order_id = %s",
        [attempt.order],
    )
    ask(shop, attempt.order)
    work()
    assert shop.payment(attempt.order) == "REFUND_DUE"
    ask(shop, attempt.order)
    assert ("payment_not_followed", str(attempt.order)) not in suspected(shop.sql)


def test_a_voided_payment_that_never_arrived_there_is_failed_after_a_day(
    shop: Shop, puppet: Puppet
) -> None:
    attempt = shop.initiate()
    shop.buyer.cancel(attempt.booking)
    puppet.payments.clear()
    assert ask(shop, attempt.order).found == 0
    shop.sql.execute(
        "UPDATE payments SET created_at = now() - interval '2 days' WHERE order_id = %s",
        [attempt.order],
    )
    ask(shop, attempt.order)
    pass_time(shop.sql)
    assert ask(shop, attempt.order).healed == 1
    assert shop.payment(attempt.order) == "FAILED"
    assert ("payment_unknown_there", str(attempt.order)) in healed()


def test_a_gateway_that_does_not_answer_closes_nothing_and_is_asked_again(
    shop: Shop, puppet: Puppet
) -> None:
    attempt = sell(shop, puppet)
    puppet.change(status="REJECTED")
    ask(shop, attempt.order)
    puppet.answers["check"] = (500, {})
    outcome = reconciling.compare(Part.GATEWAY)
    assert (outcome.examined, outcome.error) == (0, "PaymentCheck/check answered 500")
    assert ("payment_unpaid_there", str(attempt.order)) in suspected(shop.sql)
    (run,) = [run for run in differences.runs() if run[0] == "gateway"]
    assert run[4] == outcome.error
    del puppet.answers["check"]
    gateway.SERVICE.breaker.reset()
    pass_time(shop.sql)
    ask(shop, attempt.order)
    assert ("payment_unpaid_there", str(attempt.order)) in listed()


def test_what_the_gateway_says_as_coded_and_as_documented_is_no_difference(
    either_gateway: Simulator, shop: Shop
) -> None:
    sold, rejected = shop.initiate(), shop.initiate(event=shop.new_event())
    either_gateway.authorize(sold.order)
    either_gateway.reject(rejected.order)
    for attempt in (sold, rejected):
        shop.check_now(attempt.order)
    worked_until(lambda: shop.payment(sold.order) == "COMPLETED")
    worked_until(lambda: shop.payment(rejected.order) == "FAILED")
    outcome = ask(shop, sold.order)
    assert (outcome.examined, outcome.found) == (2, 0)


def test_only_so_many_are_asked_in_a_run_and_the_next_goes_on(
    shop: Shop, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.operations import gateway_check

    monkeypatch.setattr(gateway_check, "_A_RUN", 1)
    first = sell(shop, puppet)
    second = shop.initiate(event=shop.new_event())
    shop.sql.execute(
        "UPDATE payments SET created_at = created_at - interval '2 minutes' WHERE order_id = %s",
        [second.order],
    )
    puppet.asked.clear()
    ask(shop, first.order)
    compared(Part.GATEWAY)
    asked = [body["paymentId"] for body in puppet.bodies("check")]
    assert asked == list(puppet.payments)
    compared(Part.GATEWAY)
    row = shop.sql.execute("SELECT position FROM reconciliations WHERE part = 'gateway'").fetchone()
    assert row == (0,), "a new round"
