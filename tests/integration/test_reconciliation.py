"""Differences between our own tables: seen, listed, gone; and the run that looks for all."""

from __future__ import annotations

from typing import Any

import gevent
import psycopg
import pytest

from app.kernel import errors
from app.operations import differences, reconciling
from app.operations.models import Part
from tests.integration.gateway import Puppet, configured
from tests.integration.reconciliation import compared, listed, sell
from tests.integration.shop import Shop

pytestmark = pytest.mark.usefixtures("clean_differences")


# Our own tables. Each case: what breaks it, what mends it, what is found, and of which id.

CASES = {
    "seat_without_line": (
        "UPDATE booking_lines SET status = 'CANCELLED' WHERE id = %(line)s",
        "UPDATE booking_lines SET status = 'SOLD' WHERE id = %(line)s",
        "seat",
    ),
    "line_without_seat": (
        "UPDATE seats SET holder_id = holder_id + 1 WHERE id = %(seat)s",
        "UPDATE seats SET holder_id = holder_id - 1 WHERE id = %(seat)s",
        "line",
    ),
    "line_unpaid": (
        "UPDATE payments SET line_ids = '{}' WHERE order_id = %(order)s",
        """UPDATE payments SET line_ids = ARRAY(
               SELECT id FROM booking_lines WHERE booking_id = %(booking)s ORDER BY id)
           WHERE order_id = %(order)s""",
        "line",
    ),
    "seat_not_bought": (
        "UPDATE seats SET external_id = gen_random_uuid() WHERE id = %(seat)s",
        "UPDATE seats SET external_id = NULL WHERE id = %(seat)s",
        "seat",
    ),
    "payment_unbalanced": (
        "UPDATE booking_lines SET unit_price_minor = unit_price_minor + 1 WHERE id = %(line)s",
        "UPDATE booking_lines SET unit_price_minor = unit_price_minor - 1 WHERE id = %(line)s",
        "order",
    ),
    "booking_without_payment": (
        "UPDATE bookings SET status = 'CONFIRMING' WHERE id = %(booking)s",
        "UPDATE bookings SET status = 'CONFIRMED' WHERE id = %(booking)s",
        "booking",
    ),
    "payment_without_booking": (
        "UPDATE payments SET status = 'CAPTURED' WHERE order_id = %(order)s",
        "UPDATE payments SET status = 'COMPLETED' WHERE order_id = %(order)s",
        "order",
    ),
    "order_without_booking": (
        """INSERT INTO provider_orders (booking_id, event_id, status, changed_at)
           VALUES (%(booking)s, 1, 'HELD', now() - interval '2 minutes')""",
        "DELETE FROM provider_orders WHERE booking_id = %(booking)s",
        "booking",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_tables_that_disagree_are_listed_until_they_agree(
    shop: Shop, puppet: Puppet, kind: str
) -> None:
    attempt = sell(shop, puppet)
    ids: dict[str, Any] = {
        "booking": attempt.booking, "order": attempt.order, "seat": shop.event.seats[0],
    }  # fmt: skip
    ids["line"] = shop.sql.execute(
        "SELECT id FROM booking_lines WHERE seat_id = %(seat)s", ids
    ).fetchone()[0]  # type: ignore[index]
    broken, mended, subject = CASES[kind]
    difference = (kind, str(ids[subject]))
    compared(Part.OWN)
    assert difference not in listed()
    shop.sql.execute(broken, ids)
    try:
        compared(Part.OWN)
        assert difference in listed()
        compared(Part.OWN)
        assert sum((one.kind, one.subject) == difference for one in differences.listed()) == 1
    finally:
        shop.sql.execute(mended, ids)
    compared(Part.OWN)
    assert difference not in listed()
    assert difference in {(one.kind, one.subject) for one in differences.history()}


def test_a_refund_of_another_sum_than_the_ledger_has_is_listed(shop: Shop, puppet: Puppet) -> None:
    attempt = sell(shop, puppet)
    shop.buyer.cancel(attempt.booking)
    change = "UPDATE refunds SET amount_minor = amount_minor + %s WHERE order_id = %s RETURNING id"
    (refund,) = shop.sql.execute(change, [1, attempt.order]).fetchone()  # type: ignore[misc]
    compared(Part.OWN)
    assert ("refund_not_in_ledger", str(refund)) in listed()
    shop.sql.execute(change, [-1, attempt.order])
    compared(Part.OWN)
    assert ("refund_not_in_ledger", str(refund)) not in listed()


def test_what_a_person_has_resolved_comes_back_only_when_it_changes(
    shop: Shop, puppet: Puppet
) -> None:
    attempt = sell(shop, puppet)
    raise_price = """
        UPDATE booking_lines SET unit_price_minor = unit_price_minor + %s WHERE booking_id = %s
    """
    shop.sql.execute(raise_price, [1, attempt.booking])
    compared(Part.OWN)
    (one,) = [one for one in differences.listed() if one.subject == str(attempt.order)]
    differences.resolve(one.id, actor="operator:test", note="known")
    compared(Part.OWN)
    assert one.subject not in {subject for _, subject in listed()}
    (known,) = [known for known in differences.history() if known.id == one.id]
    assert (known.resolved_by, known.note) == ("operator:test", "known")
    with pytest.raises(errors.NotFound):
        differences.resolve(one.id, actor="operator:test", note="again")
    shop.sql.execute(raise_price, [1, attempt.booking])
    compared(Part.OWN)
    assert one.subject in {subject for _, subject in listed()}
    shop.sql.execute(raise_price, [-2, attempt.booking])


# The run.


def test_one_process_reconciles_at_a_time(app: Any) -> None:
    del app
    with configured(PAYMENT_GATEWAY_URL="", EVENT_PROVIDER_URL=""):
        with reconciling._alone(), pytest.raises(errors.Conflict):
            reconciling.run()
        assert [outcome.part for outcome in reconciling.run()] == list(Part)


def test_of_several_workers_one_reconciles_in_a_while(sql: psycopg.Connection[Any]) -> None:
    with configured(PAYMENT_GATEWAY_URL="", EVENT_PROVIDER_URL=""):
        workers = [gevent.spawn(reconciling.run_due) for _ in range(3)]
        gevent.joinall(workers, raise_error=True)
        before = differences.runs()
        assert len(before) == len(Part)
        reconciling.run_due()
        assert differences.runs() == before
        sql.execute("UPDATE reconciliations SET started_at = started_at - interval '5 minutes'")
        reconciling.run_due()
        assert differences.runs() != before
