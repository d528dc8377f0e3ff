"""What makes a row of the files one that goes in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from app.dataset import mojibake
from app.dataset.batches import Bad, Batch, Row
from app.dataset.errors import Broken
from app.dataset.fields import Wrong, cleaning, event_line, is_utf8, user_line, whole

FIRST_ARCHIVED_ID = 100_000
_LARGEST_ID = 2**63 - 1
_PAGE_BITS = 16
_MOST_PAGES = 12_000


class Mojibake(NamedTuple):
    """A title that was read in the wrong character set, and what was meant."""

    row: int
    title: str
    meant: str


class Checked(NamedTuple):
    """The rows of a batch that go in: lines for COPY, and the places they came from."""

    text: bytes
    ids: list[int]
    numbers: list[int]
    lines: list[int] | None
    bad: list[Bad]
    mojibake: list[Mojibake]


class IdSet:
    """Ids met so far: one bit each in pages of 65,536."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, number: int) -> bool:
        """Whether it was not there before. Raises Broken when ids are too far apart to keep."""
        page = self._pages.get(number >> _PAGE_BITS)
        if page is None:
            if len(self._pages) >= _MOST_PAGES:
                raise Broken("its ids are scattered over more than 700 million numbers.")
            page = self._pages[number >> _PAGE_BITS] = bytearray(1 << _PAGE_BITS - 3)
        place, bit = (number >> 3) & 0x1FFF, 1 << (number & 7)
        if page[place] & bit:
            return False
        page[place] |= bit
        return True


class Checks:
    """The checks of one file, from its first row to its last."""

    def __init__(self, kind: str, *, repair: bool = False) -> None:
        self._kind = kind
        self._repair = repair
        self._seen = IdSet()

    def check(self, batch: Batch) -> Checked:
        """Sort the rows of a batch into those that go in and those that do not."""
        is_user = self._kind == "users"
        clean = cleaning(batch.rows)
        mojibake_found: list[Mojibake] = []
        rows = batch.rows
        if not is_user:
            rows = list(self._looked_at(batch, mojibake_found))
        line_of = user_line if is_user else event_line
        texts: list[str] = []
        ids: list[int] = []
        numbers: list[int] = []
        kept: list[int] = []
        bad = list(batch.bad)
        for index, row in enumerate(rows):
            try:
                number = self._id(row[0])
                line = line_of(number, row, clean)
                self._see(number)
            except Wrong as error:
                # Nothing of an account's line is shown: columns may be shifted, passwords in them.
                content = None if is_user else row
                bad.append(Bad(batch.numbers[index], batch.lines()[index], str(error), content))
                continue
            texts.append(line)
            ids.append(number)
            numbers.append(batch.numbers[index])
            kept.append(index)
        try:
            text = "".join(texts).encode()
        except UnicodeEncodeError:
            wrong = [place for place, line in enumerate(texts) if not is_utf8(line)]
            bad += [
                Bad(numbers[place], batch.lines()[kept[place]], "it is not UTF-8")
                for place in wrong
            ]
            for place in reversed(wrong):
                del texts[place], ids[place], numbers[place], kept[place]
            text = "".join(texts).encode()
        lines = [batch.lines()[index] for index in kept] if is_user else None
        bad.sort(key=lambda one: one.row)
        return Checked(text, ids, numbers, lines, bad, mojibake_found)

    def _id(self, value: Any) -> int:
        number = whole(value)
        low, high = _ID_RANGES[self._kind]
        if not low <= number < high:
            raise Wrong(_ID_PLACES[self._kind])
        return number

    def _see(self, number: int) -> None:
        if not self._seen.add(number):
            raise Wrong(f"id {number} has been in the file before")

    def _looked_at(self, batch: Batch, found: list[Mojibake]) -> Iterator[Row]:
        titles = "\n".join([row[1] for row in batch.rows if isinstance(row[1], str)])
        if not mojibake.is_suspicious(titles):
            yield from batch.rows
            return
        for number, row in zip(batch.numbers, batch.rows, strict=True):
            meant = mojibake.corrected(row[1]) if isinstance(row[1], str) else None
            if meant is None:
                yield row
                continue
            found.append(Mojibake(number, row[1], meant))
            if not self._repair:
                yield row
                continue
            description = mojibake.corrected(row[2]) if isinstance(row[2], str) else None
            yield (row[0], meant, description or row[2], *row[3:])


_ID_RANGES = {
    "users": (1, _LARGEST_ID + 1),
    "events": (1, FIRST_ARCHIVED_ID),
    "events_archive": (FIRST_ARCHIVED_ID, _LARGEST_ID + 1),
}
_ID_PLACES = {
    "users": "the id is not between 1 and 2^63 - 1",
    "events": "the id of an event on sale is not between 1 and 99,999",
    "events_archive": "the id of an archived event is not between 100,000 and 2^63 - 1",
}
