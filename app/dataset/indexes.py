"""The archive's search index, and what keeps plans good after a load.

Building the index at the end, slice by slice, takes a fraction of the time that keeping it does
while rows come. Before that the rows are sorted, so that a day is a few pages side by side. A load
that was broken off leaves no index; the next run sorts and makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

from app.dataset import sessions
from app.dataset.sessions import Connection

_CONNECTIONS = 2
_FEW_ROWS = 50_000
_OPTIONS = "USING gin (search) WITH (fastupdate = off)"


def is_worth_rebuilding(connection: Connection) -> bool:
    """Whether the archive has so few rows that its index is made anew in a moment."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT FROM events_archive LIMIT %s) AS few", [_FEW_ROWS + 1]
    ).fetchone()
    return bool(row and row[0] <= _FEW_ROWS)


def drop_search_index(connection: Connection) -> None:
    """Drop the index of an archive that is about to be filled."""
    connection.execute("DROP INDEX IF EXISTS events_archive_search")


def has_search_index(connection: Connection) -> bool:
    """Whether the index of the whole archive is there and can be used."""
    row = connection.execute(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('events_archive_search')"
    ).fetchone()
    return bool(row and row[0])


def sort_slices(connection: Connection, url: str, advance: Callable[[int, int], None]) -> None:
    """Lay the rows of each slice in the order of their starts, in which they are read."""
    rows = connection.execute("""
        SELECT indrelid::regclass::text, indexrelid::regclass::text
        FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid
        WHERE inhparent = 'events_archive_by_start'::regclass
        ORDER BY pg_relation_size(indrelid) DESC, 1
    """).fetchall()
    statements = [f"CLUSTER {slice_} USING {index}" for slice_, index in rows]
    _run_side_by_side(url, statements, advance)


def complete_search_index(
    connection: Connection, url: str, advance: Callable[[int, int], None]
) -> None:
    """Make what is missing of the index; `advance` hears how many slices of how many are done."""
    if has_search_index(connection):
        return
    drop_search_index(connection)
    statements = [
        f"CREATE INDEX IF NOT EXISTS {name}_search_idx ON {name} {_OPTIONS}"
        for name in _slices(connection)
    ]
    _run_side_by_side(url, statements, advance)
    create_search_index(connection)


def create_search_index(connection: Connection) -> None:
    """Make the index of the whole; it takes over those of its slices that are like it."""
    connection.execute(f"CREATE INDEX events_archive_search ON events_archive {_OPTIONS}")


def refresh_statistics(
    connection: Connection, url: str, changed: set[str], advance: Callable[[int, int], None]
) -> None:
    """Vacuum and analyze the tables that have been changed."""
    statements = [f"VACUUM (ANALYZE) {name}" for name in sorted(changed - {"events_archive"})]
    if "events_archive" in changed:
        # Analyzing the whole takes its slices along; so they are not analyzed before.
        statements = [f"VACUUM {name}" for name in _slices(connection)] + statements
    _run_side_by_side(url, statements, advance)
    if "events_archive" in changed:
        connection.execute("ANALYZE events_archive")


def _slices(connection: Connection) -> list[str]:
    """The archive's partitions, the largest first."""
    rows = connection.execute("""
        SELECT inhrelid::regclass::text FROM pg_inherits
        WHERE inhparent = 'events_archive'::regclass
        ORDER BY pg_relation_size(inhrelid) DESC, 1
    """).fetchall()
    return [row[0] for row in rows]


def _run_side_by_side(url: str, statements: list[str], advance: Callable[[int, int], None]) -> None:
    def work(numbers: list[str]) -> None:
        with sessions.worker(url) as connection:
            sessions.allow_index_memory(connection)
            while True:
                try:
                    statement = numbers.pop(0)
                except IndexError:
                    return
                connection.execute(statement.encode())
                advance(len(statements) - len(numbers), len(statements))

    waiting = list(statements)
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        running = [threads.submit(work, waiting) for _ in range(_CONNECTIONS)]
        try:
            for one in as_completed(running):
                one.result()
        except BaseException:
            waiting.clear()
            raise
