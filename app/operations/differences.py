"""Differences as they are stored: suspected, listed, healed or resolved, and closed when gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import LiteralString

from app.kernel import audit, db, errors
from app.operations.models import Difference, DifferenceKind, Finding, Outcome, Part, Run

# What is still the same keeps what a person has said of it. Something else is a new difference.
_SAME: LiteralString = "((d.ours, d.theirs) = (excluded.ours, excluded.theirs))"
_RECORD: LiteralString = f"""
    INSERT INTO differences AS d (kind, subject, ours, theirs, listed_at)
    SELECT found.kind, found.subject, found.ours, found.theirs,
           CASE WHEN %(patience)s = 0 THEN clock_timestamp() END
    FROM unnest(%(kinds)s::text[], %(subjects)s::text[], %(ours)s::text[], %(theirs)s::text[])
        AS found (kind, subject, ours, theirs)
    ORDER BY found.kind, found.subject
    ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO UPDATE SET
        ours = excluded.ours, theirs = excluded.theirs, last_seen = clock_timestamp(),
        first_seen = CASE WHEN {_SAME} THEN d.first_seen ELSE clock_timestamp() END,
        listed_at = CASE
            WHEN NOT {_SAME} THEN excluded.listed_at
            WHEN d.first_seen <= clock_timestamp() - %(patience)s * interval '1 second'
                THEN coalesce(d.listed_at, clock_timestamp())
            ELSE d.listed_at END,
        resolved_at = CASE WHEN {_SAME} THEN d.resolved_at END,
        resolved_by = CASE WHEN {_SAME} THEN d.resolved_by ELSE '' END,
        note = CASE WHEN {_SAME} THEN d.note ELSE '' END
    RETURNING kind, subject, listed_at IS NOT NULL
"""  # noqa: S608 - constants


def record(
    connection: db.Connection, findings: Sequence[Finding], *, patience: float
) -> list[Finding]:
    """Store what one look has found; returns what is certain.

    That is what was seen at least `patience` seconds ago, and has not changed since.
    """
    if not findings:
        return []
    by_key = {(one.kind.value, one.subject): one for one in findings}
    values = {
        "kinds": [one.kind.value for one in by_key.values()],
        "subjects": [one.subject for one in by_key.values()],
        "ours": [one.ours for one in by_key.values()],
        "theirs": [one.theirs for one in by_key.values()],
        "patience": patience,
    }
    found = connection.execute(_RECORD, values)
    return [by_key[kind, subject] for kind, subject, is_certain in found if is_certain]


_HEAL = """
    UPDATE differences
    SET healed_at = clock_timestamp(), closed_at = clock_timestamp(),
        listed_at = coalesce(listed_at, clock_timestamp())
    WHERE closed_at IS NULL AND kind = %(kind)s AND subject = ANY(%(subjects)s)
"""


def note_healed(connection: db.Connection, kind: DifferenceKind, subjects: Collection[str]) -> None:
    """A rule has put these right."""
    connection.execute(_HEAL, {"kind": kind, "subjects": list(subjects)})


_CLOSE = """
    UPDATE differences SET closed_at = clock_timestamp()
    WHERE closed_at IS NULL AND kind = ANY(%(kinds)s) AND last_seen < %(began)s
      AND (%(subjects)s::text[] IS NULL OR subject = ANY(%(subjects)s::text[]))
"""


def close_unseen(
    connection: db.Connection,
    kinds: Collection[DifferenceKind],
    began: datetime,
    subjects: Collection[str] | None = None,
) -> None:
    """Close what a look that began then has not seen again, among these subjects or all."""
    values = {
        "kinds": [kind.value for kind in kinds],
        "began": began,
        "subjects": None if subjects is None else list(subjects),
    }
    connection.execute(_CLOSE, values)


_COLUMNS: LiteralString = """id, kind, subject, ours, theirs, first_seen, last_seen, healed_at,
    resolved_at, resolved_by, note, closed_at"""
_OPEN = "listed_at IS NOT NULL AND closed_at IS NULL AND resolved_at IS NULL"
_LISTED: LiteralString = f"SELECT {_COLUMNS} FROM differences WHERE {_OPEN} ORDER BY id"  # noqa: S608 - constants
_HISTORY: LiteralString = f"""
    SELECT {_COLUMNS} FROM differences
    WHERE listed_at IS NOT NULL AND NOT ({_OPEN}) ORDER BY id DESC LIMIT 200
