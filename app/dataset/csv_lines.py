"""The lines of users.csv. A broken line does not take the ones after it along."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from app.dataset.batches import BLOCK, COLUMNS, IGNORED, LONGEST_ROW, Bad, Batch, Content
from app.dataset.errors import Broken

_MOST_LINES = 5
"""Lines that one row may go over when its quotes say so."""


class CsvLines:
    """Reads accounts; see `batches.Reader`. What a bad line says is never handed on."""

    def __init__(self, content: Content) -> None:
        self.warnings: list[str] = []
        self._content = content
        self._line = 0
        self._count = 0
        self._columns: list[str] = []
        self._pick: Any = None
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode

    def read(self) -> Iterator[Batch]:
        buffer = ""
        while True:
            try:
                piece = self._content.read(BLOCK)
            except Broken:
                # The last line is half a one, and looks whole when only its end is missing.
                yield self._parse(buffer.split("\n")[:-1], is_all=True)[0]
                raise
            buffer += self._decode(piece, not piece)
            ends_with_newline = not buffer or buffer.endswith("\n")
            lines = buffer.split("\n")
            buffer = lines.pop() if piece else ""
            if lines and lines[-1] == "" and not piece:
                lines.pop()
            if not lines and piece and len(buffer) < LONGEST_ROW:
                continue
            if not self._columns:
                if not lines:
                    raise Broken("it has no header.")
                self._take_header(lines.pop(0).removeprefix("\ufeff"))
            batch, rest = self._parse(lines, is_all=not piece)
            yield batch
            buffer = "\n".join([*rest, buffer])
            if not piece:
                break
        if batch.bad and not ends_with_newline and batch.bad[-1].line == self._line:
            raise Broken("it ends in the middle of a line.")

    def _take_header(self, line: str) -> None:
        self._line = 1
        columns = [name.strip() for name in next(csv.reader([line.rstrip("\r")]), [])]
        wanted = COLUMNS["users"]
        missing = [name for name in wanted if name not in columns]
        if missing:
            raise Broken(f"its header lacks {', '.join(missing)}.")
        unknown = [n for n in columns if n not in wanted and n not in IGNORED["users"]]
        if unknown:
            self.warnings.append(f"unknown columns are ignored ({', '.join(unknown)})")
        self._columns = columns
        self._pick = itemgetter(*(columns.index(name) for name in wanted))

    def _parse(self, lines: list[str], *, is_all: bool) -> tuple[Batch, list[str]]:
        width = len(self._columns)
        try:
            rows = list(csv.reader(lines))
            is_plain = len(rows) == len(lines) and all(len(row) == width for row in rows)
        except csv.Error:
            is_plain = False
        if not is_plain:
            return self._walk(lines, is_all=is_all)
        first, self._line = self._line + 1, self._line + len(lines)
        numbers = range(self._count + 1, self._count + len(rows) + 1)
        self._count += len(rows)
        places = range(first, first + len(rows))
        return Batch(list(map(self._pick, rows)), numbers, lambda: places, []), []

    def _walk(self, lines: list[str], *, is_all: bool) -> tuple[Batch, list[str]]:
        """Take each line alone, or with those that its quotes want; return what is not done."""
        rows: list[Any] = []
        numbers: list[int] = []
        places: list[int] = []
        bad: list[Bad] = []
        position = 0
        while position < len(lines):
            count, row = self._one(lines[position : position + _MOST_LINES])
            if row is None and not is_all and len(lines) - position < _MOST_LINES:
                break
            line, self._line = self._line + 1, self._line + count
            position += count
            if row == []:
                continue
            self._count += 1
            if row is None:
                bad.append(Bad(self._count, line, "the quotes of the line are broken"))
            elif len(row) != len(self._columns):
                why = f"{len(row)} columns instead of {len(self._columns)}"
                bad.append(Bad(self._count, line, why))
            else:
                rows.append(self._pick(row))
                numbers.append(self._count)
                places.append(line)
        return Batch(rows, numbers, lambda: places, bad), lines[position:]

    def _one(self, lines: list[str]) -> tuple[int, list[str] | None]:
        """How many lines the first row goes over, and the row: None when it is broken."""
        text = ""
        for count, line in enumerate(lines, 1):
            text += ("\n" if count > 1 else "") + line
            if text.count('"') % 2 == 0:
                try:
                    found = list(csv.reader([text], strict=True))
                except csv.Error:
                    break
                row = found[0] if found else []
                if len(found) <= 1 and (count == 1 or len(row) == len(self._columns)):
                    return count, row
                break
        return 1, None
