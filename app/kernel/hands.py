"""Doing what is due, each piece for itself: one that takes long holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from gevent.pool import Pool

from app.kernel import errors

log = logging.getLogger(__name__)

T = TypeVar("T")


class Hands(Generic[T]):
    """So many greenlets of this process that take up what `take(limit)` finds due.

    Whatever goes wrong with a piece is logged; that it gets another turn is up to `take`.
    """

    def __init__(
        self, name: str, count: int, take: Callable[[int], Sequence[T]], do: Callable[[T], object]
    ) -> None:
        self._name, self._take, self._do = name, take, do
        self._pool = Pool(count)

    def take_up(self) -> int:
        """Begin with what is due, as far as hands are free; returns how much that was."""
        self._pool.wait_available()
        due = self._take(self._pool.free_count())
        for piece in due:
            self._pool.spawn(self._work, piece)
        return len(due)

    def finish(self) -> None:
        """Wait until all that was begun has ended."""
        self._pool.join()

    def _work(self, piece: T) -> None:
        try:
            self._do(piece)
        except errors.Problem as problem:
            log.info(
                "has to wait", extra={"job": self._name, "piece": piece, "error": problem.code}
            )
        except Exception:
            log.exception("failed", extra={"job": self._name, "piece": piece})
