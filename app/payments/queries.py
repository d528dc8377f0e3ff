"""Payment attempts and the ledger in the database."""

from __future__ import annotations

from collections.abc import Sequence

from app.kernel import db
from app.payments.models import Payment, PaymentStatus

_COLUMNS = """order_id, booking_id, user_id, event_id, amount_minor, currency, line_ids, status,
    gateway_id, form_url, created_at"""

_INSERT = """
    INSERT INTO payments (order_id, booking_id, user_id, event_id, amount_minor, currency, line_ids,
                          check_due_at)
    VALUES (%(order_id)s, %(booking_id)s, %(user_id)s, %(event_id)s, %(amount_minor)s,
            %(currency)s, %(line_ids)s, clock_timestamp() + %(check_after)s * interval '1 second')
    ON CONFLICT (order_id) DO NOTHING
    RETURNING created_at
"""
_BY_ORDER = f"SELECT {_COLUMNS} FROM payments WHERE order_id = %(order_id)s"  # noqa: S608 - a constant
_LOCK = _BY_ORDER + " FOR NO KEY UPDATE"
_LIVE = f"""
    SELECT {_COLUMNS} FROM payments
    WHERE booking_id = %(booking_id)s AND status IN ('INITIATED', 'OPEN') FOR NO KEY UPDATE
"""  # noqa: S608 - as above
_OF_BOOKING = f"""
    SELECT {_COLUMNS} FROM payments
    WHERE booking_id = %(booking_id)s AND status = 'COMPLETED' FOR NO KEY UPDATE
"""  # noqa: S608 - as above


def _payment(row: db.Row | None) -> Payment | None:
    if row is None:
        return None
    payment = Payment(*row)
    return payment._replace(status=PaymentStatus(payment.status))


def insert(
    connection: db.Connection,
    *,
    order_id: int,
    booking_id: int,
    user_id: int,
    event_id: int,
    amount_minor: int,
    currency: str,
    line_ids: list[int],
    check_after: float,
) -> Payment | None:
    """Store an attempt with everything that is frozen in it, before the gateway hears of it.

    None: the order id is taken.
    """
    row = connection.execute(
        _INSERT,
        {
            "order_id": order_id,
            "booking_id": booking_id,
            "user_id": user_id,
            "event_id": event_id,
            "amount_minor": amount_minor,
            "currency": currency,
            "line_ids": line_ids,
            "check_after": check_after,
        },
    ).fetchone()
    if row is None:
        return None
    return Payment(
        order_id, booking_id, user_id, event_id, amount_minor, currency, line_ids,
        PaymentStatus.INITIATED, None, None, row[0],
    )  # fmt: skip


def find(order_id: int) -> Payment | None:
    """The attempt with this order id."""
    return _payment(db.one(_BY_ORDER, {"order_id": order_id}))


def lock(connection: db.Connection, order_id: int) -> Payment | None:
    """An attempt, locked until the transaction ends; its booking has to be locked before."""
    return _payment(connection.execute(_LOCK, {"order_id": order_id}).fetchone())


def lock_live(connection: db.Connection, booking_id: int) -> Payment | None:
    """The one attempt of a booking that may still be paid, locked."""
    return _payment(connection.execute(_LIVE, {"booking_id": booking_id}).fetchone())


def lock_completed(connection: db.Connection, booking_id: int) -> list[Payment]:
    """The completed payments of a booking, locked."""
    found = connection.execute(_OF_BOOKING, {"booking_id": booking_id})
    return [payment for row in found if (payment := _payment(row))]


_SET_STATUS = """
    UPDATE payments
    SET status = %(to)s,
        decided_at = CASE WHEN %(is_decided)s THEN clock_timestamp() ELSE decided_at END,
        check_due_at = CASE WHEN %(is_decided)s THEN NULL ELSE check_due_at END
    WHERE order_id = %(order_id)s
"""


def set_status(
    connection: db.Connection, order_id: int, to: PaymentStatus, *, is_decided: bool
) -> None:
    """Store a new status of a locked attempt; a decided one is not checked again."""
    connection.execute(_SET_STATUS, {"order_id": order_id, "to": to, "is_decided": is_decided})


