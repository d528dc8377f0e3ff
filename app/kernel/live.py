"""Numbers that go up and down within a request, added up over the processes of this host.

In the library's files, one for each process, a change costs 2 µs; in memory that all processes see
it costs 0.1. gunicorn's master creates the memory before it forks; a process on its own gets a
private one.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import NamedTuple

from app.kernel.metric_table import POOLS, SERVICES
from app.kernel.shared import SLOTS

_CELLS = 32
_memory = memoryview(mmap.mmap(-1, 8 * SLOTS * _CELLS)).cast("d")
_first = 0


class Number:
    """A number of this process; `total` is that of all processes."""

    __slots__ = ("_cell",)

    def __init__(self, cell: int) -> None:
        self._cell = cell

    def add(self, amount: float) -> None:
        _memory[_first + self._cell] += amount

    def set(self, value: float) -> None:
        _memory[_first + self._cell] = value

    def values(self) -> Sequence[float]:
        """What each process says."""
        return _memory[self._cell :: _CELLS].tolist()

    def total(self) -> float:
        return sum(self.values())


class Connections(NamedTuple):
    """A pool's connections."""

    used: Number
    idle: Number
    limit: Number


_numbers = iter([Number(cell) for cell in range(_CELLS)])

WORKERS = next(_numbers)
IN_FLIGHT = next(_numbers)
CONNECTIONS = {pool: Connections(next(_numbers), next(_numbers), next(_numbers)) for pool in POOLS}
NOT_CLOSED_UNTIL = {service: next(_numbers) for service in SERVICES}
"""Until when, in seconds of the monotonic clock, a breaker counts as not closed."""


def take_slot(slot: int) -> None:
    """Make `slot` (0 … SLOTS - 1) that of this process, which begins with zeros."""
    global _first  # noqa: PLW0603 - a process has exactly one slot, set once after the fork
    _first = slot * _CELLS
    free_slot(slot)
    WORKERS.set(1)


def free_slot(slot: int) -> None:
    """Forget what a process said that has ended."""
    for cell in range(slot * _CELLS, (slot + 1) * _CELLS):
        _memory[cell] = 0.0
