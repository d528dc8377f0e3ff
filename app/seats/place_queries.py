"""Seats that the event provider sells itself, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from app.kernel import db

# Who is at work on a seat decides; it is left for the next look.
_GIVE = """
    WITH seat AS MATERIALIZED (
        SELECT id FROM seats s
        WHERE id = ANY(%(seat_ids)s) AND status = 'FREE' AND NOT EXISTS (
            SELECT FROM provider_places p
            WHERE p.place_id = s.external_id AND p.status NOT IN ('REFUSED', 'FREED') OFFSET 0)
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE seats s
    SET status = 'SOLD', holder_kind = 'PROVIDER', holder_id = 0, held_until = NULL,
        version = s.version + 1, changed_in = pg_current_xact_id()::text::bigint
    FROM seat WHERE s.id = seat.id
    RETURNING s.id
"""
_TAKE_BACK = """
    WITH seat AS MATERIALIZED (
        SELECT id FROM seats
        WHERE id = ANY(%(seat_ids)s) AND status = 'SOLD' AND holder_kind = 'PROVIDER'
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE seats s
    SET status = 'FREE', holder_kind = NULL, holder_id = NULL, held_until = NULL,
        version = s.version + 1, changed_in = pg_current_xact_id()::text::bigint
    FROM seat WHERE s.id = seat.id
    RETURNING s.id
"""


def give_to_provider(connection: db.Connection, seat_ids: Sequence[int]) -> list[int]:
    """Mark free seats, for which none of our orders asks, as sold by the provider."""
    return [row[0] for row in connection.execute(_GIVE, {"seat_ids": list(seat_ids)})]


def take_back(connection: db.Connection, seat_ids: Sequence[int]) -> list[int]:
    """Set seats free that were marked as sold by the provider."""
    return [row[0] for row in connection.execute(_TAKE_BACK, {"seat_ids": list(seat_ids)})]
