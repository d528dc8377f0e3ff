"""Refunds of the same money at once. Each promise has a control that goes wrong without the guard.

Two guards stand behind each other: the locks of the application, which make the second request find
what the first has done, and those of the database, which refuse what the locks have let through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import gevent
import psycopg
import pytest

from app.bookings import queries as bookings
from app.bookings import refund_queries as lines
from app.payments import queries as payments
from tests.integration.gateway import Puppet, until
from tests.integration.shop import PRICE, Attempt, Shop, forget, pay_refunds, worked_until
from tests.races.line import LINE_UP, Line
from tests.races.test_seats import at_once

LOCK = "FOR NO KEY UPDATE"


def paid(puppet: Puppet, shop: Shop, seats: int) -> tuple[Attempt, list[int]]:
    """A paid booking of the shop's buyer for an event of its own, and its seats."""
    event = shop.new_event()
    attempt = shop.initiate(event=event, seats=seats)
    puppet.change(status="AUTHORIZED")
    shop.check_now(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    return attempt, event.seats[:seats]


def give_back(shop: Shop, attempt: Attempt, *seats: int) -> Any:
    return shop.buyer.post("/api/bookings/refund", booking_id=attempt.booking, seat_ids=[*seats])


def owed(shop: Shop, attempt: Attempt) -> list[int]:
    """The sums of the refunds of an order."""
    rows = shop.sql.execute(
        "SELECT amount_minor FROM refunds WHERE order_id = %s ORDER BY id", [attempt.order]
    ).fetchall()
    return [row[0] for row in rows]


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving back without any lock."""
    for module, names in (
        (bookings, ("_LOCK", "_LINES")),
        (payments, ("_OF_BOOKING",)),
        (lines, ("_PAID_LINES",)),
    ):
        for name in names:
            statement = getattr(module, name)
            assert LOCK in statement
            monkeypatch.setattr(module, name, statement.split(LOCK)[0])


@pytest.fixture
def all_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving back lined up before anybody has done anything."""
    lined_up = lines._PAID_LINES.replace("AND l.seat_id", LINE_UP + "AND l.seat_id")
    assert lined_up != lines._PAID_LINES
    monkeypatch.setattr(lines, "_PAID_LINES", lined_up)


def test_one_seat_given_back_five_times_at_once_is_one_refund(puppet: Puppet, shop: Shop) -> None:
    for _ in range(5):
        attempt, seats = paid(puppet, shop, 2)
        answers = at_once(*[partial(give_back, shop, attempt, seats[0])] * 5)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert owed(shop, attempt) == [PRICE]
        assert shop.booking(attempt.booking) == "CONFIRMED"
    assert shop.unbalanced() == []


@pytest.mark.usefixtures("without_locks", "all_read_the_same")
def test_without_locks_the_database_refuses_the_second_refund(
    puppet: Puppet, shop: Shop, line: Line
) -> None:
    attempt, seats = paid(puppet, shop, 2)
    gevent.spawn(line.let_go_when, 5)
    answers = at_once(*[partial(give_back, shop, attempt, seats[0])] * 5)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 4}
    assert {one.json["code"] for one in answers if one.status_code == 409} == {"already_refunded"}
    assert owed(shop, attempt) == [PRICE]
    assert shop.unbalanced() == []


@contextmanager
def without_the_databases_guard(shop: Shop, attempt: Attempt) -> Iterator[None]:
    """The ledger as a table that takes anything."""
    shop.sql.execute(
        """ALTER TABLE ledger DROP CONSTRAINT ledger_once;
        ALTER TABLE ledger DISABLE TRIGGER ledger_guard"""
    )
    try:
        yield
    finally:
        forget(shop, attempt)
        shop.sql.execute(
            """ALTER TABLE ledger ENABLE TRIGGER ledger_guard;
            ALTER TABLE ledger ADD CONSTRAINT ledger_once
                UNIQUE NULLS NOT DISTINCT (order_id, line_id, kind)"""
        )


@pytest.mark.usefixtures("without_locks", "all_read_the_same")
def test_control_without_any_guard_one_seat_is_refunded_twice(
    puppet: Puppet, shop: Shop, line: Line
) -> None:
    attempt, seats = paid(puppet, shop, 2)
    with without_the_databases_guard(shop, attempt):
        gevent.spawn(line.let_go_when, 5)
        answers = at_once(*[partial(give_back, shop, attempt, seats[0])] * 5)
        assert {answer.status_code for answer in answers} == {200}
        assert owed(shop, attempt) == [PRICE] * 5
        assert shop.unbalanced() != []


def test_the_last_two_seats_given_back_at_once_cancel_the_booking(
    puppet: Puppet, shop: Shop
) -> None:
    for _ in range(5):
        attempt, seats = paid(puppet, shop, 2)
        answers = at_once(*(partial(give_back, shop, attempt, seat) for seat in seats))
        assert [answer.status_code for answer in answers] == [200, 200]
        assert shop.booking(attempt.booking) == "CANCELLED"
        assert shop.payment(attempt.order) == "REFUND_DUE"
        assert owed(shop, attempt) == [PRICE, PRICE]
        assert shop.topics(attempt.booking).count("booking.cancelled") == 1
    assert shop.unbalanced() == []