"""  # noqa: S608 - constants
_COUNT: LiteralString = f"""
    SELECT kind, count(*) FROM differences WHERE {_OPEN} GROUP BY kind ORDER BY kind
"""  # noqa: S608 - constants
_SUBJECTS = """
    SELECT subject FROM differences WHERE closed_at IS NULL AND kind = ANY(%(kinds)s)
    ORDER BY last_seen LIMIT 200
"""


def listed() -> list[Difference]:
    """What waits for a person, oldest first."""
    return [Difference(*row) for row in db.rows(_LISTED)]


def history() -> list[Difference]:
    """What was healed, resolved, or went away, latest first."""
    return [Difference(*row) for row in db.rows(_HISTORY)]


def count() -> dict[str, int]:
    """How many of each kind wait for a person."""
    return {row[0]: row[1] for row in db.rows(_COUNT)}


def open_subjects(kinds: Collection[DifferenceKind]) -> list[str]:
    """Subjects to look at again, suspected ones among them; those not seen for longest first."""
    found = db.rows(_SUBJECTS, {"kinds": [kind.value for kind in kinds]})
    return [row[0] for row in found]


_RESOLVE: LiteralString = f"""
    UPDATE differences
    SET resolved_at = clock_timestamp(), resolved_by = %(actor)s, note = %(note)s
    WHERE id = %(id)s AND {_OPEN}
"""  # noqa: S608 - constants


def resolve(difference_id: int, *, actor: str, note: str) -> None:
    """A person has dealt with a difference; it is not shown again unless it changes.

    Raises NotFound when it does not wait for one.
    """
    with db.transaction() as connection:
        values = {"id": difference_id, "actor": actor, "note": note}
        if connection.execute(_RESOLVE, values).rowcount == 0:
            raise errors.NotFound("Такого расхождения нет.", code="difference_not_found")
        audit.record(
            connection,
            actor=actor,
            action="difference.resolved",
            entity="difference",
            entity_id=difference_id,
            from_status="OPEN",
            to_status="RESOLVED",
        )


_BEGIN = """
    INSERT INTO reconciliations AS r (part) VALUES (%(part)s)
    ON CONFLICT (part) DO UPDATE SET started_at = clock_timestamp(), ended_at = NULL
    RETURNING started_at, position, since
"""
# A round is over when it has come to the end of what there is; the next one begins at the start.
_END = """
    UPDATE reconciliations
    SET ended_at = clock_timestamp(), examined = %(examined)s, last_error = %(error)s,
        position = coalesce(%(position)s::bigint, position),
        since = CASE WHEN %(position)s = 0 THEN round_at ELSE since END,
        round_at = CASE WHEN %(position)s = 0 THEN started_at ELSE round_at END
    WHERE part = %(part)s
"""
_RUNS = "SELECT part, started_at, ended_at, examined, last_error FROM reconciliations ORDER BY part"
_AGE = """
    SELECT extract(epoch FROM clock_timestamp() - max(started_at))::float8 FROM reconciliations
"""


def begin(part: Part) -> Run:
    """Store that a part is being compared; returns where it goes on."""
    row = db.one(_BEGIN, {"part": part})
    if row is None:
        raise LookupError("The statement always has one row.")
    return Run(part, *row)


def end(outcome: Outcome, position: int | None) -> None:
    """Store what came of a part, and where the next one goes on; 0: at the start, None: there."""
    values = {
        "part": outcome.part,
        "examined": outcome.examined,
        "error": outcome.error[:500],
        "position": position,
    }
    with db.primary().connection() as connection:
        connection.execute(_END, values)


def runs() -> list[tuple[str, datetime, datetime | None, int, str]]:
    """Each part's last run: begun, ended, how much was examined, what went wrong."""
    return [(row[0], row[1], row[2], row[3], row[4]) for row in db.rows(_RUNS)]


def seconds_since_last() -> float | None:
    """Seconds since the last reconciliation began; None: never."""
    row = db.one(_AGE)
    return None if row is None else row[0]
