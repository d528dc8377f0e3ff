"""Looks at the database once a second: what waits where."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

import gevent
import psycopg

from loadtest.chaos.world import World

_LOOK = """
    SELECT (SELECT count(*) FROM provider_orders WHERE status = 'WANTED'),
           (SELECT count(*) FROM provider_orders WHERE due_at IS NOT NULL AND status <> 'WANTED'),
           (SELECT count(*) FROM payments WHERE status IN ('INITIATED', 'OPEN', 'ACCEPTED',
                                                           'CAPTURED')),
           (SELECT count(*) FROM refunds WHERE status <> 'PAID'),
           (SELECT count(*) FROM outbox)
"""
NAMES = ("orders wanted", "orders with a duty", "payments undecided", "refunds due", "messages")


@dataclass(slots=True)
class Watch:
    """What was seen, by the second of the run; seconds without an answer are missing."""

    world: World
    began: float
    seen: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin to look."""
        self._greenlet = gevent.spawn(self._go_on)

    def finish(self) -> None:
        """Look no more."""
        gevent.kill(self._greenlet)

    def _go_on(self) -> None:
        while True:
            with suppress(psycopg.Error), self.world.connect() as sql:
                row = sql.execute(_LOOK).fetchone()
                if row is not None:
                    self.seen[int(time.monotonic() - self.began)] = row
            gevent.sleep(1.0)