_REGISTERED = """
    UPDATE payments
    SET gateway_id = %(gateway_id)s, form_url = %(form_url)s,
        status = CASE WHEN status = 'INITIATED' THEN 'OPEN' ELSE status END
    WHERE order_id = %(order_id)s AND gateway_id IS NULL
"""


def store_registration(order_id: int, gateway_id: str, form_url: str) -> None:
    """Remember under which id the gateway knows an attempt: webhooks name nothing else."""
    with db.primary().connection() as connection:
        connection.execute(
            _REGISTERED, {"order_id": order_id, "gateway_id": gateway_id, "form_url": form_url}
        )


_CHECK_NOW = """
    UPDATE payments SET check_due_at = clock_timestamp()
    WHERE gateway_id = %(gateway_id)s AND check_due_at IS NOT NULL
"""


def check_now(gateway_id: str) -> None:
    """Have a worker ask the gateway about an undecided payment at once."""
    with db.primary().connection() as connection:
        connection.execute(_CHECK_NOW, {"gateway_id": gateway_id})


# The date moves before the question is asked, so a worker that dies leaves the next one a turn.
_TAKE_DUE = """
    UPDATE payments
    SET check_due_at = clock_timestamp() + CASE status
        WHEN 'VOIDED' THEN greatest(%(again)s * interval '1 second',
                                    (clock_timestamp() - created_at) / 4)
        ELSE %(again)s * interval '1 second' END
    WHERE order_id IN (
        SELECT order_id FROM payments WHERE check_due_at <= clock_timestamp()
        ORDER BY check_due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING order_id
"""


def take_due(limit: int, again: float) -> Sequence[int]:
    """The orders to check now; again after `again` seconds, voided ones more rarely.

    What a buyer may still pay is asked about to its last minute: no webhook has to come.
    """
    return [row[0] for row in db.rows(_TAKE_DUE, {"limit": limit, "again": again})]


_LEDGER = """
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
    VALUES (%(kind)s, %(order_id)s, %(line_id)s, %(amount_minor)s, %(currency)s)
    ON CONFLICT ON CONSTRAINT ledger_once DO NOTHING
"""


def enter(
    connection: db.Connection,
    kind: str,
    payment: Payment,
    *,
    line_id: int | None,
    amount_minor: int,
) -> None:
    """Write one line of the ledger; the same one twice is one."""
    connection.execute(
        _LEDGER,
        {
            "kind": kind,
            "order_id": payment.order_id,
            "line_id": line_id,
            "amount_minor": amount_minor,
            "currency": payment.currency,
        },
    )


_CHARGE_LINES = """
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
    SELECT 'CHARGE', %(order_id)s, id, unit_price_minor - discount_minor, currency
    FROM booking_lines WHERE id = ANY(%(line_ids)s)
    ON CONFLICT ON CONSTRAINT ledger_once DO NOTHING
"""


def charge_lines(connection: db.Connection, payment: Payment) -> None:
    """Enter what was paid, line by line."""
    connection.execute(_CHARGE_LINES, {"order_id": payment.order_id, "line_ids": payment.line_ids})


# What was paid for bookings that are erased is owed back; what is open is no longer wanted.
_ORPHAN = """
    WITH voided AS (
        UPDATE payments SET status = 'VOIDED' WHERE status IN ('INITIATED', 'OPEN')
    ), owed AS (
        UPDATE payments SET status = 'REFUND_DUE', decided_at = clock_timestamp()
        WHERE status = 'COMPLETED' RETURNING order_id
    ), entered AS (
        INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
        SELECT 'REFUND_DUE', l.order_id, l.line_id, l.amount_minor, l.currency
        FROM ledger l JOIN owed USING (order_id) WHERE l.kind = 'CHARGE'
        ON CONFLICT ON CONSTRAINT ledger_once DO NOTHING
    )
    SELECT order_id FROM owed
"""


def orphan_all(connection: db.Connection) -> Sequence[int]:
    """Part all payments from their bookings, which are about to be erased.

    Returns the orders for which money is owed back now.
    """
    return [row[0] for row in connection.execute(_ORPHAN).fetchall()]
