"""Seats: select, release, list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app.kernel import db, errors, metrics, shared
from app.kernel.auth import Principal
from app.kernel.group_commit import GroupCommit
from app.seats import board as boards
from app.seats import place_queries, queries
from app.seats.freshness import Boards
from app.seats.models import Change, SeatStatus

give_to_provider = place_queries.give_to_provider
take_back_from_provider = place_queries.take_back

_boards = Boards()
_holds = GroupCommit(queries.hold_many, lanes=2, most=32)
_FREE_FIRST = (SeatStatus.FREE, SeatStatus.RESERVED, SeatStatus.SOLD)

_HELD = metrics.OUTCOMES.labels("hold", "held")
_TAKEN = metrics.OUTCOMES.labels("hold", "taken")
_RELEASED = metrics.OUTCOMES.labels("release", "released")


def hold_seat(user: Principal, *, booking_id: int, seat_id: int) -> None:
    """Add a seat to the user's booking; safe to repeat. The database decides who gets it.

    Raises NotFound, Forbidden, SeatUnavailable, Busy.
    """
    wish = queries.Wish(user.user_id, booking_id, seat_id)
    held = _holds.do(wish)
    if held is None:
        obstacle = queries.find_obstacle(booking_id, seat_id)
        _refuse_foreign(user, obstacle)
        if obstacle.seat_is_ours:
            return  # The buyer repeats after a lost answer.
        if obstacle.seat_looks_free:
            held = _hold_alone(wish, obstacle.seat_limit)
    if held is None:
        _TAKEN.inc()
        raise errors.SeatUnavailable
    _HELD.inc()
    _changed(held.event_id, seat_id, held.version, held.held_until)


def _hold_alone(wish: queries.Wish, seat_limit: int | None) -> queries.Held | None:
    """Wait for whoever has the booking or the seat locked, and count where there is a limit."""
    if seat_limit is None:
        return queries.hold(*wish)
    with db.transaction() as connection:
        count = queries.lock_and_count(connection, wish.user_id, wish.booking_id)
        return queries.hold(*wish, connection, below_limit=count < seat_limit)


def _refuse_foreign(user: Principal, obstacle: queries.Obstacle) -> None:
    if obstacle.booking_owner is None:
        raise errors.NotFound("Такой брони нет.", code="booking_not_found")
    if obstacle.booking_owner != user.user_id:
        raise errors.Forbidden
    if obstacle.seat_id is None:
        raise errors.NotFound("Такого места нет.", code="seat_not_found")
    if not obstacle.seat_is_in_event:
        raise errors.SeatUnavailable("Место относится к другому событию.", code="other_event")
    if not obstacle.booking_is_open:
        raise errors.SeatUnavailable("В эту бронь нельзя добавить место.", code="booking_closed")


def release_seat(user: Principal, *, seat_id: int) -> None:
    """Give a seat of one of the user's unpaid bookings back.

    Raises Forbidden, SeatNotReleasable, Busy.
    """
    result = queries.release(user.user_id, seat_id)
    if result.event_id is not None:
        _RELEASED.inc()
        _changed(result.event_id, seat_id, result.version, None)
        return
    if result.is_taken and result.holder != user.user_id:
        raise errors.Forbidden
    raise errors.SeatNotReleasable


def show_changes(changes: Sequence[Change]) -> None:
    """Show what another slice's commit has done to seats."""
    for change in changes:
        _boards.apply(change)


def seats_changed() -> None:
    """Have all listings of this host look into the database before they answer again."""
    shared.announce_change()
    _boards.forget_freshness()


def free_all_seats(connection: db.Connection) -> int:
    """Set every seat of every event free in the caller's transaction; returns how many were not."""
    return queries.free_all(connection)


def _changed(event_id: int, seat_id: int, version: int | None, held_until: float | None) -> None:
    status = SeatStatus.FREE if held_until is None else SeatStatus.RESERVED
    _boards.apply(Change(event_id, seat_id, version or 0, status, held_until or 0.0))


class Buyer(NamedTuple):
    """Who reads a list: as much as is known. Two readers that differ in `line` are two buyers."""

    user_id: int | None
    address: str
    line: str
    """What tells apart clients with the same address or account: the connection's port."""
    agent: str


def list_seats(
    buyer: Buyer, *, event_id: int, page: int, size: int, row: int | None, status: SeatStatus | None
) -> bytes:
    """A page of the event's seats as JSON; free ones first, each buyer from another start.

    The first page starts where nobody was sent lately, and later pages go on from there. An
    account that asks for the first page again over the same connection sees the same seats, as
    long as the first of them is free.
    """
    board = _boards.fresh(event_id)
    span = board.everything if row is None else board.rows.get(row)
    if span is None or not board.size:
        return b"[]"
    skip = (page - 1) * size
    if status in (SeatStatus.RESERVED, SeatStatus.SOLD):
        return board.page((status,), span, span.first, skip, size)
    start = board.start(_number(board, buyer, span, page), span)
    return board.page((status,) if status else _FREE_FIRST, span, start, skip, size)


def _number(board: boards.Board, buyer: Buyer, span: boards.Range, page: int) -> int:
    line = _key(board.event_id, buyer.user_id, buyer.address, buyer.line)
    person = _key(
        board.event_id, buyer.user_id or buyer.address, "", buyer.agent if not buyer.user_id else ""
    )
    number = shared.recall_position(line)
    if page > 1:
        if number is None:
            number = shared.recall_position(person)
        return person if number is None else number
    if number is None or buyer.user_id is None or not board.is_first_free(number, span):
        number = board.draw()
        shared.remember_position(line, number)
        shared.remember_position(person, number)
    return number


def _key(*parts: object) -> int:
    # Workers are forks of one process, so they agree on the hash of a string.
    return hash(parts) & 0x7FFFFFFFFFFFFFFF


class Snapshot(NamedTuple):
    """How many seats of an event are free, reserved and sold."""

    free: int
    reserved: int
    sold: int


def count_seats(event_id: int) -> Snapshot:
    """The event's seats by status, as fresh as a listing. Raises NotFound."""
    by_status = _boards.fresh(event_id).by_status
    return Snapshot(*(by_status[status].count for status in _FREE_FIRST))


def layout(event_id: int) -> tuple[str, bytes]:
    """The version and the JSON of the compact layout. Raises NotFound."""
    document = _boards.fresh(event_id).layout
    return document.layout, msgspec.json.encode(document)


def seat_map(event_id: int) -> tuple[str, bytes]:
    """The version and the JSON of the status of every seat. Raises NotFound."""
    board = _boards.fresh(event_id)
    document = boards.map_document(board, board.layout.layout)
    return document.version, msgspec.json.encode(document)
