"""How far something has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """Something that can be told how far it is."""

    def reach(self, position: int, total: int, note: str = "") -> None: ...


@contextmanager
def progress(name: str, unit: str) -> Iterator[Progress]:
    """Shows one piece of work; `unit` is what its positions count, B for bytes."""
    if not sys.stderr.isatty():
        yield _Lines(name)
        return
    is_bytes = unit == "B"
    width, height = shutil.get_terminal_size()  # Where a terminal says it has none, 80 and 24.
    with tqdm(
        desc=name,
        unit=unit,
        unit_scale=is_bytes,
        unit_divisor=1024 if is_bytes else 1000,
        total=0,
        leave=False,
        ncols=width - 1,
        nrows=height,
    ) as bar:
        yield _Bar(bar)


class _Bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def reach(self, position: int, total: int, note: str = "") -> None:
        self._bar.total = total
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(position - self._bar.n)


class _Lines:
    def __init__(self, name: str) -> None:
        self._name = name
        self._started = time.monotonic()
        self._due = self._started + _SECONDS_BETWEEN_LINES

    def reach(self, position: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if now < self._due or not total or not position:
            return
        self._due = now + _SECONDS_BETWEEN_LINES
        left = (now - self._started) * (total - position) / position
        note = f", {note}" if note else ""
        print(  # noqa: T201 - this is what the module is for
            f"{self._name}: {position / total:.0%}, {left:.0f} s left{note}", flush=True
        )
