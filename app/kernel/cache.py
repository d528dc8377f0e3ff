"""Bounded in-process caches whose entries live for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from gevent.event import AsyncResult

from app.kernel import errors

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


class SharedCache(Generic[K, V]):
    """A TimedCache of what takes long to make: of many who miss the same, one makes it for all."""

    def __init__(self, size: int, seconds: float) -> None:
        self._values: TimedCache[K, V] = TimedCache(size, seconds)
        self._coming: dict[K, AsyncResult] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value, made now if there is none. What `make` raises, all who wait for it get."""
        value = self._values.get(key)
        if value is not None:
            return value
        coming = self._coming.get(key)
        if coming is not None:
            shared: V = coming.get()
            return shared
        coming = self._coming[key] = AsyncResult()
        try:
            value = make()
        except Exception as error:
            coming.set_exception(error)
            raise
        except BaseException:  # This greenlet is being ended; that is not for those who wait.
            coming.set_exception(errors.Busy())
            raise
        finally:
            del self._coming[key]
        coming.set(value)
        self._values.put(key, value)
        return value

    def clear(self) -> None:
        self._values.clear()
