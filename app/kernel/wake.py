"""Waking a worker's job before its next look: a hint, and nothing depends on it.

NOTIFY makes all transactions that use it commit one after the other, each with its flush to disk.
So it is for what happens now and then, and never for a statement that many buyers send at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import gevent
import psycopg
from gevent.event import Event

from app.kernel import db
from app.kernel.config import settings

log = logging.getLogger(__name__)

_LISTEN = "LISTEN biletter_jobs"
_NOTIFY = "SELECT pg_notify('biletter_jobs', %(job)s)"
_PAUSE_SECONDS = 1.0


def wake(connection: db.Connection, job: str) -> None:
    """Let the workers look at a job as soon as the caller's transaction has committed."""
    connection.execute(_NOTIFY, {"job": job})


class Listener:
    """Sets a job's event when somebody wakes it, over a connection of its own."""

    def __init__(self, jobs: Iterable[str]) -> None:
        self.events = {job: Event() for job in jobs}

    def run(self) -> None:
        """Listen until the greenlet is killed, whatever becomes of the connection."""
        while True:
            try:
                self._listen()
            except (psycopg.Error, gevent.Timeout) as error:
                log.warning("not listening", extra={"error": str(error).strip()})
            gevent.sleep(_PAUSE_SECONDS)

    def wake_all(self) -> None:
        """Set the events of all jobs."""
        for event in self.events.values():
            event.set()

    def _listen(self) -> None:
        # A server that is gone without a word is noticed within half a minute.
        connection = db.connect(
            "biletter-listener", keepalives_idle=10, keepalives_interval=5, keepalives_count=3
        )
        try:
            with gevent.Timeout(settings().database_deadline):
                connection.execute(_LISTEN)
            # What was sent before this moment has been missed.
            self.wake_all()
            # Without a timeout psycopg waits the way of `db.Connection`: others run meanwhile.
            for notice in connection.notifies():
                # Another version of the code may know jobs that this one does not.
                if (event := self.events.get(notice.payload)) is not None:
                    event.set()
        finally:
            connection.close()
