"""The database of this machine: the embedded one, or that of DATABASE_URL."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import psycopg

from app.local.postgres import EmbeddedPostgres
from app.local.processes import CannotStart
from app.migrations import runner

_OLDEST_SERVER = 160000  # See migration 0001.


def start_embedded(stack: ExitStack, data: Path) -> str:
    """Start the embedded PostgreSQL, until the stack ends; return its address."""
    print("Starting PostgreSQL ...", flush=True)
    postgres = EmbeddedPostgres(data / "postgres")
    stack.callback(postgres.stop)
    postgres.start()
    return postgres.url


def migrate(url: str) -> None:
    """Bring a database to the newest schema. Raises CannotStart when it cannot be used."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1]
        raise CannotStart(f"DATABASE_URL cannot be used: {reason}.") from None
    if version < _OLDEST_SERVER:
        raise CannotStart("DATABASE_URL names a PostgreSQL older than 16.")
    runner.upgrade(url)
