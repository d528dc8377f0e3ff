"""A JSON array of flat objects, read block by block, whatever its length and its white space.

A block is cut where one object has ended and the next begins, and decoded as a whole. Only where
that fails its objects are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from app.dataset.batches import BLOCK, LONGEST_ROW, Bad, Batch, Content
from app.dataset.errors import Broken
from app.dataset.records import Event


class _Object(msgspec.Struct, gc=False):
    id: int
    title: str
    description: str
    type: str
    datetime_start: str
    provider: str


class _OnlyKnown(_Object, gc=False, forbid_unknown_fields=True):
    pass


_OBJECT = re.compile(rb'\{[^{}"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^{}"]*+)*+\}', re.DOTALL)
_BEGINNING = re.compile(rb'\{\s*+"\w++"\s*+:')
_GAP = re.compile(rb"[\s,]*+")
_SPACE = b" \t\r\n"
_ROW = attrgetter(*Event._fields)


class JsonArray:
    """Reads objects of events; see `batches.Reader`."""

    def __init__(self, content: Content) -> None:
        self.warnings: list[str] = []
        self._content = content
        self._type: type[_Object] = _OnlyKnown
        self._decoder = msgspec.json.Decoder(list[_OnlyKnown])
        self._line = 1
        self._count = 0
        self._has_ended = False

    def read(self) -> Iterator[Batch]:
        buffer = self._skip_opening()
        while True:
            try:
                piece = self._content.read(BLOCK)
            except Broken:
                yield from self._walked(buffer, is_all=False)
                raise
            buffer += piece
            if not piece:
                break
            if self._has_ended:
                continue
            boundary = _last_beginning(buffer)
            if boundary and (batch := self._decoded(buffer[:boundary])):
                yield batch
                buffer = buffer[boundary:]
            elif boundary or len(buffer) > LONGEST_ROW:
                consumed = yield from self._walked(buffer, is_all=False)
                buffer = buffer[consumed:]
        if not self._has_ended:
            consumed = yield from self._walked(buffer, is_all=True)
            buffer = buffer[consumed:]
        if not self._has_ended:
            raise Broken("it ends in the middle: the array is not closed.")
        if buffer.strip():
            raise Broken("it goes on after the end of its array.")

    def _skip_opening(self) -> bytes:
        buffer = b""
        while piece := self._content.read(BLOCK):
            buffer = (buffer + piece).removeprefix(b"\xef\xbb\xbf")
            self._line += buffer.count(b"\n")
            stripped = buffer.lstrip(_SPACE)
            self._line -= stripped.count(b"\n")
            if stripped.startswith(b"["):
                return stripped[1:]
            if stripped:
                break
            buffer = b""
        raise Broken("it is no JSON array.")

    def _decoded(self, block: bytes) -> Batch | None:
        inner = block.rstrip(_SPACE)
        if not inner.endswith(b","):
            return None
        try:
            objects: Sequence[_Object] = self._decoder.decode(b"[" + inner[:-1] + b"]")
        except msgspec.ValidationError as error:
            if not self._accept_unknown(error):
                return None
            return self._decoded(block)
        except msgspec.DecodeError:
            return None
        numbers = self._number(len(objects))
        line = self._line
        self._line += block.count(b"\n")
        return Batch(
            list(map(_ROW, objects)), numbers, lambda: _lines(block, line, len(numbers)), []
        )

    def _number(self, count: int) -> range:
        self._count += count
        return range(self._count - count + 1, self._count + 1)

    def _accept_unknown(self, error: msgspec.ValidationError) -> bool:
        """Whether the block is worth another try, now that unknown keys are ignored."""
        if self._type is _Object or "unknown field" not in str(error):
            return False
        self.warnings.append(f"unknown keys are ignored ({str(error).split(' - ')[0]})")
        self._type = _Object
        self._decoder = msgspec.json.Decoder(list[_Object])
        return True

    def _walked(self, buffer: bytes, *, is_all: bool) -> Generator[Batch, None, int]:
        """Yield what the objects of a buffer are, one by one; return how much of it is done."""
        rows: list[Any] = []
        numbers: list[int] = []
        lines: list[int] = []
        bad: list[Bad] = []
        position = seen = 0
        while True:
            gap = _GAP.match(buffer, position)
            position = gap.end() if gap else position
            self._line += buffer.count(b"\n", seen, position)
            seen = position
            if position == len(buffer):
                break
            if buffer[position : position + 1] == b"]":
                self._has_ended = True
                position += 1
                break
            match = _OBJECT.match(buffer, position)
            if match is None and len(buffer) - position < LONGEST_ROW and not is_all:
                break
            number = self._number(1)[0]
            end = match.end() if match else 0
            try:
                rows.append(_ROW(self._object(match)))
                numbers.append(number)
                lines.append(self._line)
            except msgspec.DecodeError as error:
                end = _end_of_broken(buffer, position, match, error)
                text = buffer[position:end].decode(errors="backslashreplace")
                bad.append(Bad(number, self._line, _in_words(error), text))
            position = end
        yield Batch(rows, numbers, lambda: lines, bad)
        return position

    def _object(self, match: re.Match[bytes] | None) -> _Object:
        if match is None:
            raise msgspec.DecodeError("it does not end as one")
        text = match[0]
        try:
            return msgspec.json.decode(text, type=self._type)
        except msgspec.ValidationError as error:
            if not self._accept_unknown(error):
                raise
            return msgspec.json.decode(text, type=self._type)


def _last_beginning(buffer: bytes) -> int:
    """Where the last object begins that follows another one, or 0."""
    position = buffer.rfind(b"{")
    while position > 0:
        before = buffer[max(0, position - 256) : position].rstrip(_SPACE)
        if before.endswith(b",") and before[:-1].rstrip(_SPACE).endswith(b"}"):
            return position
        position = buffer.rfind(b"{", 0, position)
    return 0


def _end_of_broken(
    buffer: bytes, position: int, match: re.Match[bytes] | None, error: msgspec.DecodeError
) -> int:
    if match and isinstance(error, msgspec.ValidationError):
        return match.end()  # An object, but not one of ours.
    following = _BEGINNING.search(buffer, position + 1)
    if following:
        return following.start()
    closing = buffer.rfind(b"]", position)
    return len(buffer) if closing < 0 or buffer[closing + 1 :].strip() else closing


def _in_words(error: msgspec.DecodeError) -> str:
    text = str(error)
    return text if isinstance(error, msgspec.ValidationError) else f"broken object: {text}"


def _lines(block: bytes, line: int, count: int) -> list[int]:
    found = []
    before = 0
    for match in _OBJECT.finditer(block):
        line += block.count(b"\n", before, match.start())
        before = match.start()
        found.append(line)
    return found if len(found) == count else [line] * count
