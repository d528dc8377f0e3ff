"""The rows of `INSERT INTO … VALUES (…), (…);` statements, taken out of the text, never run."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from app.dataset.batches import BLOCK, COLUMNS, IGNORED, LONGEST_ROW, Bad, Batch, Content
from app.dataset.errors import Broken

_STRING = r"'[^']*+(?:''[^']*+)*+'"
_BARE = r"[^\s',();]++"
_VALUE = rf"({_STRING}|{_BARE})"
_HEAD = re.compile(r'INSERT\s++INTO\s++([\w."`]++)\s*+\(([^()\']*+)\)\s*+VALUES\s*+', re.IGNORECASE)
_BETWEEN = re.compile(r"(?:\s++|--[^\n]*+\n|/\*.*?\*/)*+", re.DOTALL)
_OTHER = re.compile(
    rf"(?:BEGIN|COMMIT|SET|START|CREATE|DROP|ALTER|TRUNCATE|LOCK|SELECT|UNLOCK)\b"
    rf"(?:[^';]++|{_STRING})*+;",
    re.IGNORECASE,
)
_END = r"\s*+\)\s*+(,|;|(?i:ON\s++CONFLICT)[^';]*+;)"
_TUPLE = re.compile(rf"\s*+\((?:{_STRING}|[^'()])*+{_END}")
_WORDS: dict[str, Any] = {
    form(word): value
    for word, value in (("null", None), ("true", "true"), ("false", "false"))
    for form in (str.lower, str.upper, str.title)
}
_NEXT = re.compile(r"(?<=[,;\s])(?=\(\s*+'?\d++'?\s*+,)|(?=INSERT\s++INTO\s)", re.IGNORECASE)


class SqlValues:
    """Reads statements that fill one table; see `batches.Reader`."""

    def __init__(self, content: Content, kind: str) -> None:
        self.warnings: list[str] = []
        self._content = content
        self._kind = kind
        self._line = 1
        self._count = 0
        self._row: re.Pattern[str] | None = None  # None between two statements
        self._columns: list[str] = []
        self._pick: Any = None
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode

    def read(self) -> Iterator[Batch]:
        buffer = ""
        is_first = True
        while True:
            try:
                piece = self._content.read(BLOCK)
            except Broken:
                batch, _ = self._parse(buffer, is_all=False)
                yield batch
                raise
            buffer += self._decode(piece, not piece)
            if is_first:
                buffer, is_first = buffer.removeprefix("\ufeff"), False
            batch, consumed = self._parse(buffer, is_all=not piece)
            yield batch
            buffer = buffer[consumed:]
            if not piece:
                break
        if self._row is not None or buffer.strip():
            raise Broken("it ends in the middle of a statement.")

    def _parse(self, buffer: str, *, is_all: bool) -> tuple[Batch, int]:
        rows: list[Any] = []
        numbers: list[int] = []
        lines: list[int] = []
        bad: list[Bad] = []
        bare = _WORDS.get
        has_quotes = "''" in buffer
        position = seen = 0
        while True:
            if self._row is None:
                after = self._statement(buffer, position, is_all=is_all)
                if after is None:
                    break
                position = after
                continue
            self._line += buffer.count("\n", seen, position)
            seen = position
            match = self._row.match(buffer, position)
            if match:
                self._count += 1
                values = [v[1:-1] if v[0] == "'" else bare(v, v) for v in match.groups()]
                if has_quotes:
                    values = [v.replace("''", "'") if v else v for v in values]
                rows.append(self._pick(values))
                numbers.append(self._count)
                lines.append(self._line + buffer.count("\n", position, match.start(1)))
                position = match.end()
                if values[-1] != ",":
                    self._row = None
                continue
            if not buffer[position:].strip():
                break
            other = _TUPLE.match(buffer, position)
            if other is None and len(buffer) - position < LONGEST_ROW and not is_all:
                break
            self._count += 1
            why, end = self._name_broken(buffer, position, other)
            skipped = buffer[position:end]
            line = self._line + len(skipped[: len(skipped) - len(skipped.lstrip())].split("\n")) - 1
            bad.append(Bad(self._count, line, why, skipped.strip()))
            if (other and other[1] != ",") or _HEAD.match(buffer, end):
                self._row = None
            position = end
        self._line += buffer.count("\n", seen, position)
        return Batch(rows, numbers, lambda: lines, bad), position

    def _name_broken(
        self, buffer: str, position: int, other: re.Match[str] | None
    ) -> tuple[str, int]:
        if other:
            found = len(re.findall(_VALUE, other[0]))
            wanted = len(self._columns)
            why = f"{found} values for {wanted} columns" if found != wanted else "broken values"
            return why, other.end()
        following = _NEXT.search(buffer, position + 2)
        return "the values are broken", following.start() if following else len(buffer)

    def _statement(self, buffer: str, position: int, *, is_all: bool) -> int | None:
        """Where the rows of the next statement begin, or None when there is none yet."""
        between = _BETWEEN.match(buffer, position)
        position = between.end() if between else position
        if position == len(buffer):
            return None
        head = _HEAD.match(buffer, position)
        if head:
            if head.end() == len(buffer) and not is_all:
                return None
            self._begin(head)
            return head.end()
        other = _OTHER.match(buffer, position)
        if other:
            self._warn(f"statements other than INSERT are ignored ({other[0].split()[0]})")
            return other.end()
        if len(buffer) - position < LONGEST_ROW and not is_all:
            return None
        raise Broken("it has a statement that is no INSERT INTO … (…) VALUES.")

    def _begin(self, head: re.Match[str]) -> None:
        table = head[1].replace('"', "").replace("`", "").split(".")[-1].lower()
        if table != self._kind:
            raise Broken(f"it inserts into {table}, not into {self._kind}.")
        columns = [name.strip().strip('"`').lower() for name in head[2].split(",")]
        if columns != self._columns:
            wanted = COLUMNS[self._kind]
            missing = [name for name in wanted if name not in columns]
            if missing:
                raise Broken(f"it has a statement without {', '.join(missing)}.")
            unknown = [n for n in columns if n not in wanted and n not in IGNORED[self._kind]]
            if unknown:
                self._warn(f"unknown columns are ignored ({', '.join(unknown)})")
            self._columns = columns
            self._pick = itemgetter(*(columns.index(name) for name in wanted))
        values = r"\s*+,\s*+".join([_VALUE] * len(columns))
        self._row = re.compile(rf"\s*+\(\s*+{values}{_END}")

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)
