"""Refunds in the database."""

from __future__ import annotations

from collections.abc import Sequence

from app.kernel import db
from app.payments.models import Refund, RefundStatus

_COLUMNS = """id, order_id, amount_minor, currency, status, attempts, last_error, try_at,
    created_at, paid_at, note"""

# What is owed stands in the ledger, line by line; the duty to pay it is one for the order.
_OWE = """
    INSERT INTO refunds (order_id, amount_minor, currency)
    SELECT order_id, sum(amount_minor), min(currency) FROM ledger
    WHERE kind = 'REFUND_DUE' AND order_id = ANY(%(order_ids)s) GROUP BY order_id
    ON CONFLICT ON CONSTRAINT refunds_one_an_order DO NOTHING
"""
# The next turn is set before the call is made, so a worker that dies leaves somebody else one.
_TAKE_DUE = f"""
    UPDATE refunds SET attempts = attempts + 1,
        try_at = clock_timestamp() + (0.75 + random() / 2)
            * least(%(longest)s, %(first)s * 2.0 ^ least(attempts, 30)) * interval '1 second'
    WHERE id IN (
        SELECT id FROM refunds WHERE status IN ('DUE', 'STUCK') AND try_at <= clock_timestamp()
        ORDER BY try_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING {_COLUMNS}
"""  # noqa: S608 - a constant
_LIST = f"""
    SELECT {_COLUMNS} FROM refunds WHERE status = ANY(%(statuses)s) ORDER BY status DESC, id
"""  # noqa: S608 - as above
_FIND = f"SELECT {_COLUMNS} FROM refunds WHERE id = %(id)s"  # noqa: S608 - as above
_LOCK = _FIND + " FOR NO KEY UPDATE"
_NOTE_FAILURE = """
    UPDATE refunds SET last_error = %(error)s, status = %(status)s
    WHERE id = %(id)s AND status <> 'PAID'
"""
_TRY_NOW = """
    UPDATE refunds SET status = 'DUE', attempts = 0, try_at = clock_timestamp()
    WHERE id = %(id)s AND status <> 'PAID'
"""
_PAID = """
    UPDATE refunds SET status = 'PAID', paid_at = clock_timestamp(), note = %(note)s
    WHERE id = %(id)s
"""
_ENTER_PAID = """
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
    SELECT 'REFUND', order_id, line_id, amount_minor, currency FROM ledger
    WHERE kind = 'REFUND_DUE' AND order_id = %(order_id)s
    ON CONFLICT ON CONSTRAINT ledger_once DO NOTHING
"""


def owe(connection: db.Connection, order_ids: Sequence[int]) -> None:
    """Make what the ledger says is owed for these orders a duty to pay."""
    connection.execute(_OWE, {"order_ids": list(order_ids)})


def take_due(limit: int, *, first: float, longest: float) -> list[Refund]:
    """The refunds to try now; each again after a time that doubles from `first` to `longest`."""
    rows = db.rows(_TAKE_DUE, {"limit": limit, "first": first, "longest": longest})
    return [_refund(row) for row in rows]


def listed(statuses: Sequence[RefundStatus]) -> list[Refund]:
    """All refunds in these states, stuck ones first."""
    return [_refund(row) for row in db.rows(_LIST, {"statuses": [*map(str, statuses)]})]


def find(refund_id: int) -> Refund | None:
    """The refund with this id."""
    row = db.one(_FIND, {"id": refund_id})
    return None if row is None else _refund(row)


def lock(connection: db.Connection, refund_id: int) -> Refund | None:
    """A refund, locked until the transaction ends; its payment has to be locked before."""
    row = connection.execute(_LOCK, {"id": refund_id}).fetchone()
    return None if row is None else _refund(row)


def note_failure(refund_id: int, status: RefundStatus, error: str) -> None:
    """Remember why a refund could not be paid this time, and what that makes of it."""
    with db.primary().connection() as connection:
        connection.execute(_NOTE_FAILURE, {"id": refund_id, "error": error[:500], "status": status})


def try_now(refund_id: int) -> bool:
    """Have a worker try at once, as if for the first time; False if there is nothing to try."""
    with db.primary().connection() as connection:
        return connection.execute(_TRY_NOW, {"id": refund_id}).rowcount == 1


def store_paid(connection: db.Connection, refund: Refund, note: str) -> None:
    """Mark a locked refund as paid, in the ledger too."""
    connection.execute(_PAID, {"id": refund.id, "note": note})
    connection.execute(_ENTER_PAID, {"order_id": refund.order_id})


def _refund(row: db.Row) -> Refund:
    refund = Refund(*row)
    return refund._replace(status=RefundStatus(refund.status))
