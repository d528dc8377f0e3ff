"""What the synthetic buyer needs: an event that is listed nowhere, and an account.

The buyer is a program that books, selects, releases and cancels every minute, so that whoever runs
the service hears of it before buyers do. Its event is no different for all that sells seats.
"""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from app.kernel import audit, db, errors
from app.people import service as people

_SLUG = "probe"
_TITLE = "Проверка"
_ROWS, _PER_ROW = 2, 10
_HOLD_SECONDS = 60
"""What a buyer that was killed leaves behind is free again before the next one comes."""
_ROLE = "probe"

# Far from the ids that datasets bring with them.
_ORGANIZER = """
    INSERT INTO organizers (id, slug, name) VALUES (1000000, %(slug)s, %(title)s)
    ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug RETURNING id
"""
# In a year that no list asks for.
_EVENT: LiteralString = """
    WITH known AS (
        SELECT id FROM events WHERE organizer_id = %(organizer)s ORDER BY id LIMIT 1
    ), made AS (
        INSERT INTO events (organizer_id, title, type, starts_at, status, hold_seconds)
        SELECT %(organizer)s, %(title)s, 'probe', '2100-01-01', 'UNLISTED', %(hold)s
        WHERE NOT EXISTS (SELECT FROM known)
        RETURNING id
    )
    SELECT id, false FROM known UNION ALL SELECT id, true FROM made
"""
_ZONE = """
    INSERT INTO zones (event_id, position, name, price_minor)
    VALUES (%(event)s, 1, %(title)s, 100000) RETURNING id
"""
_SEATS = """
    INSERT INTO seats (event_id, zone_id, row_number, number, price_minor)
    SELECT %(event)s, %(zone)s, place / %(per_row)s + 1, place %% %(per_row)s + 1, 100000
    FROM generate_series(0, %(rows)s * %(per_row)s - 1) AS place
"""


class Probe(NamedTuple):
    """What the buyer is told."""

    event_id: int
    user_id: int
    seats: int
    hold_seconds: int


def prepare(email: str, password: str, *, actor: str) -> Probe:
    """Make the event and the account, or bring the account's password up to date.

    Raises Conflict when the address is that of a person, BadRequest for one that is none.
    """
    if "@" not in email or ":" in email or not password:
        raise errors.BadRequest("Нужны адрес почты (без двоеточия) и пароль.")
    with db.transaction() as connection:
        user_id = people.prepare_program(connection, email, password, role=_ROLE)
        organizer = _one(connection, _ORGANIZER, slug=_SLUG, title=_TITLE)
        values = {"organizer": organizer, "title": _TITLE, "hold": _HOLD_SECONDS}
        row = connection.execute(_EVENT, values).fetchone()
        if row is None:
            raise LookupError("The statement always has one row.")
        event_id, is_new = row
        if is_new:
            zone = _one(connection, _ZONE, event=event_id, title=_TITLE)
            seats = {"event": event_id, "zone": zone, "rows": _ROWS, "per_row": _PER_ROW}
            connection.execute(_SEATS, seats)
            audit.record(
                connection,
                actor=actor,
                action="probe.made",
                entity="event",
                entity_id=event_id,
                from_status=None,
                to_status="UNLISTED",
            )
    return Probe(event_id, user_id, _ROWS * _PER_ROW, _HOLD_SECONDS)


def _one(connection: db.Connection, query: LiteralString, **values: object) -> int:
    row = connection.execute(query, values).fetchone()
    if row is None:
        raise LookupError("The statement always has one row.")
    return int(row[0])
