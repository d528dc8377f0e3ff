"""Where lists begin when few seats are left."""

from __future__ import annotations

import random
from array import array
from collections import Counter

import pytest

from app.kernel import shared
from app.seats.board import Board
from app.seats.models import SeatRow

EVENT = 77
SHOWN = 4


def board(count: int, free: int) -> Board:
    """A row of seats of which so many, by chance, are free."""
    chance = random.Random(1)
    left = set(chance.sample(range(count), free))
    row = SeatRow(
        1,
        seat_ids=array("q", range(count)),
        numbers=array("i", range(1, count + 1)),
        prices_minor=array("q", [100]) * count,
        zone_ids=array("q", [1]) * count,
        versions=array("i", [1]) * count,
        held_until=array("d", [0.0]) * count,
        statuses="".join("F" if index in left else "S" for index in range(count)),
    )
    made = Board(EVENT, [], [row])
    made._numbers = iter(range(10**9))
    return made


def crowd(made: Board, buyers: int) -> int:
    """How many of the first seats of so many lists in a row are in more than one of them."""
    random.seed(2)
    lists = [made._first_free(made.draw()) for _ in range(buyers)]
    assert {len(seats) for seats in lists} == {SHOWN}
    seen = Counter(index for seats in lists for index in seats)
    return sum(times > 1 for times in seen.values())


@pytest.fixture(autouse=True)
def nothing_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_shown", [0.0] * shared._SHOWN_COUNT)


def test_buyers_who_come_one_after_the_other_are_shown_different_seats() -> None:
    assert crowd(board(20_000, 2_000), buyers=100) == 0


def test_control_buyers_meet_when_nobody_remembers_what_was_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared, "shown_at", lambda *_: 0.0)
    assert crowd(board(20_000, 2_000), buyers=100) > 10


def test_when_all_was_shown_what_was_shown_first_comes_again() -> None:
    made = board(20_000, 400)
    assert crowd(made, buyers=600) > 300


def test_a_small_hall_shows_each_seat_first_once_in_a_round() -> None:
    made = board(40, 40)
    assert len({made._first_free(made.draw())[0] for _ in range(40)}) == 40


def test_events_do_not_share_what_was_shown() -> None:
    shared.note_shown(1, [5])
    assert shared.shown_at(1, 5) > 0
    assert shared.shown_at(2, 5) == shared.shown_at(1, 6) == 0
