"""Group commit: what several requests want at the same time goes to the database in one statement.

It is what a database does with the disk, one step earlier. Nobody waits for others to come: a call
goes at once while a lane is free, and only those that come meanwhile go together, with the next.
So it costs nothing while there is room, and the busier a process is, the less each call costs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import gevent
from gevent.event import AsyncResult

from app.kernel import logs, spans

T = TypeVar("T")
R = TypeVar("R")


class GroupCommit(Generic[T, R]):
    """Calls of one kind of this process: `run` does several, and returns what came of each.

    At most `lanes` groups of at most `most` are under way at the same time.
    """

    def __init__(self, run: Callable[[Sequence[T]], Sequence[R]], *, lanes: int, most: int) -> None:
        self._run = run
        self._idle_lanes = lanes
        self._most = most
        self._waiting: deque[tuple[T, AsyncResult[R], str]] = deque()

    def do(self, wish: T) -> R:
        """Have it done; raises what `run` raises, as for all others of the group."""
        outcome: AsyncResult[R] = AsyncResult()
        self._waiting.append((wish, outcome, logs.request_id.get()))
        if self._idle_lanes:
            self._idle_lanes -= 1
            gevent.spawn(self._work)
        noted = spans.watched.get()
        began = time.perf_counter() if noted is not None else 0.0
        try:
            result: R = outcome.get()
        finally:
            if noted is not None:
                noted.note("together", began, time.perf_counter())
        return result

    def _work(self) -> None:
        # A greenlet of its own, because whoever wished something may be gone before it is done.
        try:
            while self._waiting:
                size = min(len(self._waiting), self._most)
                self._serve([self._waiting.popleft() for _ in range(size)])
        finally:
            self._idle_lanes += 1

    def _serve(self, group: Sequence[tuple[T, AsyncResult[R], str]]) -> None:
        # What is logged now belongs to all of them.
        logs.request_id.set(" ".join([request_id for *_, request_id in group]))
        try:
            results = self._run([wish for wish, *_ in group])
        except Exception as error:  # noqa: BLE001 - it is raised to each of the group
            for _, outcome, _ in group:
                outcome.set_exception(error)
        else:
            for (_, outcome, _), result in zip(group, results, strict=True):
                outcome.set(result)
