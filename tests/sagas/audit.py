"""Whether the shop, the gateway and the provider tell one story, once nothing is under way."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.sagas.venue import Venue

# What must hold at every moment, whatever is under way and whoever has died.
INVARIANTS = {
    "a seat in two living bookings": """
        SELECT l.seat_id FROM booking_lines l JOIN bookings b ON b.id = l.booking_id
        WHERE l.event_id = %(event)s AND l.status IN ('HELD', 'SOLD')
          AND (b.status IN ('CONFIRMING', 'CONFIRMED')
               OR b.status IN ('CREATED', 'PAYMENT_INITIATED')
                  AND b.expires_at > clock_timestamp())
        GROUP BY l.seat_id HAVING count(*) > 1""",
    "a living line whose seat is not its own": """
        SELECT l.id, l.status, b.status, s.status, s.holder_id FROM booking_lines l
        JOIN bookings b ON b.id = l.booking_id JOIN seats s ON s.id = l.seat_id
        WHERE l.event_id = %(event)s AND l.status IN ('HELD', 'SOLD')
          AND (b.status IN ('CONFIRMING', 'CONFIRMED')
               OR b.status IN ('CREATED', 'PAYMENT_INITIATED')
                  AND b.expires_at > clock_timestamp())
          AND (s.holder_kind, s.holder_id, s.status) IS DISTINCT FROM
              ('BOOKING', b.id, CASE l.status WHEN 'SOLD' THEN 'SOLD' ELSE 'RESERVED' END
                                ::seat_status)""",
    "a seat whose holder does not have it": """
        SELECT s.id, s.status, s.holder_id FROM seats s
        WHERE s.event_id = %(event)s AND s.holder_kind = 'BOOKING'
          AND (s.status = 'SOLD' OR s.held_until > clock_timestamp()) AND NOT EXISTS (
              SELECT FROM booking_lines l JOIN bookings b ON b.id = l.booking_id
              WHERE b.id = s.holder_id AND l.seat_id = s.id AND l.status IN ('HELD', 'SOLD')
                AND b.status IN ('CREATED', 'PAYMENT_INITIATED', 'CONFIRMING', 'CONFIRMED'))""",
    "a seat that is sold and not paid": """
        SELECT s.id, b.status FROM seats s LEFT JOIN bookings b ON b.id = s.holder_id
        WHERE s.event_id = %(event)s AND s.status = 'SOLD' AND s.holder_kind = 'BOOKING'
          AND (b.status IS DISTINCT FROM 'CONFIRMED' OR NOT EXISTS (
              SELECT FROM booking_lines l JOIN payments p ON l.id = ANY(p.line_ids)
              WHERE l.booking_id = b.id AND l.seat_id = s.id AND l.status = 'SOLD'
                AND p.booking_id = b.id AND p.status = 'COMPLETED'))""",
    "a seat that is sold and whose place is not ours for good": """
        SELECT s.id, s.external_id FROM seats s
        WHERE s.event_id = %(event)s AND s.status = 'SOLD' AND s.holder_kind = 'BOOKING'
          AND s.external_id IS NOT NULL AND NOT EXISTS (
              SELECT FROM provider_places p
              WHERE p.place_id = s.external_id AND p.status = 'BOUGHT')""",
    "a booking that is paid twice": """
        SELECT booking_id FROM payments WHERE event_id = %(event)s AND status = 'COMPLETED'
        GROUP BY booking_id HAVING count(*) > 1""",
    "a refund that is paid and not in the ledger, or the other way round": """
        SELECT r.id, r.status FROM refunds r JOIN payments p USING (order_id)
        WHERE p.event_id = %(event)s AND (r.status = 'PAID') <> EXISTS (
            SELECT FROM ledger l WHERE l.refund_id = r.id AND l.kind = 'REFUND')""",
}
_ATTEMPTS = """
    SELECT p.order_id, p.booking_id, p.status, p.amount_minor,
           (SELECT coalesce(sum(CASE kind WHEN 'CHARGE' THEN amount_minor
                                          WHEN 'REFUND' THEN -amount_minor ELSE 0 END), 0)::bigint
            FROM ledger l WHERE l.order_id = p.order_id),
           (SELECT coalesce(sum(amount_minor), 0)::bigint FROM refunds r
            WHERE r.order_id = p.order_id AND r.status = 'UNCLEAR')
    FROM payments p WHERE p.event_id = %(event)s
