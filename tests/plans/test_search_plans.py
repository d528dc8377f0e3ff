"""How PostgreSQL runs each query of the catalogue: which index, and how many rows it touches.

A few thousand archived events in `make test`, where only the kind of plan can be seen; a million in
`make plans`, where the bounds bite.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.dataset import generate
from app.events import archive, service
from app.kernel import db
from app.migrations import runner

pytestmark = pytest.mark.usefixtures("app")

ROWS = int(os.environ.get("PLAN_ROWS", "20000"))
DAY = date(2024, 12, 25)

SHAPES = [
    ("концерт", None),
    ("Дмитрий Козлов", None),
    ("азарт", None),
    ("Чемпионат", None),
    ("Красная шапочка", None),
    ('Экспозиция "Звездные войны"', None),
]
SHAPES += [(text, DAY) for text, _ in SHAPES]
SWEEP = [(word, day) for word in generate.FREQUENCIES.values() for day in (None, DAY)]
OTHERS = [("", None), ("", DAY), ("конц", None), ("концерт экспозиция", None), ("ыыы", None)]


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[str]:
    """A database of its own with a big archive and ten thousand active events."""
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS plans")
        server.execute("CREATE DATABASE plans")
        url = make_conninfo(database_url, dbname="plans")
        runner.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection)
        yield url
        server.execute("DROP DATABASE plans")


def fill(connection: psycopg.Connection[Any]) -> None:
    size = generate.Size(users=11, events=10_000, archived=ROWS)
    connection.execute("INSERT INTO organizers (id, slug, name) VALUES (1, 'b', 'Б')")
    connection.execute("DROP INDEX events_archive_search")
    with connection.cursor() as cursor:
        with cursor.copy(
            "COPY events (id, organizer_id, title, description, type, starts_at, provider)"
            " FROM STDIN"
        ) as copy:
            for one in generate.events(size, datetime.now(UTC)):
                copy.write_row((one.id, 1, *one[1:4], one.datetime_start, one.provider))
        with cursor.copy(
            "COPY events_archive (id, title, description, type, datetime_start, provider)"
            " FROM STDIN"
        ) as copy:
            for event in generate.archived(size):
                copy.write_row(event)
    connection.execute("SET maintenance_work_mem = '256MB'")
    connection.execute(
        "CREATE INDEX events_archive_search ON events_archive USING gin (search)"
        " WITH (fastupdate = off)"
    )
    connection.execute("VACUUM (ANALYZE)")


@pytest.fixture
def explained(filled: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The plans, with what they really did, of all statements that the service runs."""
    plans: list[Any] = []
    monkeypatch.setattr(db, "_pools", {})
    options = db._read_only_options() | {"statement_timeout": 60_000}
    pool = db.Pool(filled, 2, options, "replica")

    def explaining(sql: Any, params: Any = None) -> Any:
        with pool.connection() as connection:
            plan = connection.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, params)
            plans.append(plan.fetchall()[0][0][0]["Plan"])
            return connection.execute(sql, params).fetchall()

    monkeypatch.setattr(db, "read_only", explaining)
    service.forget_pages()
    service._kept().extent.get(None, archive.extent)
    plans.clear()
    yield plans
    pool.discard()
    service.forget_pages()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def rows_read(plan: dict[str, Any]) -> float:
    """Rows that came out of tables, those thrown away afterwards included."""
    return sum(
        (
            node["Actual Rows"]
            + node.get("Rows Removed by Filter", 0)
            + node.get("Rows Removed by Index Recheck", 0)
        )
        * node["Actual Loops"]
        for node in nodes(plan)
        if "Relation Name" in node
    )


@pytest.mark.parametrize("page", [1, 50])
@pytest.mark.parametrize(("text", "day"), SHAPES + SWEEP + OTHERS)
def test_a_page_reads_about_as_much_as_it_shows(
    explained: list[Any], text: str, day: date | None, page: int
) -> None:
    service._find(text, day, 20, (page - 1) * 20)
    assert explained
    for plan in explained:
        scanned = [n["Relation Name"] for n in nodes(plan) if n["Node Type"] == "Seq Scan"]
        assert scanned == []
    # The walk, the hits up to the page, and at most some days too many of a frequent word.
    assert sum(rows_read(plan) for plan in explained) <= 2_000 + 20 * 20 * page
    assert len(explained) <= 8


def test_without_the_index_by_words_the_bound_is_broken(explained: list[Any], filled: str) -> None:
    """The control: what is counted above grows when a search has to read the archive."""
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("DROP INDEX events_archive_search")
        try:
            service._find(generate.FREQUENCIES[1e-6], None, 20, 0)
        finally:
            connection.execute(
                "CREATE INDEX events_archive_search ON events_archive USING gin (search)"
                " WITH (fastupdate = off)"
            )
    assert sum(rows_read(plan) for plan in explained) >= ROWS / 2
