"""Orders and places in the database.

Every write of a step names the turn that it was taken with, and does nothing when somebody else
has taken the order up since: two workers may meet, but only one of them has a say. Whoever changes
what an order is for, in whatever slice, counts as one: a step under way must not end over that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from app.kernel import db
from app.provider.models import Order, PlaceStatus, Status

_COLUMNS: LiteralString = """booking_id, order_id, status, turn, attempts,
    extract(epoch FROM clock_timestamp() - changed_at)::float8"""
_FIND: LiteralString = f"""
    SELECT {_COLUMNS} FROM provider_orders WHERE booking_id = %(booking_id)s
"""  # noqa: S608 - a constant
_LOCK: LiteralString = _FIND + " FOR NO KEY UPDATE"


def _order(row: db.Row | None) -> Order | None:
    if row is None:
        return None
    order = Order(*row)
    return order._replace(status=Status(order.status))


def find(booking_id: int) -> Order | None:
    """The order of a booking."""
    return _order(db.one(_FIND, {"booking_id": booking_id}))


def lock(connection: db.Connection, booking_id: int) -> Order | None:
    """The order of a booking, locked; the booking and its payment have to be locked before."""
    return _order(connection.execute(_LOCK, {"booking_id": booking_id}).fetchone())


_INSERT = """
    INSERT INTO provider_orders (booking_id, event_id, status)
    VALUES (%(booking_id)s, %(event_id)s, 'HELD')
    ON CONFLICT (booking_id) DO NOTHING
"""


def insert(connection: db.Connection, booking_id: int, event_id: int) -> None:
    """Make the order of a booking, with nothing in it, if there is none."""
    connection.execute(_INSERT, {"booking_id": booking_id, "event_id": event_id})


_SET_STATUS = """
    UPDATE provider_orders
    SET status = %(to)s, changed_at = clock_timestamp(), attempts = 0, last_error = '',
        turn = turn + 1,
        due_at = CASE WHEN %(is_due)s THEN clock_timestamp() END,
        wanted_at = CASE WHEN %(to)s = 'WANTED' THEN clock_timestamp() ELSE wanted_at END,
        asked_at = CASE WHEN %(to)s = 'WANTED' THEN NULL ELSE asked_at END,
        refusal_told = refusal_told AND %(to)s <> 'REFUSED'
    WHERE booking_id = %(booking_id)s
"""


def set_status(connection: db.Connection, booking_id: int, to: Status, *, is_due: bool) -> None:
    """Store a new status of a locked order; whoever is at work on it has no say any more."""
    connection.execute(_SET_STATUS, {"booking_id": booking_id, "to": to, "is_due": is_due})


_TELL = """
    UPDATE provider_orders SET refusal_told = true
    WHERE booking_id = %(booking_id)s AND NOT refusal_told
"""


def tell_refusal(connection: db.Connection, booking_id: int) -> bool:
    """Whether the buyer still has to be told that a place was refused; from now on not."""
    return connection.execute(_TELL, {"booking_id": booking_id}).rowcount == 1


_REST = "UPDATE provider_orders SET due_at = NULL WHERE booking_id = %(booking_id)s"


def rest(connection: db.Connection, booking_id: int) -> None:
    """Take an order out of the turns."""
    connection.execute(_REST, {"booking_id": booking_id})


_MAKE_ALL_DUE = """
    UPDATE provider_orders SET due_at = clock_timestamp(), turn = turn + 1, attempts = 0
    WHERE status NOT IN ('CONFIRMED', 'RETURNED', 'CANCELLED')
"""


def make_all_due(connection: db.Connection) -> None:
    """Have workers look at every order that is not at its end."""
    connection.execute(_MAKE_ALL_DUE)


_RETRY = """
    UPDATE provider_orders SET due_at = clock_timestamp(), attempts = 0
    WHERE booking_id = %(booking_id)s
