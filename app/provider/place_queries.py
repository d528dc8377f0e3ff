"""The places of our orders in the database.

As with orders, a write of a step names its turn, and does nothing when somebody else has the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.kernel import db
from app.provider.models import Order, PlaceRow, PlaceStatus, Wanted

# OFFSET keeps PostgreSQL from reading all places that are bought, to look each up in them.
_WANT = """
    INSERT INTO provider_places (booking_id, seat_id, place_id, status)
    SELECT %(booking_id)s, wanted.seat_id, wanted.place_id,
           CASE WHEN EXISTS (SELECT FROM provider_places b
                             WHERE b.place_id = wanted.place_id AND b.status = 'BOUGHT'
                             OFFSET 0)
                THEN 'BOUGHT' ELSE 'WANTED' END
    FROM unnest(%(seat_ids)s::bigint[], %(place_ids)s::uuid[]) AS wanted (seat_id, place_id)
    ON CONFLICT (booking_id, place_id) DO UPDATE
        SET status = excluded.status, changed_at = clock_timestamp()
        WHERE provider_places.status IN ('REFUSED', 'FREED')
"""
_KEEP = """
    UPDATE provider_places SET status = 'SELECTED', changed_at = clock_timestamp()
    WHERE booking_id = %(booking_id)s AND place_id = ANY(%(place_ids)s::uuid[])
      AND status = 'SURPLUS'
"""
_DROP = """
    WITH surplus AS (
        SELECT place_id, status FROM provider_places
        WHERE booking_id = %(booking_id)s AND place_id <> ALL(%(place_ids)s::uuid[])
    ), forgotten AS (
        DELETE FROM provider_places
        WHERE booking_id = %(booking_id)s AND place_id = ANY(ARRAY(
            SELECT place_id FROM surplus WHERE status IN ('WANTED', 'REFUSED')))
    )
    UPDATE provider_places SET status = 'SURPLUS', changed_at = clock_timestamp()
    WHERE booking_id = %(booking_id)s AND place_id = ANY(ARRAY(
        SELECT place_id FROM surplus WHERE status = 'SELECTED'))
"""


def want(connection: db.Connection, booking_id: int, wanted: Sequence[Wanted]) -> None:
    """Have exactly these places wanted for a locked order; what else is in it has to go."""
    place_ids = [one.place_id for one in wanted]
    connection.execute(_DROP, {"booking_id": booking_id, "place_ids": place_ids})
    connection.execute(_KEEP, {"booking_id": booking_id, "place_ids": place_ids})
    connection.execute(
        _WANT,
        {
            "booking_id": booking_id,
            "seat_ids": [one.seat_id for one in wanted],
            "place_ids": place_ids,
        },
    )


_PLACES = """
    SELECT p.seat_id, p.place_id, p.status,
           extract(epoch FROM clock_timestamp() - CASE WHEN p.status IN ('ASKED', 'RELEASING')
               THEN coalesce(p.doubted_at, clock_timestamp()) ELSE p.changed_at END)::float8,
           EXISTS (SELECT FROM provider_places o
                   WHERE o.place_id = p.place_id AND o.status = 'BOUGHT' OFFSET 0),
           EXISTS (SELECT FROM provider_places o
                   WHERE o.place_id = p.place_id AND o.booking_id <> p.booking_id
                   AND o.status IN ('ASKED', 'SELECTED', 'SURPLUS', 'RELEASING') OFFSET 0),
           EXISTS (SELECT FROM provider_places o
                   WHERE o.place_id = p.place_id AND o.booking_id <> p.booking_id
                   AND o.status = 'FREED' AND o.changed_at
                       > clock_timestamp() - %(recent)s * interval '1 second' OFFSET 0)
    FROM provider_places p WHERE p.booking_id = %(booking_id)s ORDER BY p.seat_id
"""


def places(
    booking_id: int, connection: db.Connection | None = None, *, recent: float = 0.0
) -> list[PlaceRow]:
    """The places of an order, by seat; `recent` seconds are a moment."""
    params = {"booking_id": booking_id, "recent": recent}
    found = connection.execute(_PLACES, params) if connection else db.rows(_PLACES, params)
    return [PlaceRow(*row)._replace(status=PlaceStatus(row[2])) for row in found]


_SET_PLACE = """
    WITH mine AS MATERIALIZED (
        UPDATE provider_orders
        SET changed_at = CASE WHEN %(is_progress)s THEN clock_timestamp() ELSE changed_at END,
            attempts = CASE WHEN %(is_progress)s THEN 0 ELSE attempts END,
            due_at = clock_timestamp() + %(lease)s * interval '1 second'
        WHERE booking_id = %(booking_id)s AND turn = %(turn)s RETURNING booking_id
    )
    UPDATE provider_places p
    SET status = %(to)s, changed_at = clock_timestamp(), doubted_at = NULL
    FROM mine WHERE p.booking_id = mine.booking_id AND p.place_id = %(place_id)s
"""


_PROGRESS = frozenset(
    {PlaceStatus.SELECTED, PlaceStatus.BOUGHT, PlaceStatus.REFUSED, PlaceStatus.FREED}
)


def set_place(order: Order, place_id: UUID, to: PlaceStatus, lease: float) -> bool:
    """Store what became of a place, and keep the order; False: somebody else is at work.

    Raises psycopg's UniqueViolation when another order of ours is about this place.
    """
    params = {
        "booking_id": order.booking_id, "turn": order.turn, "place_id": place_id, "to": to,
        "lease": lease, "is_progress": to in _PROGRESS,
    }  # fmt: skip
    with db.primary().connection() as connection:
        return connection.execute(_SET_PLACE, params).rowcount == 1


_DOUBT = """
    UPDATE provider_places SET doubted_at = coalesce(doubted_at, clock_timestamp())
    WHERE booking_id = %(booking_id)s AND place_id = %(place_id)s
"""
_DOUBT_ANEW = """
    UPDATE provider_places SET doubted_at = NULL
    WHERE booking_id = %(booking_id)s AND place_id = %(place_id)s
"""


def doubt(booking_id: int, place_id: UUID) -> None:
    """Remember since when the provider's answers leave a place in doubt."""
    with db.primary().connection() as connection:
        connection.execute(_DOUBT, {"booking_id": booking_id, "place_id": place_id})


def doubt_anew(booking_id: int, place_id: UUID) -> None:
    """The provider did not answer: its lanes may have stood still all the time before."""
    with db.primary().connection() as connection:
        connection.execute(_DOUBT_ANEW, {"booking_id": booking_id, "place_id": place_id})
