"""Keeps this worker's seat boards in step with the database.

What this worker changes it applies itself, at once. What other workers of the host change they
announce in shared memory, and the next listing asks the database first, so a buyer whose seat was
just taken never sees it free elsewhere on the host. Changes from other hosts show after
BILETTER_SEATS_FRESHNESS. One question covers all events, and those who wait for it share it.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from gevent import sleep
from gevent.lock import RLock

from app.kernel import db, errors, metrics, shared
from app.kernel.config import settings
from app.seats import board_queries
from app.seats.board import Board
from app.seats.models import Change

_MAX_BOARDS = 200
_BREATHE_EVERY = 2_000
_MOST_CHANGES = 20_000
"""To take over more than these takes longer than to read a board again."""


class Boards:
    """The boards of one worker, the most recently used ones."""

    def __init__(self) -> None:
        self._boards: OrderedDict[int, Board] = OrderedDict()
        self._lock = RLock()
        self._xmin = 0
        self._asked_at = float("-inf")
        self._elsewhere = -1
        self._clock_offset = 0.0

    def fresh(self, event_id: int) -> Board:
        """The board of an event as it stands now. Raises NotFound, Unavailable, Busy."""
        board = self._loaded(event_id)
        if not self._is_fresh():
            came_at = time.monotonic()
            with self._lock:
                # In a rush nothing stays fresh, but what was asked after we came is fresh for us.
                if self._asked_at < came_at and not self._is_fresh():
                    self._refresh()
            board = self._loaded(event_id)
        board.settle(time.time() + self._clock_offset)
        return board

    def apply(self, change: Change) -> None:
        """Take over a change that this worker has committed, and tell the others."""
        shared.announce_change()
        if (board := self._boards.get(change.event_id)) is not None:
            board.apply(change)

    def forget_freshness(self) -> None:
        """Ask the database before the next answer."""
        self._asked_at = float("-inf")

    def _loaded(self, event_id: int) -> Board:
        board = self._boards.get(event_id)
        if board is None or board.misses_seats:
            return self._load(event_id)
        self._boards.move_to_end(event_id)
        return board

    def _is_fresh(self) -> bool:
        return (
            time.monotonic() - self._asked_at < settings().seats_freshness
            and shared.changes_elsewhere() == self._elsewhere
        )

    def _refresh(self) -> None:
        # Both are read before the question: what happens after it makes the answer stale.
        asked_at, elsewhere = time.monotonic(), shared.changes_elsewhere()
        found = board_queries.changes_since(self._xmin, _MOST_CHANGES)
        metrics.LISTING_REFRESHES.inc()
        if len(found.changes) == _MOST_CHANGES:  # As after a reset of all events.
            self._boards.clear()
        for count, change in enumerate(found.changes, 1):
            if (board := self._boards.get(change.event_id)) is not None:
                board.apply(change)
            if count % _BREATHE_EVERY == 0:
                sleep(0)
        self._clock_offset = found.clock - time.time()
        self._xmin, self._asked_at, self._elsewhere = found.xmin, asked_at, elsewhere

    def _load(self, event_id: int) -> Board:
        with self._lock:
            board = self._boards.get(event_id)
            if board is not None and not board.misses_seats:
                return board
            if not board_queries.event_exists(event_id):
                raise errors.NotFound("Такого события нет.", code="event_not_found")
            with db.transaction() as connection:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                layout = board_queries.load_layout(connection, event_id)
            board = Board(event_id, layout.zones, layout.rows)
            self._boards[event_id] = board
            if len(self._boards) > _MAX_BOARDS:
                self._boards.popitem(last=False)
            # Changes after the layout's snapshot are asked for again.
            self._xmin = min(self._xmin, layout.xmin) if len(self._boards) > 1 else layout.xmin
            self._asked_at = float("-inf")
            return board