"""
_OUR_ORDERS = """
    SELECT o.order_id::text, o.booking_id, o.status,
           coalesce(array_agg(p.place_id::text ORDER BY p.place_id::text)
                    FILTER (WHERE p.status IN ('SELECTED', 'BOUGHT')), '{}'),
           count(*) FILTER (WHERE p.status IN ('ASKED', 'SURPLUS', 'RELEASING'))
    FROM provider_orders o LEFT JOIN provider_places p USING (booking_id)
    WHERE o.event_id = %(event)s GROUP BY o.booking_id
"""
_SOLD = """
    SELECT external_id::text FROM seats WHERE event_id = %(event)s AND status = 'SOLD'
        AND holder_kind = 'BOOKING'
"""
_FOR_NOBODY = """
    SELECT o.booking_id, o.status, b.status FROM provider_orders o
    LEFT JOIN bookings b ON b.id = o.booking_id
    WHERE o.event_id = %(event)s AND o.status = 'HELD'
      AND coalesce(b.status, 'CANCELLED') NOT IN ('CREATED', 'PAYMENT_INITIATED')
"""
_EXPECTED = {"HELD": "STARTED", "CONFIRMED": "CONFIRMED"}


class _Attempt(NamedTuple):
    order: int
    booking: int
    status: str
    amount: int
    kept: int
    """What of its money we have by our ledger."""
    unclear: int


def broken_invariants(venue: Venue) -> list[str]:
    """What does not hold, though it has to at every moment."""
    found = [
        f"{what}: {rows}"
        for what, query in INVARIANTS.items()
        if (rows := venue.sql.execute(query, {"event": venue.event.id}).fetchall())
    ]
    ours = {row[0] for row in _rows(venue, _ATTEMPTS)}
    found += [f"unbalanced: {row}" for row in venue.unbalanced() if row[0] in ours]
    return found


def differences(venue: Venue) -> list[str]:
    """Everything in which the shop and the services outside disagree; nothing is under way."""
    venue.provider.await_rest()
    return broken_invariants(venue) + _money(venue) + _places(venue) + _messages(venue)


def _rows(venue: Venue, query: str) -> list[tuple[Any, ...]]:
    return venue.sql.execute(query, {"event": venue.event.id}).fetchall()


def _money(venue: Venue) -> list[str]:
    found: list[str] = []
    ledger = {
        order: line for order, line in venue.gateway.payments().items() if order not in venue.before
    }
    for attempt in (_Attempt(*row) for row in _rows(venue, _ATTEMPTS)):
        line = ledger.pop(attempt.order, None)
        kept = 0 if line is None else _kept(line)
        if not attempt.kept - attempt.unclear <= kept <= attempt.kept:
            found.append(f"money: we have {attempt}, the gateway {line}")
        if attempt.status == "COMPLETED" and (line is None or line["captured"] != attempt.amount):
            found.append(f"sold and not taken: {attempt}, the gateway {line}")
        if line is not None and line["refunded"] > line["captured"]:
            found.append(f"more given back than taken: {line}")
    found += [f"unknown to us: {line}" for line in ledger.values()]
    return found


def _kept(line: dict[str, Any]) -> int:
    """What of a buyer's money is not his any more: taken, or blocked on his card."""
    if line["status"] in ("AUTHORIZED", "CONFIRMED"):
        return int(line["amount"] - line["refunded"])
    return int(line["captured"] - line["refunded"])


def _places(venue: Venue) -> list[str]:
    """Each order there is in the state of ours, with the same places; nobody has forgotten one."""
    lines = venue.provider.ledger()["orders"]
    theirs = {line["order_id"]: line for line in lines}
    final = {place for line in lines if line["status"] == "CONFIRMED" for place in line["places"]}
    found: list[str] = []
    for order_id, booking, status, places, doubtful in _rows(venue, _OUR_ORDERS):
        line = theirs.pop(order_id, None)
        has = set() if line is None else set(line["places"])
        # What an earlier order of ours has bought is asked for no more.
        wanted = set(places) - (final - has) if status in _EXPECTED else set()
        if doubtful or has != wanted or (has and line["status"] != _EXPECTED[status]):
            found.append(f"order of booking {booking}: {status} {places}, the provider {line}")
    found += [
        f"places nobody knows of: {line}"
        for order_id, line in theirs.items()
        if line["places"] and order_id not in venue.strangers
    ]
    found += [f"sold, not confirmed there: {row}" for row in _rows(venue, _SOLD)
              if row[0] not in final]  # fmt: skip
    return found + [f"places held for nobody: {row}" for row in _rows(venue, _FOR_NOBODY)]


def _messages(venue: Venue) -> list[str]:
    failed = venue.sql.execute("SELECT topic, last_error FROM outbox WHERE attempts > 0").fetchall()
    return [f"message not delivered: {row}" for row in failed]
