"""Refunds in the database: what is owed, whose turn it is, what was paid."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import errors as pg

from app.kernel import db, errors
from app.payments.models import Due, OwnRefund, Payment, PaymentStatus, Refund, RefundStatus, Share

_COLUMNS = """id, order_id, amount_minor, currency, status, attempts, last_error, try_at,
    created_at, paid_at, note"""

# What is owed and what is kept, line by line, and one duty to pay the sum. There is no ON CONFLICT:
# who owes for a line a second time has missed a lock, and is stopped.
_OWE = """
    WITH line AS (
        SELECT * FROM unnest(%(line_ids)s::bigint[], %(refunds)s::bigint[], %(fees)s::bigint[])
            AS line (id, refund_minor, fee_minor)
    ), refund AS (
        INSERT INTO refunds (order_id, amount_minor, currency)
        SELECT %(order_id)s, sum(refund_minor), %(currency)s FROM line HAVING sum(refund_minor) > 0
        RETURNING id
    ), entered AS (
        INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
        SELECT 'REFUND_DUE', %(order_id)s, line.id, refund_minor, %(currency)s, refund.id
        FROM line, refund WHERE refund_minor > 0
        UNION ALL
        SELECT 'FEE', %(order_id)s, line.id, fee_minor, %(currency)s, NULL
        FROM line WHERE fee_minor > 0
    )
    SELECT id FROM refund
"""


def owe(connection: db.Connection, payment: Payment, dues: Sequence[Due]) -> int | None:
    """Enter what of a locked payment goes back and what is kept; returns the refund's id.

    None when nothing goes back. Raises Conflict for a line that was given back before, and for more
    than was paid for it.
    """
    values = {
        "order_id": payment.order_id,
        "currency": payment.currency,
        "line_ids": [due.line_id for due in dues],
        "refunds": [due.refund_minor for due in dues],
        "fees": [due.fee_minor for due in dues],
    }
    try:
        row = connection.execute(_OWE, values).fetchone()
    except pg.UniqueViolation:
        raise errors.Conflict("Это место уже возвращено.", code="already_refunded") from None
    except pg.CheckViolation:
        raise errors.Conflict(
            "Вернуть можно не больше, чем было оплачено.", code="refund_exceeds_payment"
        ) from None
    return None if row is None else int(row[0])


# Which lines a booking's buyer has given back already, and on what terms.
_SHARES = """
    SELECT l.line_id, coalesce(sum(l.amount_minor) FILTER (WHERE l.kind = 'REFUND_DUE'), 0)::bigint,
           coalesce(sum(l.amount_minor) FILTER (WHERE l.kind = 'FEE'), 0)::bigint, max(l.refund_id)
    FROM ledger l
    WHERE l.order_id = ANY(ARRAY(SELECT order_id FROM payments WHERE booking_id = %(booking_id)s))
      AND l.line_id = ANY(%(line_ids)s) AND l.kind IN ('REFUND_DUE', 'FEE')
    GROUP BY l.line_id
"""


def shares(connection: db.Connection, booking_id: int, line_ids: Sequence[int]) -> dict[int, Share]:
    """What was agreed on for each of these lines; those of nothing paid are missing."""
    found = connection.execute(_SHARES, {"booking_id": booking_id, "line_ids": list(line_ids)})
    return {row[0]: Share(*row[1:]) for row in found}


# Parts of one payment that are given back at the same moment are a race at the gateway, so a turn
# is one of the whole order, and a worker that dies leaves it after a while. An order of which a
# part is UNCLEAR waits: a person finds out by the sum that the gateway has returned, and that must
# not move meanwhile. Sub-selects, not joins: no plan made of empty tables may scan them for ever.
_READY = """
    status IN ('DUE', 'STUCK') AND try_at <= statement_timestamp()
    AND NOT (SELECT bool_or(u.status = 'UNCLEAR') FROM refunds u WHERE u.order_id = r.order_id)
"""
_WAITING = f"""
    SELECT order_id FROM refunds r
    WHERE {_READY} AND coalesce((SELECT p.refunding_until FROM payments p
        WHERE p.order_id = r.order_id), '-infinity') <= clock_timestamp()
    ORDER BY try_at, id LIMIT %(limit)s
