"""What the workers could not do: one list of it, a look at all of it, another try."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.kernel import errors
from app.operations import service
from app.operations.models import WorkKind
from tests.conftest import Caller
from tests.integration.gateway import Puppet, Simulator
from tests.integration.hall import Hall
from tests.integration.shop import PRICE, Attempt, Shop, worked_until

WORK = "/api/operator/work"


@pytest.fixture
def operator(new_user: Callable[..., Caller]) -> Caller:
    """An account with the role."""
    return new_user(roles=["admin"])


def one(sql: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    row = sql.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def cancelled(shop: Shop, puppet: Puppet) -> tuple[Attempt, int]:
    """A booking that was paid and cancelled, and its refund."""
    attempt = shop.initiate()
    puppet.change(status="AUTHORIZED")
    shop.check_now(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    return attempt, one(shop.sql, "SELECT id FROM refunds WHERE order_id = %s", attempt.order)


def dead_message(sql: psycopg.Connection[Any]) -> int:
    return one(
        sql,
        """INSERT INTO outbox (topic, key, payload, attempts, last_error, dead_at)
           VALUES ('test.poison', '77', %s, 8, 'KeyError: it', now()) RETURNING id""",
        Jsonb({"booking_id": 77}),
    )


def stuck_order(sql: psycopg.Connection[Any], **columns: Any) -> int:
    """An order that gives a place back in vain, of a booking that is long gone."""
    values = {"status": "RETURNING", "attempts": 8, "last_error": "release answered 500"} | columns
    booking = one(sql, "SELECT nextval(pg_get_serial_sequence('bookings', 'id'))")
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    sql.execute(
        f"""INSERT INTO provider_orders (booking_id, event_id, order_id, {names})
            VALUES (%s, 1, %s, {marks})""",
        [booking, uuid.uuid4(), *values.values()],
    )
    return booking


def listed(kind: str) -> set[int]:
    return {work.id for work in service.list_work().items if work.kind == kind}


@pytest.mark.parametrize("status", ["STUCK", "UNCLEAR"])
def test_a_refund_that_cannot_be_paid_is_listed(shop: Shop, puppet: Puppet, status: str) -> None:
    attempt, refund = cancelled(shop, puppet)
    assert refund not in listed("refund")
    shop.sql.execute(
        "UPDATE refunds SET status = %s, attempts = 9, last_error = 'no' WHERE id = %s",
        [status, refund],
    )
    (work,) = [
        work for work in service.list_work().items if (work.kind, work.id) == ("refund", refund)
    ]
    assert (work.status, work.attempts, work.last_error) == (status, 9, "no")
    assert (work.booking_id, work.amount_minor, work.currency) == (
        attempt.booking,
        2 * PRICE,
        "KZT",
    )
    assert (work.next_try is None) == (status == "UNCLEAR")


def test_a_stuck_refund_is_tried_again_and_an_unclear_one_is_not(
    shop: Shop, puppet: Puppet
) -> None:
    _, refund = cancelled(shop, puppet)
    change = """
        UPDATE refunds SET status = %s, attempts = 9, try_at = now() + interval '1 h' WHERE id = %s
    """
    shop.sql.execute(change, ["STUCK", refund])
    service.retry(WorkKind.REFUND, refund, actor="operator:1")
    query = "SELECT status || attempts || (try_at <= now()) FROM refunds WHERE id = %s"
    assert one(shop.sql, query, refund) == "DUE0true"
    query = "SELECT actor FROM audit_log WHERE action = 'refund.retried' AND entity_id = %s"
    assert one(shop.sql, query, refund) == "operator:1"
    shop.sql.execute(change, ["UNCLEAR", refund])
    with pytest.raises(errors.Conflict) as refused:
        service.retry(WorkKind.REFUND, refund, actor="operator:1")
    assert refused.value.code == "refund_unclear"
    shop.sql.execute("UPDATE refunds SET status = 'DUE' WHERE id = %s", [refund])


def test_a_dead_message_is_listed_until_it_is_tried_again(
    app: Any, sql: psycopg.Connection[Any]
) -> None:
    del app
    message = dead_message(sql)
    assert message in listed("message")
    assert service.count_work()[WorkKind.MESSAGE] >= 1
    assert service.inspect(WorkKind.MESSAGE, message).row["last_error"] == "KeyError: it"
    service.retry(WorkKind.MESSAGE, message, actor="operator:1")
    assert message not in listed("message")
    assert one(sql, "SELECT attempts FROM outbox WHERE id = %s", message) == 0


@pytest.mark.parametrize(
    ("columns", "minutes", "is_stuck"),
    [
        ({}, 0, True),
        ({"attempts": 7}, 0, False),
        ({"attempts": 0}, 11, True),
        ({"attempts": 0}, 9, False),
        ({"status": "HELD"}, 11, False),
        ({"status": "CONFIRMED"}, 11, False),
        ({"status": "WANTED", "attempts": 0}, 11, False),
        ({"status": "WANTED", "attempts": 0, "asked_at": "now"}, 11, True),
    ],
)
def test_an_order_waits_for_a_person_after_tries_or_minutes(
    app: Any, sql: psycopg.Connection[Any], columns: dict[str, Any], minutes: int, is_stuck: bool
) -> None:
    del app
    booking = stuck_order(sql, **columns)
    sql.execute(
        """UPDATE provider_orders SET changed_at = now() - %s * interval '1 minute'
           WHERE booking_id = %s""",
        [minutes, booking],
    )
    assert (booking in listed("order")) == is_stuck
    sql.execute("DELETE FROM provider_orders WHERE booking_id = %s", [booking])


def test_an_order_is_due_at_once_for_whoever_retries_it(
    app: Any, sql: psycopg.Connection[Any]
) -> None:
    del app
    booking = stuck_order(sql)
    service.retry(WorkKind.ORDER, booking, actor="operator:1")
    query = "SELECT attempts || (due_at <= now())::text FROM provider_orders WHERE booking_id = %s"
    assert one(sql, query, booking) == "0true"
    sql.execute("UPDATE provider_orders SET status = 'RETURNED' WHERE booking_id = %s", [booking])
    with pytest.raises(errors.Conflict):
        service.retry(WorkKind.ORDER, booking, actor="operator:1")
    sql.execute("DELETE FROM provider_orders WHERE booking_id = %s", [booking])
    with pytest.raises(errors.NotFound):
        service.retry(WorkKind.ORDER, booking, actor="operator:1")


def test_an_order_that_the_provider_refuses_for_long_is_listed_and_done_when_it_is_mended(
    hall: Hall,
) -> None:
    booking = hall.reserve(0)
    hall.pay_soon(booking)
    hall.provider.turn(release={"fail": {"chance": 1}})
    assert hall.buyer.cancel(booking).status_code == 200

    def refused() -> bool:
        hall.sql.execute("UPDATE provider_orders SET due_at = now()")
        return booking in listed("order")

    hall.until(refused, 30)
    item = service.inspect(WorkKind.ORDER, booking)
    assert item.row["last_error"]
    assert [place["seat_id"] for place in item.records["places"]] == [hall.event.seats[0]]
    hall.provider.turn(release={"fail": {"chance": 0}})
    service.retry(WorkKind.ORDER, booking, actor="operator:1")
    hall.until(lambda: hall.order(booking) == "RETURNED")
    assert booking not in listed("order")


def test_a_payment_that_is_not_decided_for_long_is_listed(shop: Shop, gateway: Simulator) -> None:
    attempt = shop.initiate()
    gateway.authorize(attempt.order)
    gateway.turn(confirm={"fail": {"chance": 1}})
    shop.check_now(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "ACCEPTED")
    assert attempt.order not in listed("payment")
    shop.sql.execute(
        "UPDATE payments SET changed_at = now() - interval '11 min' WHERE order_id = %s",
        [attempt.order],
    )
    assert attempt.order in listed("payment")
    gateway.behave()
    service.retry(WorkKind.PAYMENT, attempt.order, actor="operator:1")
    worked_until(lambda: shop.payment(attempt.order) == "COMPLETED")
    assert attempt.order not in listed("payment")
    with pytest.raises(errors.Conflict):
        service.retry(WorkKind.PAYMENT, attempt.order, actor="operator:1")


def test_a_payment_that_failed_eight_times_is_listed(shop: Shop, gateway: Simulator) -> None:
    del gateway
    attempt = shop.initiate()
    change = "UPDATE payments SET attempts = %s WHERE order_id = %s"
    shop.sql.execute(change, [7, attempt.order])
    assert attempt.order not in listed("payment")
    shop.sql.execute(change, [8, attempt.order])
    assert attempt.order in listed("payment")
    shop.sql.execute(change, [0, attempt.order])


def test_an_operator_does_all_of_it_by_http(shop: Shop, puppet: Puppet, operator: Caller) -> None:
    attempt, refund = cancelled(shop, puppet)
    shop.sql.execute("UPDATE refunds SET status = 'STUCK' WHERE id = %s", [refund])
    answer = operator.get(WORK)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json["counts"]["refund"] >= 1
    assert refund in [item["id"] for item in answer.json["items"] if item["kind"] == "refund"]
    item = operator.get(f"{WORK}/item", kind="refund", id=refund).json
    assert item["row"]["amount_minor"] == 2 * PRICE
    records = item["records"]
    assert [row["id"] for row in records["refunds"]] == [refund]
    assert {row["kind"] for row in records["ledger"]} == {"CHARGE", "REFUND_DUE"}
    assert {(row["row"], row["number"]) for row in records["ledger"]} == {(1, 1), (1, 2)}
    assert records["payments"][0]["order_id"] == attempt.order
    done = operator.post(f"{WORK}/retry", kind="refund", id=refund)
    assert (done.status_code, done.json["message"]) == (200, "Будет повторено сейчас")
    query = "SELECT actor FROM audit_log WHERE action = 'refund.retried' AND entity_id = %s"
    assert one(shop.sql, query, refund) == f"operator:{operator.user_id}"


def test_what_is_not_there_is_404_and_what_cannot_be_is_400(operator: Caller) -> None:
    for kind in WorkKind:
        assert operator.get(f"{WORK}/item", kind=kind, id=2**62).status_code == 404
        assert operator.post(f"{WORK}/retry", kind=kind, id=2**62).status_code == 404
    assert operator.get(f"{WORK}/item", kind="seat", id=1).status_code == 400
    assert operator.post(f"{WORK}/retry", kind="order", id="1").status_code == 400


def test_others_are_refused(anybody: Caller, buyer: Caller) -> None:
    for caller, status in ((anybody, 401), (buyer, 403)):
        assert caller.get(WORK).status_code == status
        assert caller.get(f"{WORK}/item", kind="order", id=1).status_code == status
        assert caller.post(f"{WORK}/retry", kind="order", id=1).status_code == status


def admin(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.admin", *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_operator_does_all_of_it_at_a_terminal(app: Any, sql: psycopg.Connection[Any]) -> None:
    del app
    message, booking = dead_message(sql), stuck_order(sql)
    found = admin("work", "list")
    assert found.returncode == 0, found.stderr
    assert f"message  {message}  DEAD" in found.stdout
    assert f"order    {booking}  RETURNING" in found.stdout
    assert "release answered 500" in found.stdout
    shown = admin("work", "show", "message", str(message))
    assert "KeyError: it" in shown.stdout
    assert admin("work", "retry", "order", str(booking)).returncode == 0
    assert f"order    {booking}" not in admin("work", "list").stdout
    assert admin("work", "discard", str(message)).returncode == 2
    assert admin("work", "discard", str(message), "--note", "a test").returncode == 0
    gone = admin("work", "show", "message", str(message))
    assert (gone.returncode, gone.stderr) == (1, f"Такого (message {message}) нет.\n")
    assert admin("work", "show", "seat", "1").returncode == 2
    sql.execute("DELETE FROM provider_orders WHERE booking_id = %s", [booking])
