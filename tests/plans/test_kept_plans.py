"""Statements find the rows of tables that grow by a key, whatever the planner believes of them.

A session keeps a plan until a table is analyzed again. One that was made while nothing was sold is
still in use when ten thousand have booked: what it reads from end to end costs nothing at first and
everything then. In the databases here PostgreSQL has seen the tables empty, full of what is over,
or not at all.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import app
from app.migrations import runner

GROWING = {
    "audit_log",
    "bookings",
    "booking_lines",
    "ledger",
    "notifications",
    "outbox",
    "payments",
    "provider_orders",
    "provider_places",
    "refunds",
    "seats",
    "users",
}
WHOLE = {
    # The head of a queue, in the order of its index.
    "kernel.relay._TAKE",
    "provider.queries._ADMIT",
    # A queue is counted.
    "kernel.relay._BACKLOG",
    "provider.queries._AHEAD",
    "provider.queries._ON_THE_WAY",
    # For the organiser or an operator, once, of all there is.
    "payments.queries._ORPHAN",
    "payments.refund_queries._LIST",
    "provider.queries._MAKE_ALL_DUE",
    "seats.queries._FREE_ALL",
}
"""What is meant to read an index from its beginning."""

IMPORTED = """
    INSERT INTO organizers (id, slug, name) VALUES (1, 'o', 'O');
    INSERT INTO events (id, organizer_id, title, description, type, starts_at, provider)
        SELECT n, 1, 'T', 'D', 'concert', now() + interval '1 day', 'P'
        FROM generate_series(1, 10) AS n;
    INSERT INTO zones (id, event_id, position, name, price_minor)
        SELECT n, n, 1, 'Z', 100 FROM generate_series(1, 10) AS n;
    INSERT INTO seats (id, event_id, zone_id, row_number, number, price_minor)
        SELECT n, 1 + n / 2000, 1 + n / 2000, n / 50, n % 50, 100
        FROM generate_series(1, 19999) AS n;
    INSERT INTO users (user_id, email, password_hash, first_name, surname)
        SELECT n, 'u' || n, 'x', 'A', 'B' FROM generate_series(1, 5000) AS n
"""
OVER = """
    INSERT INTO bookings (user_id, event_id, status, expires_at)
        SELECT n, 1, CASE WHEN n % 2 = 0 THEN 'CANCELLED' ELSE 'CONFIRMED' END::booking_status,
               now()
        FROM generate_series(1, 5000) AS n;
    INSERT INTO booking_lines
        (booking_id, user_id, event_id, seat_id, unit_price_minor, currency, status)
        SELECT id, user_id, 1, id, 100, 'KZT',
               CASE WHEN status = 'CANCELLED' THEN 'CANCELLED' ELSE 'SOLD' END::line_status
        FROM bookings;
    INSERT INTO payments
        (order_id, booking_id, user_id, event_id, amount_minor, currency, line_ids, status)
        SELECT id, id, user_id, 1, 100, 'KZT', '{1}', 'COMPLETED' FROM bookings;
    INSERT INTO provider_orders (booking_id, event_id, order_id, status)
        SELECT id, 1, gen_random_uuid(), 'CONFIRMED' FROM bookings;
    INSERT INTO provider_places (booking_id, seat_id, place_id, status)
        SELECT id, id, gen_random_uuid(), 'BOUGHT' FROM bookings
"""
SEEN = "VACUUM (ANALYZE)"
ERASED = "TRUNCATE bookings, booking_lines"
HISTORIES = {
    "nothing sold yet": [SEEN],
    "all sold and over": [OVER, SEEN],
    "all erased": [OVER, SEEN, ERASED],
}


@pytest.fixture(scope="module", params=HISTORIES)
def connection(
    request: pytest.FixtureRequest, database_url: str
) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute("CREATE DATABASE kept_plans")
        url = make_conninfo(database_url, dbname="kept_plans")
        runner.upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in (IMPORTED, *HISTORIES[request.param]):
                connection.execute(statement)
            connection.execute("SET enable_seqscan = off")
            yield connection
        server.execute("DROP DATABASE kept_plans")


def statements() -> Iterator[tuple[str, str]]:
    """Each statement of the service, and what it is called."""
    root = Path(app.__file__).parent
    for path in [*root.glob("*/*queries.py"), root / "kernel/relay.py"]:
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        if name.startswith("operations."):
            continue  # Night checks and figures, which look at all there is.
        for key, value in vars(importlib.import_module(f"app.{name}")).items():
            if isinstance(value, str) and re.match(r"\s*(WITH|SELECT|UPDATE|DELETE)\b", value):
                yield f"{name}.{key}", value


def read_from_end_to_end(connection: psycopg.Connection[Any], statement: str) -> list[str]:
    """What a plan that is made once, for all values, reads without looking anything up."""
    numbers: dict[str, str] = {}
    numbered = re.sub(
        r"%\((\w+)\)s", lambda one: numbers.setdefault(one[1], f"${len(numbers) + 1}"), statement
    )
    explained = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}".encode()
    row = connection.execute(explained).fetchone()
    assert row is not None
    # A BRIN index is read from end to end whatever is looked up in it.
    unsorted = connection.execute("""
        SELECT c.relname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'brin'
    """)
    return [*_whole(row[0][0]["Plan"], {name for (name,) in unsorted})]


def _whole(node: dict[str, Any], unsorted: Collection[str]) -> Iterator[str]:
    kind, table, index = (node.get(key) for key in ("Node Type", "Relation Name", "Index Name"))
    reads = kind in ("Seq Scan", "Index Scan", "Index Only Scan") and table in GROWING
    if (reads or kind == "Bitmap Index Scan") and ("Index Cond" not in node or index in unsorted):
        yield f"{table or 'bitmap'} by {index}"
    for part in node.get("Plans", ()):
        yield from _whole(part, unsorted)


def test_rows_are_looked_up_whatever_the_planner_believes(
    connection: psycopg.Connection[Any],
) -> None:
    found = {
        name: whole
        for name, statement in statements()
        if "{" not in statement and (whole := read_from_end_to_end(connection, statement))
    }
    assert {name: found[name] for name in found.keys() - WHOLE} == {}


def test_what_may_read_all_is_a_statement_of_the_service() -> None:
    assert {name for name, _ in statements()} >= WHOLE


@pytest.mark.parametrize("connection", ["nothing sold yet", "all sold and over"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM bookings WHERE id = %(id)s AND status = 'CREATED'",
        "DELETE FROM provider_places WHERE booking_id = %(id)s AND status = 'SELECTED'",
    ],
)
def test_a_statement_with_the_trap_in_it_is_seen(
    connection: psycopg.Connection[Any], statement: str
) -> None:
    assert read_from_end_to_end(connection, statement)


@pytest.mark.parametrize("connection", ["nothing sold yet"], indirect=True)
def test_a_join_with_the_trap_in_it_is_seen(connection: psycopg.Connection[Any]) -> None:
    statement = """
        WITH booking AS (UPDATE bookings SET status = 'EXPIRED' WHERE id = %(id)s RETURNING id)
        UPDATE provider_orders o SET turn = turn + 1 FROM booking b WHERE o.booking_id = b.id
    """
    found = read_from_end_to_end(connection, statement)
    assert found == ["provider_orders by provider_orders_pkey"]


@pytest.mark.parametrize("connection", ["nothing sold yet"], indirect=True)
def test_an_index_without_an_order_is_seen(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE INDEX seats_held ON seats USING brin (held_until)")
    statement = "SELECT id FROM seats WHERE held_until > %(then)s"
    assert read_from_end_to_end(connection, statement) == ["bitmap by seats_held"]
