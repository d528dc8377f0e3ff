"""What a new database holds: the small dataset, enough to try everything and to play the load."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg

from app.dataset import generate, halls, indexes, seats

SIZE = generate.SIZES["small"]
DEMO_ACCOUNT = ("demo@biletter.kz", "demo")
_SEATS_PER_EVENT = 100


def is_empty(connection: psycopg.Connection[Any]) -> bool:
    """Whether nobody has put an account or an event into the database."""
    row = connection.execute(
        "SELECT NOT EXISTS (SELECT FROM events) AND NOT EXISTS (SELECT FROM users)"
    ).fetchone()
    return bool(row and row[0])


def seed(connection: psycopg.Connection[Any], now: datetime, provider_url: str) -> None:
    """Fill an empty database; the caller commits. Raises seats.Unavailable."""
    connection.execute("INSERT INTO organizers (id, slug, name) VALUES (1, 'biletter', 'Билеттер')")
    connection.execute("SET LOCAL timezone = 'UTC'")
    _copy(
        connection,
        "users (user_id, email, password_hash, first_name, surname, birthday, registered_at,"
        " is_active, last_logged_in)",
        (user for user, _ in generate.users(SIZE)),
    )
    connection.execute("SET LOCAL timezone = 'Asia/Almaty'")  # What the starts are told in.
    _copy(
        connection,
        "events (organizer_id, id, title, description, type, starts_at, provider)",
        ((1, *event) for event in generate.events(SIZE, now)),
    )
    indexes.drop_search_index(connection)
    _copy(
        connection,
        "events_archive (id, title, description, type, datetime_start, provider)",
        generate.archived(SIZE),
    )
    indexes.create_search_index(connection)
    connection.execute(
        "SELECT setval(pg_get_serial_sequence('users', 'user_id'), 2000000),"
        " setval(pg_get_serial_sequence('organizers', 'id'), 1)"
    )
    add_demo_account(connection)
    seats.bring(connection, provider_url)
    halls.furnish(connection, _SEATS_PER_EVENT, lambda _done, _all: None)


def finish(connection: psycopg.Connection[Any]) -> None:
    """What makes the first queries as fast as later ones; outside a transaction."""
    connection.execute("VACUUM (ANALYZE)")


def add_demo_account(connection: psycopg.Connection[Any]) -> None:
    """Add the account that `make run` prints, which is in no file, if it is not there."""
    email, password = DEMO_ACCOUNT
    connection.execute(
        "INSERT INTO users (email, password_hash) VALUES (%s, %s) ON CONFLICT (email) DO NOTHING",
        [email, hash_password(password)],
    )


def hash_password(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _copy(
    connection: psycopg.Connection[Any], target: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
