"""Differences with the gateway, the provider and between our tables: seen, healed, listed, gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import psycopg
import pytest

from app.kernel import errors
from app.operations import differences, reconciling
from app.operations.models import Outcome, Part
from app.payments import gateway, refunds
from tests.integration.gateway import Puppet, Simulator, configured, until
from tests.integration.hall import Hall
from tests.integration.shop import PRICE, Attempt, Shop, for_nothing, work, worked_until


@pytest.fixture(autouse=True)
def clean(app: Any, sql: psycopg.Connection[Any]) -> Iterator[None]:  # noqa: ARG001 - it comes first
    """No differences of earlier tests, and none that later ones would see."""
    sql.execute("TRUNCATE differences, reconciliations")
    yield
    sql.execute("TRUNCATE differences, reconciliations")


def listed() -> set[tuple[str, str]]:
    """What waits for a person."""
    return {(one.kind, one.subject) for one in differences.listed()}


def healed() -> set[tuple[str, str]]:
    return {(one.kind, one.subject) for one in differences.history() if one.healed_at}


def suspected(sql: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    found = sql.execute(
        "SELECT kind, subject FROM differences WHERE closed_at IS NULL AND listed_at IS NULL"
    )
    return {(row[0], row[1]) for row in found}


def pass_time(sql: psycopg.Connection[Any]) -> None:
    """Let all that was seen have been seen some time ago."""
    sql.execute("UPDATE differences SET first_seen = first_seen - interval '10 minutes'")


def compared(part: Part) -> Outcome:
    outcome = reconciling.compare(part)
    assert outcome.error == ""
    return outcome


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


def sell(shop: Shop, puppet: Puppet) -> Attempt:
    """A paid booking."""
    attempt = shop.initiate()
    puppet.change(status="AUTHORIZED")
    shop.check_now(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    return attempt


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
    refunds.pay_due()
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


# The provider.


@pytest.fixture
def alone(hall: Hall) -> Hall:
    """A hall whose places no other event has."""
    hall.sql.execute("UPDATE seats SET external_id = NULL WHERE event_id <> %s", [hall.event.id])
    return hall


def seat(hall: Hall, number: int) -> tuple[str, str | None]:
    query = "SELECT status::text, holder_kind::text FROM seats WHERE id = %s"
    row = hall.sql.execute(query, [hall.event.seats[number]]).fetchone()
    assert row is not None
    return row[0], row[1]


def compared_twice(hall: Hall, part: Part) -> Outcome:
    compared(part)
    pass_time(hall.sql)
    return compared(part)


def test_nothing_differs_after_a_sale(alone: Hall) -> None:
    booking = alone.reserve(0, 1)
    order = alone.pay_soon(booking)
    assert compared(Part.PLACES).examined == 200
    alone.gateway.authorize(order)
    alone.until(lambda: alone.booking(booking) == "CONFIRMED")
    alone.provider.await_rest()
    for part in (Part.PLACES, Part.ORDERS):
        assert compared(part).found == 0


def test_a_place_that_somebody_else_has_is_sold_here_and_free_again_when_it_is_there(
    alone: Hall,
) -> None:
    _, (place,) = alone.provider.holding(3)
    until(lambda: not alone.provider.is_free(place))
    outcome = compared(Part.PLACES)
    assert (outcome.found, outcome.healed) == (1, 1)
    assert seat(alone, 3) == ("SOLD", "PROVIDER")
    subject = str(alone.event.seats[3])
    assert ("seat_sold_elsewhere", subject) in healed()
    assert compared(Part.PLACES).found == 0
    alone.provider.release(place)
    until(lambda: alone.provider.is_free(place))
    assert compared(Part.PLACES).healed == 0
    assert seat(alone, 3) == ("SOLD", "PROVIDER")
    pass_time(alone.sql)
    assert compared(Part.PLACES).healed == 1
    assert seat(alone, 3) == ("FREE", None)
    assert ("seat_free_elsewhere", subject) in healed()
    assert listed() == set()


def test_a_seat_that_a_buyer_holds_is_left_to_him(alone: Hall) -> None:
    alone.reserve(3)
    _, (place,) = alone.provider.holding(3)
    until(lambda: not alone.provider.is_free(place))
    assert compared(Part.PLACES).found == 0
    assert seat(alone, 3) == ("RESERVED", "BOOKING")


def test_a_place_that_is_ours_and_free_there_is_listed_until_it_is_taken(alone: Hall) -> None:
    booking = alone.reserve(0, 1)
    alone.pay_soon(booking)
    (place,) = alone.place_ids(0)
    row = alone.sql.execute(
        "SELECT order_id::text FROM provider_orders WHERE booking_id = %s", [booking]
    ).fetchone()
    assert row is not None
    assert alone.provider.release(place) == 204
    until(lambda: alone.provider.is_free(place))
    alone.provider.await_count(row[0], 1)
    compared(Part.PLACES)
    compared(Part.ORDERS)
    assert listed() == set(), "it may be on its way"
    pass_time(alone.sql)
    compared(Part.PLACES)
    compared(Part.ORDERS)
    assert listed() == {("place_not_ours", place), ("order_places", str(booking))}
    assert alone.provider.select(place, row[0]) == 204
    until(lambda: not alone.provider.is_free(place))
    alone.provider.await_count(row[0], 2)
    compared(Part.PLACES)
    compared(Part.ORDERS)
    assert listed() == set()


def test_what_changes_between_two_looks_is_suspected_anew(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    (place,) = alone.place_ids(0)
    assert alone.provider.release(place) == 204
    until(lambda: alone.provider.is_free(place))
    compared(Part.PLACES)
    pass_time(alone.sql)
    alone.sql.execute("UPDATE provider_places SET changed_at = clock_timestamp()")
    compared(Part.PLACES)
    assert listed() == set()
    pass_time(alone.sql)
    compared(Part.PLACES)
    assert listed() == {("place_not_ours", place)}


def test_a_place_that_was_given_back_and_is_taken_there_is_listed(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    assert alone.buyer.cancel(booking).status_code == 200
    alone.until(lambda: alone.order(booking) == "RETURNED" and not alone.theirs())
    (place,) = alone.place_ids(0)
    until(lambda: alone.provider.is_free(place))
    assert compared(Part.PLACES).found == 0
    alone.provider.holding(0)
    until(lambda: not alone.provider.is_free(place))
    compared_twice(alone, Part.PLACES)
    assert seat(alone, 0) == ("FREE", None)
    assert listed() == {("place_not_freed", place)}
    alone.provider.release(place)
    until(lambda: alone.provider.is_free(place))
    compared(Part.PLACES)
    assert listed() == set()


def test_an_order_that_went_on_without_us_is_listed(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    row = alone.sql.execute(
        "SELECT order_id::text FROM provider_orders WHERE booking_id = %s", [booking]
    ).fetchone()
    assert row is not None
    assert compared(Part.ORDERS).found == 0
    assert alone.provider.change(row[0], "submit") == 200
    until(lambda: alone.provider.order(row[0])["status"] == "SUBMITTED")
    compared_twice(alone, Part.ORDERS)
    assert listed() == {("order_status", str(booking))}


def test_an_order_that_the_provider_has_lost_is_listed(alone: Hall) -> None:
    booking = alone.reserve(0)
    order = alone.pay_soon(booking)
    alone.gateway.authorize(order)
    alone.until(lambda: alone.booking(booking) == "CONFIRMED")
    alone.provider.start_over()
    compared_twice(alone, Part.ORDERS)
    compared_twice(alone, Part.PLACES)
    (place,) = alone.place_ids(0)
    assert listed() == {("order_status", str(booking)), ("place_not_ours", place)}


def test_a_provider_that_does_not_answer_closes_nothing(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    (place,) = alone.place_ids(0)
    assert alone.provider.release(place) == 204
    until(lambda: alone.provider.is_free(place))
    compared_twice(alone, Part.PLACES)
    alone.provider.turn(places={"fail": {"chance": 1}})
    outcome = reconciling.compare(Part.PLACES)
    assert "places answered 503" in outcome.error
    assert listed() == {("place_not_ours", place)}


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
