"""What the readers of all formats hand on: rows in batches, and the places that were no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from app.dataset.records import Event, User

BLOCK = 1 << 20
"""Bytes of content that are read at once."""
LONGEST_ROW = 1 << 18
"""Bytes after which a row without an end is a broken one."""

COLUMNS = {"users": User._fields, "events": Event._fields, "events_archive": Event._fields}
IGNORED = {"users": {"password_plain"}, "events": set[str](), "events_archive": set[str]()}
"""Columns that are dropped without a word."""

Row = tuple[Any, ...]


class Bad(NamedTuple):
    """A row that does not go in: where it is, why, and what of it may be shown."""

    row: int
    """Its number in the file, counted from 1 over good and bad ones."""
    line: int | None
    why: str
    content: Any = None


class Batch(NamedTuple):
    """Rows that follow each other, with the dataset's columns in their order, unchecked."""

    rows: list[Row]
    numbers: Sequence[int]
    """The number of each row in the file."""
    lines: Callable[[], Sequence[int]]
    """The line of each row; may take as long as reading them did."""
    bad: list[Bad]


class Content(Protocol):
    """A stream of bytes: empty at the end."""

    def read(self, size: int) -> bytes: ...


class Reader(Protocol):
    """Reads one format; `read` raises Broken when the content ends in the middle."""

    warnings: list[str]
    """Sentences for a person, each once."""

    def read(self) -> Iterator[Batch]: ...
