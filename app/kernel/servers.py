"""The servers of an address with several hosts, of which one is primary; after a failover another.

libpq asks them one after the other, and one that is lost without a word keeps it for the whole time
a connection may take. Here each is asked on its own, so that the next primary is found when it is
there, however long the last one stays silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import gevent
import psycopg
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from psycopg import conninfo as libpq

from app.kernel.connection import Connection

Server = Mapping[str, Any]
"""Where one server is, as psycopg's arguments."""

_LOOK_SECONDS = 0.2  # Between two looks whether a server is primary now.


class Servers:
    """Opens connections to the one that takes them, as target_session_attrs says."""

    def __init__(self, conninfo: str, open_one: Callable[..., Connection]) -> None:
        self._all = _each(libpq.conninfo_to_dict(conninfo))
        self._open = open_one
        self._primary: Server | None = None
        self._search = BoundedSemaphore(1)  # One looks for all: servers are busy enough then.

    def connect(self, seconds: float) -> Connection:
        """A new connection; while no server is primary, that many seconds are waited for one.

        Raises psycopg.OperationalError. A server that is alone is asked once.
        """
        if len(self._all) == 1:
            return self._open(**self._all[0])
        end = time.monotonic() + seconds
        while True:
            known = self._primary
            if known is not None:
                try:
                    return self._open(**known)
                except psycopg.OperationalError:
                    if self._primary is known:
                        self._primary = None
            if not self._search.acquire(timeout=max(end - time.monotonic(), 0)):
                raise psycopg.OperationalError("no primary, and others look for one")
            try:
                if self._primary is None:
                    return self._find(end)
            finally:
                self._search.release()

    def _find(self, end: float) -> Connection:
        found: AsyncResult[tuple[Server, Connection]] = AsyncResult()
        connection: Connection
        refusals: dict[int, str] = {}
        looks = [
            gevent.spawn(self._look, number, found, refusals) for number in range(len(self._all))
        ]
        found.wait(max(end - time.monotonic(), 0))
        gevent.killall(looks)
        if not found.ready():
            raise psycopg.OperationalError("no primary: " + "; ".join(refusals.values()))
        self._primary, connection = found.get()
        return connection

    def _look(self, number: int, found: AsyncResult[Any], refusals: dict[int, str]) -> None:
        server = self._all[number]
        while not found.ready():
            try:
                connection = self._open(**server)
            except psycopg.Error as error:
                refusals[number] = str(error).strip()
                gevent.sleep(_LOOK_SECONDS)
                continue
            if found.ready():
                connection.close()
            else:
                found.set((server, connection))


def _each(params: dict[str, Any]) -> list[Server]:
    """One for each of the lists' hosts; a list of one, of ports mostly, is for all."""
    lists = {
        name: str(params[name]).split(",")
        for name in ("host", "hostaddr", "port")
        if name in params
    }
    count = max((len(values) for values in lists.values()), default=1)
    return [
        params | {name: values[at if len(values) > 1 else 0] for name, values in lists.items()}
        for at in range(count)
    ]