"""


def retry(connection: db.Connection, booking_id: int) -> None:
    """Have a worker look at a locked order now, as if it had not failed."""
    connection.execute(_RETRY, {"booking_id": booking_id})


_TAKE: LiteralString = f"""
    UPDATE provider_orders SET turn = turn + 1,
        due_at = clock_timestamp() + %(lease)s * interval '1 second'
    WHERE booking_id = ANY(ARRAY(
        SELECT booking_id FROM provider_orders
        WHERE due_at <= statement_timestamp() AND (status <> 'WANTED' OR asked_at IS NOT NULL)
        ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING {_COLUMNS}
"""  # noqa: S608 - as above


def take_due(limit: int, lease: float) -> list[Order]:
    """The orders that are to be looked at now; theirs again after `lease` seconds."""
    found = db.rows(_TAKE, {"limit": limit, "lease": lease})
    return [order for row in found if (order := _order(row))]


_ADMISSION_LOCK = 0x62696C65_61646D69
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%(lock)s)"
_ON_THE_WAY = """
    SELECT coalesce(sum((SELECT count(*) FROM provider_places p
                         WHERE p.booking_id = o.booking_id AND p.status <> 'BOUGHT')), 0)::bigint
    FROM provider_orders o
    WHERE o.status = 'WANTED' AND o.asked_at IS NOT NULL AND o.due_at IS NOT NULL
"""
_ADMIT: LiteralString = f"""
    UPDATE provider_orders SET turn = turn + 1, asked_at = clock_timestamp(),
        due_at = clock_timestamp() + %(lease)s * interval '1 second'
    WHERE booking_id = ANY(ARRAY(
        SELECT q.booking_id FROM (
            SELECT o.booking_id,
                   sum(n.places) OVER (ORDER BY o.wanted_at, o.booking_id) - n.places AS before
            FROM (SELECT booking_id, wanted_at FROM provider_orders
                  WHERE status = 'WANTED' AND asked_at IS NULL
                  ORDER BY wanted_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED) o
            CROSS JOIN LATERAL (SELECT count(*) AS places FROM provider_places p
                                WHERE p.booking_id = o.booking_id AND p.status <> 'BOUGHT') n
        ) q WHERE q.before < %(room)s))
    RETURNING {_COLUMNS}
"""  # noqa: S608 - as above


def admit(window: int, limit: int, lease: float) -> list[Order]:
    """Take orders out of the queue, the oldest first, while fewer than `window` places are asked
    for and not counted yet: as many as the provider brings, whatever its pace is."""
    with db.transaction() as connection:
        row = connection.execute(_TRY_LOCK, {"lock": _ADMISSION_LOCK}).fetchone()
        if not row or not row[0]:
            return []  # Another worker admits.
        on_the_way = connection.execute(_ON_THE_WAY).fetchone()
        room = window - (on_the_way[0] if on_the_way else 0)
        if room <= 0:
            return []
        found = connection.execute(_ADMIT, {"room": room, "limit": limit, "lease": lease})
        return [order for row in found if (order := _order(row))]


_STORE_ORDER_ID = """
    UPDATE provider_orders SET order_id = %(order_id)s
    WHERE booking_id = %(booking_id)s AND turn = %(turn)s
"""


def store_order_id(order: Order, order_id: UUID) -> bool:
    """Remember the provider's order before it is used; False: somebody else is at work."""
    params = {"booking_id": order.booking_id, "turn": order.turn, "order_id": order_id}
    with db.primary().connection() as connection:
        return connection.execute(_STORE_ORDER_ID, params).rowcount == 1


_FINISH = """
    UPDATE provider_orders
    SET status = %(to)s, changed_at = clock_timestamp(), attempts = 0, last_error = '',
        due_at = CASE WHEN %(is_due)s THEN clock_timestamp() END, turn = turn + 1,
        refusal_told = refusal_told AND %(to)s <> 'REFUSED'
    WHERE booking_id = %(booking_id)s AND turn = %(turn)s
"""
# What a status has to be is a parameter, or the index of places under way would be taken for the
# booking's while it is empty.
_SET_PLACES = """
    UPDATE provider_places SET status = %(to)s, changed_at = clock_timestamp()
    WHERE booking_id = %(booking_id)s AND status = ANY(%(before)s)
"""
_UNDER_WAY = (
    PlaceStatus.ASKED, PlaceStatus.SELECTED, PlaceStatus.SURPLUS, PlaceStatus.RELEASING,
)  # fmt: skip


def finish(connection: db.Connection, order: Order, to: Status, *, is_due: bool) -> bool:
    """End a step; False: somebody else is at work.

    What a confirmed order has is bought, what a cancelled one had is free.
    """
    params = {
        "booking_id": order.booking_id, "turn": order.turn, "to": to, "is_due": is_due,
    }  # fmt: skip
    if connection.execute(_FINISH, params).rowcount == 0:
        return False
    if to is Status.CONFIRMED:
        _set_places(connection, order, PlaceStatus.BOUGHT, [PlaceStatus.SELECTED])
    if to is Status.CANCELLED:
        _set_places(connection, order, PlaceStatus.FREED, _UNDER_WAY)
    return True


def _set_places(
    connection: db.Connection, order: Order, to: PlaceStatus, before: Sequence[PlaceStatus]
) -> None:
    values = {"booking_id": order.booking_id, "to": to, "before": [*before]}
    connection.execute(_SET_PLACES, values)


_LATER = """
    UPDATE provider_orders
    SET due_at = clock_timestamp()
            + %(seconds)s * (0.75 + random() / 2) * interval '1 second',
        attempts = CASE WHEN %(error)s = '' THEN attempts ELSE attempts + 1 END,
        last_error = CASE WHEN %(error)s = '' THEN last_error ELSE %(error)s END
    WHERE booking_id = %(booking_id)s AND turn = %(turn)s
"""


def look_later(order: Order, seconds: float, error: str = "") -> None:
    """Have the order looked at again after about so many seconds; a failed try is counted."""
    params = {
        "booking_id": order.booking_id, "turn": order.turn, "seconds": seconds,
        "error": error[:500],
    }  # fmt: skip
    with db.primary().connection() as connection:
        connection.execute(_LATER, params)


_STATUSES = """
    SELECT booking_id, status FROM provider_orders WHERE booking_id = ANY(%(booking_ids)s)
"""


def statuses(booking_ids: Sequence[int]) -> dict[int, Status]:
    """Where these orders are."""
    return {row[0]: Status(row[1]) for row in db.rows(_STATUSES, {"booking_ids": booking_ids})}


_AHEAD = """
    SELECT count(*) FROM (
        SELECT FROM provider_orders q JOIN provider_orders o ON o.booking_id = %(booking_id)s
        WHERE q.status = 'WANTED' AND q.asked_at IS NULL AND q.wanted_at < o.wanted_at
        LIMIT %(most)s) AS ahead
"""


def ahead(booking_id: int, most: int) -> int:
    """How many orders wait before this one to be asked for, at most `most`."""
    row = db.one(_AHEAD, {"booking_id": booking_id, "most": most})
    return int(row[0]) if row else 0
