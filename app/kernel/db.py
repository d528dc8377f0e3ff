"""The ways to use the database: what writes or must be true now, and reads that tolerate lag."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar

from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.kernel import errors
from app.kernel.config import settings
from app.kernel.connection import Connection, Row, open_connection
from app.kernel.driver_errors import translated
from app.kernel.pool import Pool

__all__ = ["Connection", "Params", "Pool", "Row", "translated"]

log = logging.getLogger(__name__)

T = TypeVar("T")
Params = dict[str, Any]

_pools: dict[str, Pool] = {}


def primary() -> Pool:
    """The pool of the primary."""
    if "primary" not in _pools:
        config = settings()
        _pools["primary"] = Pool(
            config.database_url, config.database_pool_size, _options(), "primary"
        )
    return _pools["primary"]


def close() -> None:
    """Close all idle connections of this process."""
    for pool in _pools.values():
        pool.end()
    _pools.clear()


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction on the primary; commits at the end, rolls back on an exception."""
    with primary().connection() as connection, connection.transaction():
        yield connection


def read_only(sql: LiteralString, params: Params | None = None) -> Sequence[Row]:
    """Run a read that tolerates lag and never decides a write: on a replica where there is one.

    What a replica could not end, because it is gone or because replaying the primary's changes
    went before, is asked of the primary.
    """
    config = settings()
    if config.database_replica_url:
        try:
            return _read(config.database_replica_url, sql, params)
        except errors.Unavailable:
            log.info("replica unavailable, reading from the primary")
        except errors.Busy as busy:
            if not isinstance(busy.__cause__, pg.SerializationFailure):
                raise
    return _read(config.database_url, sql, params)


def one(sql: LiteralString, params: Params | None = None) -> Row | None:
    """Run a single statement, which is its own transaction, and return its first row."""
    return _on_primary(lambda connection: connection.execute(sql, params).fetchone())


def rows(sql: LiteralString, params: Params | None = None) -> Sequence[Row]:
    """Run a single statement, which is its own transaction, and return all its rows."""
    return _on_primary(lambda connection: connection.execute(sql, params).fetchall())


def together(*statements: tuple[LiteralString, Params]) -> Sequence[Row]:
    """Run statements as one transaction in one exchange; returns the last one's rows.

    Each sees what had been committed when it began, so after the locks that those before took.
    """
    with primary().connection() as connection, connection.pipeline():
        *_, last = [connection.execute(sql, params) for sql, params in statements]
    return last.fetchall()


def connect(application_name: str, **options: Any) -> Connection:
    """A connection of the caller's own, for what takes longer than a use of the pool may."""
    return open_connection(application_name, conninfo=settings().database_url, **options)


def _on_primary(work: Callable[[Connection], T]) -> T:
    """Run a single statement; once more if the server left before it could have committed."""
    try:
        with primary().connection() as connection:
            return work(connection)
    except errors.Unavailable as error:
        if not isinstance(error.__cause__, (pg.AdminShutdown, pg.ReadOnlySqlTransaction)):
            raise
    with primary().connection() as connection:
        return work(connection)


def _read(url: str, sql: LiteralString, params: Params | None) -> Sequence[Row]:
    with _readers(url).connection() as connection:
        return connection.execute(sql, params).fetchall()


def _readers(url: str) -> Pool:
    """A pool for reads that tolerate lag.

    Its connections are its own, so that slow searches never take those that sell seats.
    """
    if url not in _pools:
        size = settings().database_read_pool_size
        _pools[url] = Pool(_to_read(url), size, _read_only_options(), "replica")
    return _pools[url]


def _to_read(url: str) -> str:
    """The servers, for sessions that must not write: libpq would call none of them read-write."""
    if conninfo_to_dict(url).get("target_session_attrs") == "read-write":
        return make_conninfo(url, target_session_attrs="primary")
    return url


def _options() -> dict[str, str | float]:
    """What every session is set to; times in milliseconds."""
    config = settings()
    return {
        "statement_timeout": int(config.statement_timeout * 1000),
        "lock_timeout": int(config.lock_timeout * 1000),
        "idle_in_transaction_session_timeout": int(config.database_deadline * 1000),
        "timezone": "UTC",
        "client_min_messages": "warning",
        "jit": "off",
        # Plans are kept, and tables begin empty: a plan made then must not scan for ever.
        "enable_seqscan": "off",
        "plan_cache_mode": "force_generic_plan",
    }


def _read_only_options() -> dict[str, str | float]:
    """As all, but a search is planned for the words it looks for, and it must not write."""
    return _options() | {
        "statement_timeout": int(settings().read_timeout * 1000),
        "plan_cache_mode": "force_custom_plan",
        "max_parallel_workers_per_gather": 0,
        "work_mem": "16MB",
        "default_transaction_read_only": "on",
    }
