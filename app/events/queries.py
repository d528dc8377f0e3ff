"""The active events in the database: a few thousand, each of which can be bought."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import date

from app.events.models import Event
from app.events.rules import Wanted
from app.kernel import db

_IN_CATALOGUE = "status IN ('PUBLISHED', 'RESCHEDULED', 'CANCELLED', 'COMPLETED', 'REVIEWED')"
_TEXT = "search @@ %(query)s::tsquery"
_IN_TITLE = "ts_filter(search, '{a}') @@ %(query)s::tsquery"
# The day is the one on the wall of the venue; the range around it is what the index can use.
_DAY = """starts_at >= %(day)s::date - 1 AND starts_at < %(day)s::date + 2
    AND (starts_at AT TIME ZONE time_zone)::date = %(day)s::date"""
_UPCOMING, _BEGUN = "starts_at >= now()", "starts_at < now()"

# A word is looked for by its stem. Surnames are why that is not all: the stemmer makes козл of
# Козлов and козлов of Козлова, so the stem's own stem and the word as it stands count as well.
# Stop words count for nothing, unfinished ones ("концерт для") too. Nothing is looked for twice:
# each form has its list of events read.
_TSQUERY = """
    SELECT string_agg('(' || part || ')', ' & ')::tsquery::text FROM (
        SELECT CASE WHEN numnode(stem) > 1 THEN stem::text ELSE (
            SELECT string_agg(DISTINCT form, ' | ') FROM (
                VALUES (stem::text), (plainto_tsquery('simple', word)::text),
                    (CASE WHEN length(again) > 5 THEN again ELSE stem::text END),
                    (CASE WHEN is_unfinished THEN quote_literal(word) || ':*' END)
            ) AS forms (form)
            WHERE NOT (is_unfinished AND starts_with(form, rtrim(quote_literal(word), ''''))
                       AND right(form, 1) <> '*')
        ) END
        FROM (SELECT search_text(word) AS word, false AS is_unfinished
                  FROM unnest(%(words)s::text[]) AS word
              UNION ALL SELECT search_text(%(unfinished)s), true WHERE %(unfinished)s <> ''
             ) AS words,
            plainto_tsquery('russian', word) AS stem,
            CAST(plainto_tsquery('russian', trim(stem::text, '''')) AS text) AS again
        WHERE numnode(stem) > 0
        UNION ALL
        SELECT phrase::text FROM unnest(%(phrases)s::text[]) AS text,
            phraseto_tsquery('russian', search_text(text)) AS phrase
        WHERE numnode(phrase) > 0
    ) AS parts (part)
"""


@functools.lru_cache(4096)
def tsquery(wanted: Wanted) -> str | None:
    """The text as PostgreSQL's tsquery; None if there is nothing in it to look for."""
    rows = db.read_only(
        _TSQUERY,
        {
            "words": list(wanted.words),
            "phrases": list(wanted.phrases),
            "unfinished": wanted.unfinished,
        },
    )
    return rows[0][0] if rows else None


def active_days() -> tuple[date, date]:
    """The first and the last day, on any clock, that may have active events."""
    ((first, last),) = db.read_only(
        f"SELECT min(starts_at)::date - 1, max(starts_at)::date + 1 FROM events "  # noqa: S608
        f"WHERE {_IN_CATALOGUE}"
    )
    return (date.max, date.min) if first is None else (first, last)


def count_active(query: str | None, day: date | None) -> int:
    """How many active events match."""
    where = _where(query, day)
    ((count,),) = db.read_only(
        f"SELECT count(*) FROM events WHERE {where}",  # noqa: S608 - of constants above
        {"query": query, "day": day},
    )
    return int(count)


def find_active(query: str | None, day: date | None, *, limit: int, offset: int) -> Sequence[Event]:
    """Upcoming events, soonest first, those with all words in the title before the others; then
    those that have begun, last begun first."""
    where = _where(query, day)
    title_first = f"{_IN_TITLE} DESC, " if query else ""
    rows = db.read_only(
        f"""
        (SELECT id, title FROM events WHERE {where} AND {_UPCOMING}
         ORDER BY {title_first}starts_at, id LIMIT %(reach)s)
        UNION ALL
        (SELECT id, title FROM events WHERE {where} AND {_BEGUN}
         ORDER BY starts_at DESC, id DESC LIMIT %(reach)s)
        LIMIT %(limit)s OFFSET %(offset)s
        """,  # noqa: S608 - built of the constants above only
        {"query": query, "day": day, "limit": limit, "offset": offset, "reach": offset + limit},
    )
    return [Event(*row) for row in rows]


def _where(query: str | None, day: date | None) -> str:
    conditions = [_IN_CATALOGUE]
    if query:
        conditions.append(_TEXT)
    if day:
        conditions.append(_DAY)
    return " AND ".join(conditions)
