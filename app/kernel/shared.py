"""Memory that all gunicorn workers of one host see: draining, and what they know of seats.

gunicorn's master creates it before it forks; a process on its own gets a private one.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Sequence

SLOTS = 64
_DRAINING = 0
_COUNTERS = 64
_POSITIONS = _COUNTERS + 8 * SLOTS
_POSITION = struct.Struct("<QdQ")
_POSITION_COUNT = 1 << 16
_POSITION_SECONDS = 900
_SHOWN = _POSITIONS + _POSITION.size * _POSITION_COUNT
_SHOWN_COUNT = 1 << 17

_memory = mmap.mmap(-1, _SHOWN + 8 * _SHOWN_COUNT)
_counters = memoryview(_memory)[_COUNTERS:_POSITIONS].cast("Q")
_shown = memoryview(_memory)[_SHOWN:].cast("d")
_slot = 0


def take_slot(slot: int) -> None:
    """Make `slot` (0 … SLOTS - 1) the place in shared memory that only this process writes."""
    global _slot  # noqa: PLW0603 - a process has exactly one slot, set once after the fork
    _slot = slot


def announce_change() -> None:
    """Tell the other workers of this host that a seat has changed."""
    _counters[_slot] = (_counters[_slot] + 1) & 0xFFFFFFFFFFFFFFFF


def changes_elsewhere() -> int:
    """A number that differs from an earlier one when another worker has announced a change."""
    return sum(_counters) - _counters[_slot]


def start_draining() -> None:
    """Let every worker of this host answer 'not ready'."""
    _memory[_DRAINING] = 1


def stop_draining() -> None:
    """Take that back: a worker ended on its own, and another one follows."""
    _memory[_DRAINING] = 0


def is_draining() -> bool:
    return _memory[_DRAINING] == 1


def remember_position(key: int, position: int) -> None:
    """Keep where the listing of a buyer (a 64-bit key) began, for a quarter of an hour.

    Two buyers whose keys meet in one cell forget each other; then a later page starts elsewhere.
    """
    _POSITION.pack_into(_memory, _cell(key), key, time.monotonic(), position)


def recall_position(key: int) -> int | None:
    """Where the listing of a buyer began, or None when it is not known any more."""
    found, at, position = _POSITION.unpack_from(_memory, _cell(key))
    if found != key or at + _POSITION_SECONDS < time.monotonic():
        return None
    return int(position)


def note_shown(event_id: int, indices: Sequence[int]) -> None:
    """Note that these seats have just been shown to somebody, on top of a list."""
    now = time.monotonic()
    for index in indices[1:]:
        # As a negative time, unless it was itself the first of another list.
        cell = _shown_cell(event_id, index)
        _shown[cell] = -now if _shown[cell] <= 0 else _shown[cell]
    if indices:
        _shown[_shown_cell(event_id, indices[0])] = now


def shown_at(event_id: int, index: int) -> float:
    """When a seat was shown last, in monotonic seconds; 0 if never. May be another seat's time."""
    return abs(_shown[_shown_cell(event_id, index)])


def shown_first_at(event_id: int, index: int) -> float:
    """When it was the first of a list; 0 if it was not since it was shown last."""
    return max(0.0, _shown[_shown_cell(event_id, index)])


def _shown_cell(event_id: int, index: int) -> int:
    # Neighbours of one event have cells of their own, as long as there are enough.
    return (event_id * 0x9E3779B1 + index) % _SHOWN_COUNT


def _cell(key: int) -> int:
    return _POSITIONS + _POSITION.size * (key % _POSITION_COUNT)
