"""A connection to PostgreSQL that lets other greenlets run, and can be given up."""

from __future__ import annotations

import logging
import os
import select
import socket
from collections.abc import Generator
from typing import Any, TypeVar

import gevent
import psycopg
from gevent import monkey
from psycopg.waiting import WAIT_W

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = tuple[Any, ...]

CONNECT_SECONDS = 3  # For each host of an address; one that is gone does not even refuse.
_CANCEL_SECONDS = 1.0
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
                wanted = int(gen.send(self._wait_for(wanted)))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _wait_for(self, events: int) -> int:
        # psycopg's READ and WRITE are libev's: 1 and 2. The server nearly always takes what is
        # sent, and to ask that of the loop costs a turn of all other greenlets.
        if events & WAIT_W and self._is_ready(select.POLLOUT):
            return WAIT_W
        if self._watchers is None:
            self._watchers = {}
        watcher = self._watchers.get(events)
        if watcher is None:
            watcher = gevent.get_hub().loop.io(self.pgconn.socket, events)
            self._watchers[events] = watcher
        gevent.get_hub().wait(watcher)
        return events

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
        return self._is_ready(select.POLLIN)

    def _is_ready(self, events: int) -> bool:
        poll = _poll()
        poll.register(self.pgconn.socket, events)
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


def open_connection(application_name: str, **options: Any) -> Connection:
    """A connection in autocommit mode, to the first host of an address that will have it."""
    return Connection.connect(
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name=application_name,
        **options,
    )
