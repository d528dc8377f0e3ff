"""Connections for bulk work, and the lock that lets one import at a time through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from app.dataset.errors import Refused

Connection = psycopg.Connection[tuple[Any, ...]]

_IMPORT_LOCK = 7_206_583_072
_WORKERS_LOCK = 7_206_583_073
# What a chunk merges with is looked up by index, whatever the statistics say in the middle of a
# load. And the server ends what it does for a client that has been killed.
_SETTINGS = {
    "application_name": "biletter-import",
    "synchronous_commit": "off",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "2s",
    "timezone": "UTC",
    "datestyle": "ISO",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
_INDEX_MEMORY = "512MB"


def connect(url: str) -> Connection:
    """A connection in autocommit mode. Raises Refused when there is none to be had."""
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
        for name, value in _SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1]
        raise Refused(f"The database cannot be used: {reason}.") from None
    return connection


def worker(url: str) -> Connection:
    """A further connection of the import that is running."""
    connection = connect(url)
    connection.execute("SELECT pg_advisory_lock_shared(%s)", [_WORKERS_LOCK])
    return connection


def allow_index_memory(connection: Connection) -> None:
    connection.execute("SELECT set_config('maintenance_work_mem', %s, false)", [_INDEX_MEMORY])


@contextmanager
def only_import(url: str) -> Iterator[Connection]:
    """The connection that leads an import. Raises Refused while another one runs."""
    with connect(url) as connection:
        row = connection.execute("SELECT to_regclass('import_chunks') IS NOT NULL").fetchone()
        if not row or not row[0]:
            raise Refused("The database lacks tables: run python -m app.migrations first.")
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_IMPORT_LOCK]).fetchone()
        if not row or not row[0]:
            raise Refused("Another import into this database is running.")
        # What the connections of a killed import still do ends before anything is looked at.
        connection.execute("SELECT pg_advisory_lock(%s)", [_WORKERS_LOCK])
        connection.execute("SELECT pg_advisory_unlock(%s)", [_WORKERS_LOCK])
        yield connection
