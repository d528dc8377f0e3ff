"""A line before which the statements of a control wait, so that it depends on nobody's speed."""

from __future__ import annotations

from typing import Any

import gevent
import psycopg

_LOCK = 4711
LINE_UP = f"""
          AND set_config('lock_timeout', '1min', true) IS NOT NULL
          AND pg_advisory_xact_lock_shared({_LOCK}) IS NOT NULL
"""
"""What a statement says that is to wait; it has its picture of the database by then."""


class Line:
    """Holds back the statements with `LINE_UP` in them until they are let go."""

    def __init__(self, sql: psycopg.Connection[Any]) -> None:
        self._sql = sql
        sql.execute("SELECT pg_advisory_lock(%s)", [_LOCK])

    def wait_for(self, count: int) -> None:
        """Until that many wait at the same time."""
        waiting = "SELECT count(*) >= %s FROM pg_locks WHERE objid = %s AND NOT granted"
        while self._sql.execute(waiting, [count, _LOCK]).fetchone() != (True,):
            gevent.sleep(0.005)

    def let_go(self) -> None:
        self._sql.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

    def let_go_when(self, count: int) -> None:
        self.wait_for(count)
        self.let_go()