"""  # noqa: S608 - constants
_BEGIN_TURN = """
    UPDATE payments SET refunding_until = clock_timestamp() + %(turn)s * interval '1 second'
    WHERE order_id = ANY(ARRAY(
        SELECT order_id FROM payments WHERE order_id = ANY(%(order_ids)s)
            AND (refunding_until IS NULL OR refunding_until <= clock_timestamp())
        FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING order_id
"""
# The next try is set before the call is made, so a worker that dies leaves somebody else one.
_TAKE = f"""
    UPDATE refunds SET attempts = attempts + 1,
        try_at = clock_timestamp() + (0.75 + random() / 2)
            * least(%(longest)s, %(first)s * 2.0 ^ least(attempts, 30)) * interval '1 second'
    WHERE id = ANY(ARRAY(
        SELECT DISTINCT ON (order_id) id FROM refunds r
        WHERE order_id = ANY(%(order_ids)s) AND {_READY} ORDER BY order_id, id))
    RETURNING {_COLUMNS}
"""  # noqa: S608 - constants
_END_TURN = "UPDATE payments SET refunding_until = NULL WHERE order_id = %(order_id)s"


def take_due(limit: int, *, turn: float, first: float, longest: float) -> list[Refund]:
    """The refunds to try now, of each order the oldest alone, for `turn` seconds.

    Each is due again after a time that doubles from `first` to `longest` seconds.
    """
    waiting = [row[0] for row in db.rows(_WAITING, {"limit": limit})]
    if not waiting:
        return []
    with db.transaction() as connection:
        begun = connection.execute(_BEGIN_TURN, {"order_ids": waiting, "turn": turn}).fetchall()
        values = {"order_ids": [row[0] for row in begun], "first": first, "longest": longest}
        return [_refund(row) for row in connection.execute(_TAKE, values)]


def begin_turn(order_id: int, *, turn: float) -> bool:
    """Keep all others from the refunds of an order for `turn` seconds; False if one is at them."""
    with db.transaction() as connection:
        begun = connection.execute(_BEGIN_TURN, {"order_ids": [order_id], "turn": turn})
        return begun.rowcount == 1


def end_turn(order_id: int) -> None:
    """Let the next refund of an order have its turn."""
    with db.primary().connection() as connection:
        connection.execute(_END_TURN, {"order_id": order_id})


_LIST = f"""
    SELECT {_COLUMNS} FROM refunds WHERE status = ANY(%(statuses)s) ORDER BY status DESC, id
"""  # noqa: S608 - as above
_OF_ORDER = f"SELECT {_COLUMNS} FROM refunds WHERE order_id = %(order_id)s ORDER BY id"  # noqa: S608 - as above
_FIND = f"SELECT {_COLUMNS} FROM refunds WHERE id = %(id)s"  # noqa: S608 - as above
_LOCK = _FIND + " FOR NO KEY UPDATE"
_NOTE = """
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
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
    SELECT 'REFUND', order_id, line_id, amount_minor, currency, refund_id FROM ledger
    WHERE kind = 'REFUND_DUE' AND order_id = %(order_id)s AND refund_id = %(id)s
    ON CONFLICT ON CONSTRAINT ledger_once DO NOTHING
"""
_UNPAID = "SELECT EXISTS (SELECT FROM refunds WHERE order_id = %(order_id)s AND status <> 'PAID')"


def listed(statuses: Sequence[RefundStatus]) -> list[Refund]:
    """All refunds in these states, stuck ones first."""
    return [_refund(row) for row in db.rows(_LIST, {"statuses": [*map(str, statuses)]})]


def of_order(order_id: int) -> list[Refund]:
    """All refunds of an order, oldest first."""
    return [_refund(row) for row in db.rows(_OF_ORDER, {"order_id": order_id})]


def find(refund_id: int) -> Refund | None:
    """The refund with this id."""
    row = db.one(_FIND, {"id": refund_id})
    return None if row is None else _refund(row)


def lock(connection: db.Connection, refund_id: int) -> Refund | None:
    """A refund, locked until the transaction ends; its payment has to be locked before."""
    row = connection.execute(_LOCK, {"id": refund_id}).fetchone()
    return None if row is None else _refund(row)


def note(refund_id: int, status: RefundStatus, error: str) -> bool:
    """Remember what came of a try, and what that makes of the refund; False if it is paid."""
    with db.primary().connection() as connection:
        values = {"id": refund_id, "error": error[:500], "status": status}
        return connection.execute(_NOTE, values).rowcount == 1


def try_now(connection: db.Connection, refund_id: int) -> bool:
    """Have a worker try at once, as if for the first time; False if there is nothing to try."""
    return connection.execute(_TRY_NOW, {"id": refund_id}).rowcount == 1


def store_paid(connection: db.Connection, refund: Refund, note: str) -> None:
    """Mark a locked refund as paid, in the ledger too."""
    connection.execute(_PAID, {"id": refund.id, "note": note})
    connection.execute(_ENTER_PAID, {"id": refund.id, "order_id": refund.order_id})


def has_unpaid(connection: db.Connection, order_id: int) -> bool:
    """Whether anything that is owed for an order has not been paid back."""
    row = connection.execute(_UNPAID, {"order_id": order_id}).fetchone()
    return row is not None and bool(row[0])


# The seats of lines that a reset has erased are not known any more.
_OF_USER = """
    SELECT r.id, p.booking_id, r.amount_minor, r.currency, r.status, r.created_at, r.paid_at,
           p.status, ARRAY(
               SELECT seat_id FROM booking_lines
               WHERE id = ANY(ARRAY(SELECT line_id FROM ledger
                                    WHERE order_id = r.order_id AND refund_id = r.id
                                      AND kind = 'REFUND_DUE'))
                 AND seat_id IS NOT NULL
               ORDER BY seat_id)
    FROM payments p CROSS JOIN LATERAL (
        SELECT * FROM refunds WHERE order_id = p.order_id OFFSET 0) AS r
    WHERE p.user_id = %(user_id)s
    ORDER BY r.id
"""
_PLACES = """
    SELECT l.line_id, s.row_number, s.number, l.amount_minor
    FROM ledger l LEFT JOIN LATERAL (
            SELECT row_number, number FROM seats
            WHERE id = (SELECT seat_id FROM booking_lines WHERE id = l.line_id)
        ) AS s ON true
    WHERE l.order_id = %(order_id)s AND l.refund_id = %(id)s AND l.kind = 'REFUND_DUE'
    ORDER BY l.line_id
"""


def of_user(user_id: int) -> list[OwnRefund]:
    """All that a buyer gets or got back, oldest first."""
    return [
        OwnRefund(*row)._replace(status=RefundStatus(row[4]), payment_status=PaymentStatus(row[7]))
        for row in db.rows(_OF_USER, {"user_id": user_id})
    ]


def places(refund: Refund) -> list[tuple[int | None, int | None, int | None, int]]:
    """For each line of a refund its id, row and number of its seat, and the sum."""
    rows = db.rows(_PLACES, {"id": refund.id, "order_id": refund.order_id})
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _refund(row: db.Row) -> Refund:
    refund = Refund(*row)
    return refund._replace(status=RefundStatus(refund.status))
