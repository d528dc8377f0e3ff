"""The paging of the seat board, against the obvious way of doing it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.seats import rules
from app.seats.board import Range, SeatSet


@given(data=st.data(), size=st.integers(1, 1200))
def test_pages_are_what_a_walk_around_the_ring_would_find(data: st.DataObject, size: int) -> None:
    members = data.draw(st.sets(st.integers(0, size - 1)))
    seats = SeatSet(bytearray(size))
    for index in members:
        seats.add(index)
    first = data.draw(st.integers(0, size - 1))
    span = Range(first, data.draw(st.integers(first + 1, size)))
    start = data.draw(st.integers(span.first, span.end - 1))
    walk = [i for i in [*range(start, span.end), *range(span.first, start)] if i in members]
    skip = data.draw(st.integers(0, len(walk) + 3))
    limit = data.draw(st.integers(1, 20))
    assert seats.count_in(span) == len(walk)
    assert seats.page(span, start, skip, limit) == walk[skip : skip + limit]


@given(st.integers(1, 5000))
def test_a_round_of_draws_visits_every_seat_once(count: int) -> None:
    step = rules.stride(count)
    assert {rules.draw(number, count, step) for number in range(count)} == set(range(count))


def test_neighbours_in_time_are_far_apart_in_the_venue() -> None:
    count = 100_000
    step = rules.stride(count)
    starts = sorted(rules.draw(number, count, step) for number in range(1000))
    gaps = [b - a for a, b in pairwise(starts)]
    assert min(gaps) >= 20  # A page of twenty seats each, without overlap.


def test_a_lease_is_long_enough_to_meet_free_seats_and_never_more_than_a_round() -> None:
    assert rules.lease_size(free=100_000, count=100_000) == 257
    assert rules.lease_size(free=1_000, count=100_000) == 3_101
    assert rules.lease_size(free=0, count=100_000) == 100_000