@pytest.mark.usefixtures("without_locks")
def test_control_without_locks_neither_of_the_last_two_is_the_last(
    puppet: Puppet, shop: Shop, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both have given their seat back before either of them commits.
    monkeypatch.setattr(lines, "_HAS_SOLD", lines._HAS_SOLD + LINE_UP)
    attempt, seats = paid(puppet, shop, 2)
    with without_the_databases_guard(shop, attempt):
        gevent.spawn(line.let_go_when, 2)
        at_once(*(partial(give_back, shop, attempt, seat) for seat in seats))
        assert shop.booking(attempt.booking) == "CONFIRMED"
        assert shop.buyer.bookings() == {attempt.booking: []}


def test_giving_back_against_cancelling_owes_each_seat_once(puppet: Puppet, shop: Shop) -> None:
    for _ in range(10):
        attempt, seats = paid(puppet, shop, 3)
        refunded, cancelled = at_once(
            partial(give_back, shop, attempt, seats[1]),
            partial(shop.buyer.cancel, attempt.booking),
        )
        assert cancelled.status_code == 200
        assert refunded.status_code in (200, 409)
        assert sum(owed(shop, attempt)) == 3 * PRICE
        assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.unbalanced() == []


def is_paid_back(shop: Shop, attempt: Attempt) -> bool:
    """Whether a worker's turns have come to an end with an order."""
    shop.sql.execute(
        "UPDATE refunds SET try_at = now() WHERE order_id = %s AND status = 'DUE'", [attempt.order]
    )
    pay_refunds()
    return shop.payment(attempt.order) == "REFUNDED"


def test_giving_back_against_paying_back_leaves_the_payment_in_the_right_state(
    puppet: Puppet, shop: Shop
) -> None:
    puppet.answers["cancel"] = (200, {"success": True})
    shop.sql.execute("UPDATE refunds SET try_at = now() + interval '1 year' WHERE status <> 'PAID'")
    for _ in range(10):
        attempt, seats = paid(puppet, shop, 2)
        give_back(shop, attempt, seats[0])
        shop.sql.execute("UPDATE refunds SET try_at = now() WHERE order_id = %s", [attempt.order])
        at_once(partial(give_back, shop, attempt, seats[1]), pay_refunds)
        until(partial(is_paid_back, shop, attempt))
    assert shop.unbalanced() == []


def enter(sql: psycopg.Connection[Any], kind: str, order: int, line: int, amount: int) -> None:
    sql.execute(
        """INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
           SELECT %s, p.order_id, %s, %s, 'KZT', max(r.id) FILTER (WHERE %s <> 'FEE')
           FROM payments p JOIN refunds r USING (order_id) WHERE p.order_id = %s
           GROUP BY p.order_id""",
        [kind, line, amount, kind, order],
    )


def both_in_a_row(shop: Shop, attempt: Attempt, database_url: str) -> str:
    """Two transactions enter what fits alone and not together; returns what the second was told."""
    line = shop.sql.execute(
        """SELECT line_id FROM ledger WHERE order_id = %s GROUP BY line_id
           HAVING count(*) = 1""",
        [attempt.order],
    ).fetchone()
    assert line is not None
    with psycopg.connect(database_url) as first:
        enter(first, "REFUND_DUE", attempt.order, line[0], PRICE)

        def second() -> str:
            try:
                with psycopg.connect(database_url) as connection:
                    enter(connection, "FEE", attempt.order, line[0], 1)
            except psycopg.errors.CheckViolation as refused:
                return str(refused.diag.constraint_name)
            return "taken"

        waiting = gevent.get_hub().threadpool.spawn(second)
        waiting.wait(0.3)  # Whoever is kept out by a lock is still waiting then.
        first.commit()
    return str(waiting.get())


def test_the_databases_guard_holds_for_two_transactions_that_each_fit(
    puppet: Puppet, shop: Shop, database_url: str
) -> None:
    attempt, seats = paid(puppet, shop, 2)
    give_back(shop, attempt, seats[0])
    assert both_in_a_row(shop, attempt, database_url) == "ledger_not_more_than_came"
    forget(shop, attempt)  # What was entered past the application has no refund.


def test_control_the_databases_guard_without_its_lock_lets_both_through(
    puppet: Puppet, shop: Shop, database_url: str
) -> None:
    found = shop.sql.execute("SELECT pg_get_functiondef('guard_ledger'::regproc)").fetchone()
    assert found is not None
    assert LOCK in found[0]
    attempt, seats = paid(puppet, shop, 2)
    give_back(shop, attempt, seats[0])
    shop.sql.execute(found[0].replace(LOCK, ""))
    try:
        assert both_in_a_row(shop, attempt, database_url) == "taken"
    finally:
        shop.sql.execute(found[0])
    assert shop.unbalanced() != []
    forget(shop, attempt)
