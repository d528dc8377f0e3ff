"""A small shop: an event, a buyer, and what the database says about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.conftest import Caller, Event
from tests.integration.gateway import until

PRICE = 500_000


def for_nothing(amount: int) -> list[tuple[str, bool, int]]:
    """What the ledger says of money that came and bought nothing: it is owed back."""
    return [("CHARGE", False, amount), ("REFUND_DUE", False, amount)]


class Attempt(NamedTuple):
    """A booking whose payment was initiated."""

    booking: int
    order: int
    location: str


@dataclass
class Records:
    """What the database says, read past the application."""

    sql: psycopg.Connection[Any]

    def booking(self, booking: int) -> str:
        return self._all("SELECT status FROM bookings WHERE id = %s", booking)[0][0]

    def seats(self, event: Event) -> dict[str, int]:
        return Counter(
            row[0] for row in self._all("SELECT status FROM seats WHERE event_id = %s", event.id)
        )

    def payments(self, booking: int) -> list[str]:
        query = "SELECT status FROM payments WHERE booking_id = %s ORDER BY created_at"
        return [row[0] for row in self._all(query, booking)]

    def orders(self, booking: int) -> list[int]:
        query = "SELECT order_id FROM payments WHERE booking_id = %s ORDER BY created_at"
        return [row[0] for row in self._all(query, booking)]

    def payment(self, order: int) -> str:
        return self._all("SELECT status FROM payments WHERE order_id = %s", order)[0][0]

    def ledger(self, order: int) -> list[tuple[str, bool, int]]:
        """Kind, whether it is about one line, and the sum."""
        return self._all(
            """SELECT kind, line_id IS NOT NULL, amount_minor FROM ledger
               WHERE order_id = %s ORDER BY id""",
            order,
        )

    def topics(self, booking: int) -> list[str]:
        query = "SELECT topic FROM outbox WHERE key = %s ORDER BY id"
        return [row[0] for row in self._all(query, str(booking))]

    def unsound(self, event: Event) -> list[tuple[Any, ...]]:
        """Seats of the event that are sold without a confirmed booking and completed payment."""
        return self._all(
            """SELECT s.id, b.status, p.status FROM seats s
               LEFT JOIN bookings b ON b.id = s.holder_id
               LEFT JOIN booking_lines l
                   ON l.booking_id = b.id AND l.seat_id = s.id AND l.status = 'SOLD'
               LEFT JOIN payments p
                   ON p.booking_id = b.id AND p.status = 'COMPLETED' AND l.id = ANY(p.line_ids)
               WHERE s.event_id = %s AND s.status = 'SOLD'
                 AND (b.status IS DISTINCT FROM 'CONFIRMED' OR p.order_id IS NULL)""",
            event.id,
        )

    def unbalanced(self) -> list[tuple[Any, ...]]:
        """Orders whose ledger does not add up, or tells another story than refunds and lines."""
        return self._all(
            """SELECT p.order_id, p.status, l.* FROM payments p, LATERAL (
                   SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'CHARGE'), 0) AS came,
                          coalesce(sum(amount_minor) FILTER (WHERE kind = 'REFUND_DUE'), 0) AS due,
                          coalesce(sum(amount_minor) FILTER (WHERE kind = 'FEE'), 0) AS fee,
                          coalesce(sum(amount_minor) FILTER (WHERE kind = 'REFUND'), 0) AS back
                   FROM ledger WHERE order_id = p.order_id) l,
               LATERAL (SELECT coalesce(sum(unit_price_minor - discount_minor), 0) AS kept
                        FROM booking_lines WHERE id = ANY(p.line_ids) AND status = 'SOLD'
                          AND p.status = 'COMPLETED') s,
               LATERAL (SELECT coalesce(sum(amount_minor), 0) AS owed,
                               coalesce(sum(amount_minor) FILTER (WHERE status = 'PAID'), 0) AS paid
                        FROM refunds WHERE order_id = p.order_id) r
               WHERE (came, due, back) IS DISTINCT FROM (due + fee + kept, owed, paid)
                  OR (p.status = 'REFUNDED') <> (p.status IN ('REFUND_DUE', 'REFUNDED')
                                                 AND owed = paid)"""
        )

    def run_out(self, booking: int) -> None:
        """Let the time of a booking pass; no sweep has come by yet."""
        self.sql.execute(
            "UPDATE bookings SET expires_at = now() - interval '1 second' WHERE id = %s", [booking]
        )
        self.sql.execute(
            "UPDATE seats SET held_until = now() - interval '1 second' WHERE holder_id = %s",
            [booking],
        )

    def check_now(self, order: int) -> None:
        """Make it a payment's turn to be looked at."""
        self.sql.execute("UPDATE payments SET check_due_at = now() WHERE order_id = %s", [order])

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.sql.execute(query, values).fetchall()


@dataclass
class Shop(Records):
    """What most tests need: an event, a buyer, somebody without an account, and the records."""

    new_user: Callable[[], Caller]
    new_event: Callable[..., Event]
    anybody: Caller
    buyer: Caller
    event: Event

    def initiate(
        self, buyer: Caller | None = None, event: Event | None = None, seats: int = 2
    ) -> Attempt:
        """Book the first seats of an event and initiate the payment."""
        buyer, event = buyer or self.buyer, event or self.event
        booking = buyer.book(event.id)
        for seat in event.seats[:seats]:
            assert buyer.select(booking, seat).status_code == 200
        answer = buyer.pay(booking)
        assert answer.status_code == 302, answer.text
        return Attempt(booking, self.orders(booking)[-1], answer.headers["Location"])


@pytest.fixture
def shop(
    sql: psycopg.Connection[Any],
    new_user: Callable[[], Caller],
    new_event: Callable[..., Event],
    anybody: Caller,
) -> Shop:
    return Shop(sql, new_user, new_event, anybody, new_user(), new_event())


def forget(shop: Shop, attempt: Attempt) -> None:
    """Take away an order that does not add up, past all guards."""
    shop.sql.execute(
        f"""ALTER TABLE ledger DISABLE TRIGGER ledger_append_only;
        DELETE FROM ledger WHERE order_id = {attempt.order};
        DELETE FROM refunds WHERE order_id = {attempt.order};
        DELETE FROM payments WHERE order_id = {attempt.order};
        ALTER TABLE ledger ENABLE TRIGGER ledger_append_only"""
    )


def work() -> int:
    """One turn of the worker."""
    from app.checkout import service

    found = service.settle_due()
    service.finish_work()
    return found


def pay_refunds() -> int:
    """One turn of the worker at what is owed back."""
    from app.payments import refunds

    found = refunds.pay_due()
    refunds.finish_work()
    return found


def worked_until(condition: Callable[[], Any]) -> None:
    """Let the worker take turns until something has happened."""
    until(lambda: condition() or (work(), condition())[1])


def hint(caller: Caller, which: str, order: int) -> str:
    """Knock as a browser does that comes back from the gateway; returns the sentence."""
    answer = caller.get(f"/api/payments/{which}", orderId=order)
    assert answer.status_code == 200, answer.text
    return answer.json["message"]


def assert_sold(records: Records, event: Event, attempt: Attempt, seats: int = 2) -> None:
    assert records.booking(attempt.booking) == "CONFIRMED"
    assert records.seats(event)["SOLD"] == seats
    assert records.payment(attempt.order) == "COMPLETED"
    assert records.ledger(attempt.order) == [("CHARGE", True, PRICE)] * seats
    assert records.unsound(event) == []
