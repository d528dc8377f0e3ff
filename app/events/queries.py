"""The catalogue in the database: active events first, by start; then the archive, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from app.kernel import db

_CATALOGUE = "status IN ('PUBLISHED', 'RESCHEDULED', 'CANCELLED', 'COMPLETED', 'REVIEWED')"
_TEXT = "search @@ websearch_to_tsquery('russian', translate(lower(%(text)s), 'ё', 'е'))"
# The day is the one on the wall of the venue; the range around it is what the index can use.
_DAY = """starts_at >= %(day)s::date - 1 AND starts_at < %(day)s::date + 2
    AND (starts_at AT TIME ZONE time_zone)::date = %(day)s::date"""
_ARCHIVED_DAY = "date_start = %(day)s::date"


class Item(NamedTuple):
    """What the list of events shows."""

    id: int
    title: str


def find(text: str | None, day: date | None, *, limit: int, offset: int) -> Sequence[Item]:
    """A page of the events that match, over the seam of active and archived ones."""
    active = [_CATALOGUE]
    archived = ["true"]
    if text:
        active.append(_TEXT)
        archived.append(_TEXT)
    if day:
        active.append(_DAY)
        archived.append(_ARCHIVED_DAY)
    params = {"text": text, "day": day, "limit": limit, "offset": offset}
    where_active, where_archived = " AND ".join(active), " AND ".join(archived)
    with db.read_only() as connection:
        found = connection.execute(
            f"""
            SELECT id, title FROM events WHERE {where_active}
            ORDER BY starts_at, id LIMIT %(limit)s OFFSET %(offset)s
            """,  # noqa: S608 - built of the constants above only
            params,
        ).fetchall()
        if len(found) < limit:
            active_count = connection.execute(
                f"SELECT count(*) FROM events WHERE {where_active}",  # noqa: S608 - as above
                params,
            ).fetchone()
            into_archive = max(0, offset - (active_count[0] if active_count else 0))
            found += connection.execute(
                f"""
                SELECT id, title FROM events_archive WHERE {where_archived}
                ORDER BY datetime_start DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
                """,  # noqa: S608 - as above
                params | {"limit": limit - len(found), "offset": into_archive},
            ).fetchall()
    return [Item(*row) for row in found]
