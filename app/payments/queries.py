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
        check_due_at = CASE WHEN %(is_decided)s THEN NULL ELSE check_due_at END,
        attempts = 0, last_error = '', changed_at = clock_timestamp()
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


def check_now(connection: db.Connection, gateway_id: str) -> bool:
    """Have a worker ask the gateway about a payment at once; whether it is undecided."""
    return connection.execute(_CHECK_NOW, {"gateway_id": gateway_id}).rowcount > 0


_GO_ON = """
    UPDATE payments SET check_due_at = clock_timestamp()
    WHERE booking_id = %(booking_id)s AND status IN ('ACCEPTED', 'CAPTURED')
"""


def go_on(connection: db.Connection, booking_id: int) -> bool:
    """Have a worker go on with the accepted payment of a booking; whether there is one."""
    return connection.execute(_GO_ON, {"booking_id": booking_id}).rowcount > 0


_NOTE_FAILURE = """
    UPDATE payments SET attempts = attempts + 1, last_error = %(error)s
    WHERE order_id = %(order_id)s AND check_due_at IS NOT NULL
"""


def note_failure(order_id: int, error: str) -> None:
    """Remember why a look at an undecided payment came to nothing."""
    with db.primary().connection() as connection:
        connection.execute(_NOTE_FAILURE, {"order_id": order_id, "error": error[:500]})


_RETRY = """
    UPDATE payments SET check_due_at = clock_timestamp(), attempts = 0
    WHERE order_id = %(order_id)s AND check_due_at IS NOT NULL
"""


def retry(connection: db.Connection, order_id: int) -> bool:
    """Have a worker look at a payment now, as if for the first time; whether it is undecided."""
    return connection.execute(_RETRY, {"order_id": order_id}).rowcount == 1


# The date moves before the question is asked, so a worker that dies leaves the next one a turn.
_TAKE_DUE = """
    UPDATE payments
    SET check_due_at = clock_timestamp() + CASE status
        WHEN 'VOIDED' THEN greatest(%(again)s * interval '1 second',
                                    (clock_timestamp() - created_at) / 4)
        ELSE %(again)s * interval '1 second' END
    WHERE order_id = ANY(ARRAY(
        SELECT order_id FROM payments WHERE check_due_at <= statement_timestamp()
        ORDER BY check_due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING order_id
"""


def take_due(limit: int, again: float) -> Sequence[int]:
    """The orders to check now; again after `again` seconds, voided ones more rarely.

    What a buyer may still pay is asked about to its last minute: no webhook has to come.
    """
    return [row[0] for row in db.rows(_TAKE_DUE, {"limit": limit, "again": again})]


_CHARGE = """
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
    VALUES ('CHARGE', %(order_id)s, NULL, %(amount_minor)s, %(currency)s)
"""
# A line that was free brought nothing, and the ledger knows no entry of nothing.
_CHARGE_LINES = """
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
    SELECT 'CHARGE', %(order_id)s, id, unit_price_minor - discount_minor, currency
    FROM booking_lines
    WHERE id = ANY(%(line_ids)s) AND unit_price_minor > discount_minor
    ORDER BY id
    ON CONFLICT ON CONSTRAINT ledger_once DO NOTHING
"""


def charge(connection: db.Connection, payment: Payment) -> None:
    """Enter money that came for nothing."""
    values = {
        "order_id": payment.order_id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
    }
    connection.execute(_CHARGE, values)


def charge_lines(connection: db.Connection, payment: Payment) -> None:
    """Enter what was paid, line by line."""
    connection.execute(_CHARGE_LINES, {"order_id": payment.order_id, "line_ids": payment.line_ids})


# What was paid for bookings that are erased is owed back, all that is not yet; what is open is no
# longer wanted.
_ORPHAN = """
    WITH voided AS (
        UPDATE payments SET status = 'VOIDED', check_due_at = clock_timestamp()
        WHERE status IN ('INITIATED', 'OPEN', 'ACCEPTED', 'CAPTURED')
    ), ended AS (
        UPDATE payments SET status = 'REFUND_DUE', decided_at = clock_timestamp()
        WHERE status = 'COMPLETED' RETURNING order_id
    ), line AS (
        SELECT c.order_id, c.line_id, c.amount_minor, c.currency
        FROM ledger c JOIN ended USING (order_id)
        WHERE c.kind = 'CHARGE' AND NOT EXISTS (
            SELECT FROM ledger given WHERE given.order_id = c.order_id
                AND given.line_id = c.line_id AND given.kind IN ('REFUND_DUE', 'FEE'))
    ), refund AS (
        INSERT INTO refunds (order_id, amount_minor, currency)
        SELECT order_id, sum(amount_minor), min(currency) FROM line GROUP BY order_id
        RETURNING id, order_id, amount_minor, currency
    ), message AS (
        INSERT INTO outbox (topic, key, payload)
        SELECT 'refund.due', p.booking_id::text, jsonb_build_object('refund_id', r.id,
               'order_id', p.order_id::text, 'booking_id', p.booking_id, 'user_id', p.user_id,
               'amount_minor', r.amount_minor, 'fee_minor', 0, 'currency', r.currency)
        FROM refund r JOIN payments p USING (order_id)
    ), record AS (
        INSERT INTO audit_log (actor, action, entity, entity_id, to_status)
        SELECT 'system', 'refund.due', 'refund', id, 'DUE' FROM refund
    )
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
    SELECT 'REFUND_DUE', order_id, line_id, line.amount_minor, line.currency, refund.id
    FROM line JOIN refund USING (order_id)
"""


def orphan_all(connection: db.Connection) -> None:
    """Part all payments from their bookings, which are about to be erased."""
    connection.execute(_ORPHAN)
