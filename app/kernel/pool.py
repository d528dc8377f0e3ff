"""Connections to PostgreSQL that let other greenlets run, and a pool of them.

Measured per query on one core (32 greenlets, one-row look-up, CPU-ms of the client): SQLAlchemy
Core 0.24, psycopg with psycopg_pool 0.13, this module 0.06. Two things make the difference: the
wait for the server is one libev watcher kept with the connection, and the pool is a list.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import gevent
import psycopg
from gevent import monkey
from gevent.lock import BoundedSemaphore
from psycopg import conninfo as libpq
from psycopg import pq

from app.kernel import errors, live, metrics, spans
from app.kernel.config import settings
from app.kernel.driver_errors import server_left, translated

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = tuple[Any, ...]

_CONNECT_SECONDS = 3  # For each host of an address; one that is gone does not even refuse.
_CANCEL_SECONDS = 1.0
_LOOK_SECONDS = 0.2  # Between two looks for a primary.
_WAIT_FOR_STANDBYS = "SyncRepWaitForLSN"  # PostgreSQL's name for it, the same in all languages.

_poll = monkey.get_original("select", "poll")  # It never waits here; gevent's costs 20 µs, it 1.


class Connection(psycopg.Connection[Row]):
    """A psycopg connection that lets other greenlets run while the server works."""

    is_given_up = False
    is_unconfirmed = False
    """A commit was acknowledged, but no standby has it: a failover may lose it."""

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

    def give_up(self) -> None:
        """Cancel what the server does, then break the line: whoever waits gets an error.

        The server's own timeouts do not end a wait for standbys, and it would go on without us;
        a frozen server does not even hear the cancel, and TCP still acknowledges.
        """
        self.is_given_up = True
        try:
            self.cancel_safe(timeout=_CANCEL_SECONDS)
        except psycopg.Error as error:
            log.warning("cancel failed", extra={"error": str(error).strip()})
        if not self.closed:
            with socket.socket(fileno=os.dup(self.pgconn.socket)) as line:
                line.shutdown(socket.SHUT_RDWR)

    def was_left(self) -> bool:
        """Whether the server said something, a farewell mostly, while nobody asked."""
        poll = _poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))

    def heed(self, notice: psycopg.errors.Diagnostic) -> None:
        """Called by psycopg for every notice and warning of the server."""
        if notice.source_function == _WAIT_FOR_STANDBYS:
            self.is_unconfirmed = True

    def close(self) -> None:
        for watcher in (self._watchers or {}).values():
            watcher.close()
        self._watchers = None
        super().close()


class Pool:
    """At most `size` connections, opened when they are first needed.

    An address with several hosts finds the one that is primary; the next connection begins there.
    While none is, because another one is being made it, the deadline's time is waited.
    """

    def __init__(
        self, conninfo: str, size: int, options: Mapping[str, str | float], name: str
    ) -> None:
        self._params = libpq.conninfo_to_dict(conninfo)
        self._free: list[Connection] = []
        self._places = BoundedSemaphore(size)
        self._options = " ".join(f"-c {name}={value}" for name, value in options.items())
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
        has_others = "," in str(self._params.get("host") or "")
        end = time.monotonic() + (settings().database_deadline if has_others else 0)
        while True:
            try:
                connection = open_connection(
                    "biletter", prepare_threshold=0, options=self._options, **self._params
                )
                break
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                gevent.sleep(_LOOK_SECONDS)
        self._params |= _with_first(self._params, connection.info.host, connection.info.port)
        connection.add_notice_handler(connection.heed)
        return connection


def open_connection(application_name: str, **options: Any) -> Connection:
    """A connection in autocommit mode, to the first host of an address that will have it."""
    return Connection.connect(
        autocommit=True,
        connect_timeout=_CONNECT_SECONDS,
        application_name=application_name,
        **options,
    )


def _can_be_lent_again(connection: Connection) -> bool:
    if connection.is_given_up or connection.is_unconfirmed:
        return False
    return connection.pgconn.transaction_status == pq.TransactionStatus.IDLE


def _with_first(params: Mapping[str, Any], host: str, port: int) -> dict[str, str]:
    """The lists of an address with this host in front: only one of them takes writes."""
    lists = {name: str(params.get(name) or "").split(",") for name in ("host", "hostaddr", "port")}
    hosts, ports = lists["host"], lists["port"]
    at = next(
        (
            number
            for number, name in enumerate(hosts)
            if name == host and (len(ports) == 1 or ports[number] == str(port))
        ),
        0,
    )
    return {
        name: ",".join([values[at], *values[:at], *values[at + 1 :]])
        for name, values in lists.items()
        if len(values) == len(hosts)
    }
