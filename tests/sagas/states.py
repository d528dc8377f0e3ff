"""Where a booking has ended, and everything that belongs to it."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from tests.sagas.venue import Venue

# An attempt that was withdrawn before anybody saw its form, and what was said about it, leaves
# nothing behind.
_SEEN = "booking_id = %s AND (status <> 'VOIDED' OR gateway_id IS NOT NULL)"
_SAID_AGAIN = {
    "payment.initiated", "payment.voided", "booking.payment_initiated", "booking.reopened",
}  # fmt: skip


class State(NamedTuple):
    """Where a booking has ended, and everything that belongs to it."""

    booking: str
    lines: list[tuple[Any, ...]]
    payments: list[str]
    order: str
    places: list[str]
    refunds: list[tuple[Any, ...]]
    ledger: list[tuple[Any, ...]]
    theirs: tuple[str, int]
    money: list[tuple[Any, ...]]
    topics: dict[str, int]


def states(venue: Venue, bookings: list[int]) -> list[State]:
    """Where these bookings have ended."""
    theirs = {line["order_id"]: line for line in venue.provider.ledger()["orders"]}
    ledger = venue.gateway.payments()
    return [_state(venue, booking, theirs, ledger) for booking in bookings]


def _state(venue: Venue, booking: int, theirs: dict[str, Any], ledger: dict[int, Any]) -> State:
    def ask(query: str, value: Any = booking) -> list[tuple[Any, ...]]:
        return venue.sql.execute(query, [value]).fetchall()

    attempts = ask(f"SELECT order_id, status FROM payments WHERE {_SEEN} ORDER BY created_at")
    ids = [row[0] for row in attempts]
    order = ask("SELECT status, order_id::text FROM provider_orders WHERE booking_id = %s")
    status, order_id = order[0] if order else ("none", None)
    line = theirs.get(order_id, {"status": "none", "places": []})
    found = [ledger[one] for one in ids if one in ledger]
    said = ask("SELECT status FROM bookings WHERE id = %s")
    return State(
        booking=said[0][0] if said else "erased",
        lines=ask("""SELECT l.status, s.status, s.holder_kind FROM booking_lines l
                     JOIN seats s ON s.id = l.seat_id WHERE l.booking_id = %s ORDER BY l.id"""),
        payments=[row[1] for row in attempts],
        order=status,
        places=venue.places(booking),
        refunds=ask("""SELECT status, amount_minor FROM refunds WHERE order_id = ANY(%s)
                       ORDER BY id""", ids),
        ledger=ask("""SELECT kind, amount_minor FROM ledger WHERE order_id = ANY(%s)
                      ORDER BY kind, id""", ids),
        theirs=_theirs(line),
        money=[(one["status"], one["captured"], one["refunded"]) for one in found],
        topics=dict(Counter(t for t in venue.topics(booking) if t not in _SAID_AGAIN)),
    )  # fmt: skip


def _theirs(line: dict[str, Any]) -> tuple[str, int]:
    """The provider's order; whether we end an empty one depends on how soon it counts releases."""
    if not line["places"] and line["status"] in ("STARTED", "CANCELLED"):
        return "EMPTY", 0
    return line["status"], len(line["places"])
