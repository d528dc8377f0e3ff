"""The seats of one event in a worker's memory: what a list or a map of seats is read from.

It is a copy. What decides is the row in the database; `freshness.py` brings changes here.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import random
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, compress, count
from typing import NamedTuple

import msgspec
from gevent.lock import Semaphore

from app.kernel import shared
from app.kernel.money import decimal_string
from app.seats import board_queries, rules
from app.seats.models import Change, SeatRow, SeatStatus

_BLOCK = 256
_TAIL_SHARE = 0.005
"""Below this share of free seats looking for the next draw costs more than chance does."""
_FIRST = 4
"""So many seats from the top of a list are what its reader is likely to take."""
_DECIDES_WITHIN = 10.0
"""Seconds after which whoever was shown a seat has taken it or something else."""
_BY_LETTER = {status[0]: status for status in SeatStatus}


class Range(NamedTuple):
    """Seats `first` up to, not including, `end`, in the order of rows and numbers."""

    first: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.first


class SeatSet:
    """A set of seat indices that can be counted and paged without walking through it."""

    def __init__(self, members: bytearray) -> None:
        self.members = members
        """1 for each member, 0 for each other index."""
        ends = range(0, len(members) + 1, _BLOCK)
        self._blocks = [members.count(1, end, end + _BLOCK) for end in ends]
        self.count = sum(self._blocks)

    def add(self, index: int) -> None:
        self.members[index] = 1
        self._blocks[index // _BLOCK] += 1
        self.count += 1

    def remove(self, index: int) -> None:
        self.members[index] = 0
        self._blocks[index // _BLOCK] -= 1
        self.count -= 1

    def count_in(self, span: Range) -> int:
        if span.size == len(self.members):
            return self.count
        return self._rank(span.end) - self._rank(span.first)

    def page(self, span: Range, start: int, skip: int, size: int) -> list[int]:
        """Up to `size` members of `span`, read as a ring from `start`, after `skip` of them."""
        total = self.count_in(span)
        size = min(size, total - skip)
        if size <= 0:
            return []
        position = start
        if skip:
            before = self._rank(span.first)
            rank = (self._rank(start) - before + skip) % total
            position = self._member(before + rank)
        found: list[int] = []
        find = self.members.find
        while len(found) < size:
            position = find(1, position, span.end)
            if position < 0:
                position = span.first
                continue
            found.append(position)
            position += 1
        return found

    def _rank(self, index: int) -> int:
        block = index // _BLOCK
        return sum(self._blocks[:block]) + self.members.count(1, block * _BLOCK, index)

    def _member(self, rank: int) -> int:
        """The index of the member before which there are `rank` others."""
        sums = list(accumulate(self._blocks))
        block = bisect_right(sums, rank)
        left = rank - (sums[block - 1] if block else 0)
        position = self.members.find(1, block * _BLOCK)
        for _ in range(left):
            position = self.members.find(1, position + 1)
        return position


class Board:
    """All seats of one event, their status now, and where the next buyer starts reading."""

    def __init__(
        self, event_id: int, zones: Sequence[board_queries.Zone], rows: Iterable[SeatRow]
    ) -> None:
        self.event_id = event_id
        self.zones = zones
        self.rows: dict[int, Range] = {}
        self.misses_seats = False
        """A change named a seat that is not here: the layout has to be read again."""
        self._seat_ids = array("q")
        self._row_of = array("i")
        self._seat_numbers = array("i")
        self._prices_minor = array("q")
        self._zone_ids = array("q")
        self._versions = array("i")
        self._held_until = array("d")
        statuses = "".join(self._take(row) for row in rows)
        self.size = len(statuses)
        self.by_status = {status: _members(statuses, status) for status in SeatStatus}
        self._status = [_BY_LETTER[letter] for letter in statuses]
        self._index = {seat_id: index for index, seat_id in enumerate(self._seat_ids)}
        reserved = self.by_status[SeatStatus.RESERVED].members
        self._ends = [(self._held_until[index], index) for index in compress(count(), reserved)]
        heapq.heapify(self._ends)
        self._json: list[tuple[bytes, bytes] | None] = [None] * self.size
        self._numbers = iter(range(0))
        self._leasing = Semaphore()
        self._stride = rules.stride(max(1, self.size))
        self._map: bytes | None = None

    def _take(self, row: SeatRow) -> str:
        first = len(self._seat_ids)
        self._seat_ids += row.seat_ids
        self._row_of += array("i", [row.row]) * len(row.seat_ids)
        self._seat_numbers += row.numbers
        self._prices_minor += row.prices_minor
        self._zone_ids += row.zone_ids
        self._versions += row.versions
        self._held_until += row.held_until
        self.rows[row.row] = Range(first, len(self._seat_ids))
        return row.statuses

    @cached_property
    def layout(self) -> LayoutDocument:
        """The compact layout; a board whose seats change is replaced as a whole."""
        return layout_document(self)

    @property
    def everything(self) -> Range:
        return Range(0, self.size)

    def places(self) -> Iterator[tuple[int, int, int, int]]:
        """Row, number, id and zone's id of each seat, in the order of rows and numbers."""
        return zip(self._row_of, self._seat_numbers, self._seat_ids, self._zone_ids, strict=True)

    def apply(self, change: Change) -> None:
        """Take a change over unless a newer one of that seat is known already."""
        index = self._index.get(change.seat_id)
        if index is None:
            self.misses_seats = True
        elif change.version > self._versions[index]:
            self._versions[index] = change.version
            self._held_until[index] = change.held_until
            self._set(index, change.status)
            if change.status is SeatStatus.RESERVED:
                heapq.heappush(self._ends, (change.held_until, index))

    def settle(self, clock: float) -> None:
        """Free the seats whose hold has run out by `clock`, in seconds of the database's clock."""
        while self._ends and self._ends[0][0] <= clock:
            end, index = heapq.heappop(self._ends)
            is_that_hold = self._held_until[index] == end
            if is_that_hold and self._status[index] is SeatStatus.RESERVED:
                self._set(index, SeatStatus.FREE)

    def draw(self) -> int:
        """A number that puts the next buyer in front of free seats nobody was just shown.

        Each number comes once in a round, which sees to that while most seats are free. Later the
        first seats of a list are those with which others begin. Then another place is looked for,
        by chance, as far as there is a choice; and no number is taken whose seat was the first of
        another list because of that.
        """
        decided = time.monotonic() - _DECIDES_WITHIN
        tries = rules.tries(self.by_status[SeatStatus.FREE].count)
        number = self._next_number()
        for _ in range(tries):
            if shared.shown_first_at(self.event_id, self.start(number, self.everything)) < decided:
                break
            number = self._next_number()
        seats = self._first_free(number)
        for _ in range(tries):
            if self._shown_at(seats) < decided:
                break
            other = random.randrange(1 << 32)  # noqa: S311 - spreads buyers, keeps no secret
            found = self._first_free(other)
            if self._shown_at(found) < decided:
                number, seats = other, found
        shared.note_shown(self.event_id, seats)
        return number

    def _shown_at(self, seats: Iterable[int]) -> float:
        """When one of these seats was shown last among the first ones."""
        return max((shared.shown_at(self.event_id, index) for index in seats), default=0.0)

    def _next_number(self) -> int:
        """A number that begins at a free seat; by chance when few seats are left."""
        free = self.by_status[SeatStatus.FREE]
        while free.count > self.size * _TAIL_SHARE:
            numbers = self._numbers
            for number in numbers:
                if self.is_first_free(number, self.everything):
                    return number
            with self._leasing:
                # One lease serves all who wait: a crowd that takes one each runs through the
                # whole round at once, and everybody stands where somebody stood before.
                if self._numbers is numbers:
                    length = rules.lease_size(free.count, self.size)
                    first = board_queries.lease_draws(self.event_id, length)
                    self._numbers = iter(range(first, first + length))
        return random.randrange(1 << 32)  # noqa: S311 - spreads buyers, keeps no secret

    def _first_free(self, number: int) -> list[int]:
        everything = self.everything
        start = self.start(number, everything)
        return self.by_status[SeatStatus.FREE].page(everything, start, 0, _FIRST)

    def start(self, number: int, span: Range) -> int:
        """Where in `span` the buyer with this number starts."""
        if span.size == self.size:
            return rules.draw(number, span.size, self._stride)
        return span.first + rules.draw(number, span.size, rules.stride(span.size))

    def is_first_free(self, number: int, span: Range) -> bool:
        """Whether the seat at which this buyer starts is still free."""
        return self.by_status[SeatStatus.FREE].members[self.start(number, span)] == 1

    def page(
        self, statuses: Sequence[SeatStatus], span: Range, start: int, skip: int, size: int
    ) -> bytes:
        """The JSON of up to `size` seats: those of the first status, then of the second, …"""
        parts: list[bytes] = []
        for status in statuses:
            seats = self.by_status[status]
            found = seats.page(span, start, skip, size - len(parts))
            name = status.encode()
            for index in found:
                head, tail = self._json[index] or self._write(index)
                parts.append(head + name + tail)
            if len(parts) == size:
                break
            skip = 0 if found else max(0, skip - seats.count_in(span))
        return b"[" + b",".join(parts) + b"]"

    def status_map(self) -> bytes:
        """Two bits a seat, the first seat in the lowest ones: 0 free, 1 reserved, 2 sold."""
        if self._map is None:
            codes = bytearray(self.by_status[SeatStatus.RESERVED].members)
            sold = self.by_status[SeatStatus.SOLD].members
            total = int.from_bytes(codes, "little") | int.from_bytes(sold, "little") << 1
            codes = bytearray(total.to_bytes(len(codes) + 1, "little")[: len(codes)])
            codes.extend(bytes(-len(codes) % 4))
            packed = sum(
                int.from_bytes(codes[offset::4], "little") << 2 * offset for offset in range(4)
            )
            self._map = packed.to_bytes(len(codes) // 4, "little")
        return self._map

    def _write(self, index: int) -> tuple[bytes, bytes]:
        """The JSON of a seat, before and after its status; kept, for it does not change."""
        seat_id, row, number = self._seat_ids[index], self._row_of[index], self._seat_numbers[index]
        head = f'{{"id":{seat_id},"row":{row},"number":{number},"status":"'
        tail = f'","price":"{decimal_string(self._prices_minor[index])}"}}'
        written = self._json[index] = head.encode(), tail.encode()
        return written

    def _set(self, index: int, status: SeatStatus) -> None:
        self.by_status[self._status[index]].remove(index)
        self.by_status[status].add(index)
        self._status[index] = status
        self._map = None


class LayoutDocument(msgspec.Struct):
    """Where the seats are: never changes while the event is on sale."""

    event_id: int
    layout: str
    zones: list[dict[str, object]]
    runs: list[tuple[int, int, int, int, int]]
    """(row, first number, first seat's id, length, zone's id), in the order of the status map."""


class MapDocument(msgspec.Struct):
    """What is free: two bits a seat, in base64, in the order of the layout's runs."""

    event_id: int
    layout: str
    version: str
    free: int
    reserved: int
    sold: int
    statuses: str


def layout_document(board: Board) -> LayoutDocument:
    """The compact layout of an event: neighbouring seats of a row are one entry."""
    runs: list[tuple[int, int, int, int, int]] = []
    for place in board.places():
        if runs:
            row, number, seat_id, length, zone_id = runs[-1]
            if (row, number + length, seat_id + length, zone_id) == place:
                runs[-1] = (row, number, seat_id, length + 1, zone_id)
                continue
        row, number, seat_id, zone_id = place
        runs.append((row, number, seat_id, 1, zone_id))
    zones: list[dict[str, object]] = [
        {
            "id": zone.id,
            "name": zone.name,
            "price": decimal_string(zone.price_minor),
            "currency": zone.currency,
        }
        for zone in board.zones
    ]
    digest = hashlib.blake2b(msgspec.json.encode([zones, runs]), digest_size=12).hexdigest()
    return LayoutDocument(board.event_id, digest, zones, runs)


def map_document(board: Board, layout: str) -> MapDocument:
    """The status of every seat; equal versions mean equal statuses, whoever answers."""
    packed = board.status_map()
    return MapDocument(
        event_id=board.event_id,
        layout=layout,
        version=hashlib.blake2b(packed, digest_size=12).hexdigest(),
        free=board.by_status[SeatStatus.FREE].count,
        reserved=board.by_status[SeatStatus.RESERVED].count,
        sold=board.by_status[SeatStatus.SOLD].count,
        statuses=base64.b64encode(packed).decode(),
    )


def _members(statuses: str, status: SeatStatus) -> SeatSet:
    table = {ord(letter): int(its is status) for letter, its in _BY_LETTER.items()}
    return SeatSet(bytearray(statuses.translate(table), "ascii"))
