"""What waits for a person, read past the slices it belongs to: one list over four tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

from app.kernel import db
from app.operations.models import Work, WorkKind

# Statements of operators read whole tables, which the sessions of the service are set up never to
# do. They take nobody's lock, and only one core.
_PLANNED_ANEW = """
    SELECT set_config('enable_seqscan', 'on', true),
           set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('max_parallel_workers_per_gather', '0', true),
           set_config('work_mem', '64MB', true)
"""


@contextmanager
def looking() -> Iterator[db.Connection]:
    """A transaction whose statements may read whole tables."""
    with db.transaction() as connection:
        connection.execute(_PLANNED_ANEW)
        yield connection


_WORK: LiteralString = """
    SELECT 'refund' AS kind, r.id, r.status, r.created_at AS since, r.attempts, r.last_error,
           CASE WHEN r.status = 'STUCK' THEN r.try_at END AS next_try, p.booking_id,
           r.amount_minor, r.currency::text, 'of payment ' || r.order_id AS about
    FROM refunds r JOIN payments p USING (order_id) WHERE r.status IN ('STUCK', 'UNCLEAR')
    UNION ALL
    SELECT 'message', id, 'DEAD', dead_at, attempts, last_error, NULL,
           CASE WHEN key ~ '^[0-9]{1,18}$' THEN key::bigint END, NULL, NULL, topic
    FROM outbox WHERE attempts > 0 AND dead_at IS NOT NULL
    UNION ALL
    SELECT 'order', booking_id, status, changed_at, attempts, last_error, due_at, booking_id,
           NULL, NULL, (SELECT count(*) FROM provider_places p
                        WHERE p.booking_id = o.booking_id) || ' places'
               || coalesce(', there ' || order_id, '')
    FROM provider_orders o
    WHERE status <> ALL(%(without_duty)s) AND (attempts >= %(order_tries)s
        OR changed_at < clock_timestamp() - %(stalled)s * interval '1 second'
           AND (status <> 'WANTED' OR asked_at IS NOT NULL))
    UNION ALL
    SELECT 'payment', order_id, status, changed_at, attempts, last_error, check_due_at, booking_id,
           amount_minor, currency::text,
           coalesce('at the gateway ' || gateway_id, 'the gateway may not know it')
    FROM payments
    WHERE status IN ('INITIATED', 'OPEN', 'VOIDED', 'ACCEPTED', 'CAPTURED')
        AND (attempts >= %(payment_tries)s OR status IN ('ACCEPTED', 'CAPTURED')
             AND changed_at < clock_timestamp() - %(stalled)s * interval '1 second')
"""
_LIST: LiteralString = f"""
    SELECT * FROM ({_WORK}) AS work ORDER BY since, kind, id LIMIT %(limit)s
"""  # noqa: S608 - a constant
_COUNT: LiteralString = f"SELECT kind, count(*) FROM ({_WORK}) AS work GROUP BY kind"  # noqa: S608 - as above


def work(connection: db.Connection, stuck: db.Params, limit: int) -> list[Work]:
    """What waits for a person, oldest first; `stuck` says when something does."""
    found = connection.execute(_LIST, {**stuck, "limit": limit})
    return [Work(WorkKind(row[0]), *row[1:]) for row in found]


def count(connection: db.Connection, stuck: db.Params) -> dict[WorkKind, int]:
    """How much of each kind waits for a person."""
    found = {row[0]: row[1] for row in connection.execute(_COUNT, stuck)}
    return {kind: found.get(kind, 0) for kind in WorkKind}


# The row itself, and the booking that it belongs to.
_ROW: dict[WorkKind, LiteralString] = {
    WorkKind.REFUND: """
        SELECT to_jsonb(r), p.booking_id FROM refunds r JOIN payments p USING (order_id)
        WHERE r.id = %(id)s
    """,
    WorkKind.MESSAGE: """
        SELECT to_jsonb(m), CASE WHEN key ~ '^[0-9]{1,18}$' THEN key::bigint END
        FROM outbox m WHERE id = %(id)s
    """,
    WorkKind.ORDER: """
        SELECT to_jsonb(o), booking_id FROM provider_orders o WHERE booking_id = %(id)s
    """,
    WorkKind.PAYMENT: "SELECT to_jsonb(p), booking_id FROM payments p WHERE order_id = %(id)s",
}
_RECORDS: dict[str, LiteralString] = {
    "booking": "SELECT to_jsonb(b) FROM bookings b WHERE id = %(booking_id)s",
    "lines": """
        SELECT to_jsonb(l) || jsonb_build_object('row', s.row_number, 'number', s.number,
                                                 'seat_status', s.status)
        FROM bookings b JOIN booking_lines l ON l.user_id = b.user_id AND l.booking_id = b.id
        LEFT JOIN seats s ON s.id = l.seat_id
        WHERE b.id = %(booking_id)s ORDER BY l.id
    """,
    "payments": """
        SELECT to_jsonb(p) FROM payments p WHERE booking_id = %(booking_id)s ORDER BY order_id
    """,
    "refunds": """
        SELECT to_jsonb(r) FROM payments p JOIN refunds r USING (order_id)
        WHERE p.booking_id = %(booking_id)s ORDER BY r.id
    """,
    "ledger": """
        SELECT to_jsonb(l) || jsonb_build_object('row', s.row_number, 'number', s.number)
        FROM payments p JOIN ledger l USING (order_id)
        LEFT JOIN booking_lines b ON b.id = l.line_id LEFT JOIN seats s ON s.id = b.seat_id
        WHERE p.booking_id = %(booking_id)s ORDER BY l.id
    """,
    "order": "SELECT to_jsonb(o) FROM provider_orders o WHERE booking_id = %(booking_id)s",
    "places": """
        SELECT to_jsonb(p) || jsonb_build_object('row', s.row_number, 'number', s.number,
                                                 'seat_status', s.status)
        FROM provider_places p LEFT JOIN seats s ON s.id = p.seat_id
        WHERE p.booking_id = %(booking_id)s ORDER BY p.seat_id
    """,
}


def find(kind: WorkKind, item_id: int) -> tuple[dict[str, Any], int | None] | None:
    """The row of this kind and the booking that it belongs to."""
    row = db.one(_ROW[kind], {"id": item_id})
    return None if row is None else (row[0], row[1])


def records(booking_id: int) -> dict[str, list[dict[str, Any]]]:
    """Everything that is stored about a booking, by table; what there is nothing of is missing."""
    with looking() as connection:
        found = {
            name: [row[0] for row in connection.execute(query, {"booking_id": booking_id})]
            for name, query in _RECORDS.items()
        }
    return {name: rows for name, rows in found.items() if rows}
