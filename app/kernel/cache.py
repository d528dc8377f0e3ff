"""A bounded in-process cache whose entries live for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Keep at most `size` values for `seconds` each.

    Two generations stand in for a list in order of use: when the young one is full it becomes the
    old one and what was old is forgotten. A look-up is one or two dictionary reads, which is what
    a cache in front of every request can cost.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._half = max(1, size // 2)
        self._seconds = seconds
        self._young: dict[K, tuple[float, V]] = {}
        self._old: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        entry = self._young.get(key) or self._old.get(key)
        if entry is None or entry[0] < time.monotonic():
            return None
        return entry[1]

    def put(self, key: K, value: V) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = (time.monotonic() + self._seconds, value)

    def clear(self) -> None:
        self._young.clear()
        self._old.clear()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
