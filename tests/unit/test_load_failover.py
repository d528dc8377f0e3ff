"""Gaps and losses as they follow from what a crowd noted, without any load."""

import time
from dataclasses import replace
from typing import Any

import pytest

from loadtest.accounts import Account
from loadtest.crowd import GOOD, Attempt, Notes, Opened
from loadtest.gaps import Span, figures, served_by_slice
from loadtest.ledger import Hold
from loadtest.losses import compare, without
from loadtest.verify import Listing

RUN = Span(100.0, 130.0)
BUYER = Account("buyer@example.org", "x")
OTHER = Account("other@example.org", "x")


def good(kind: str, *received: float, took: float = 0.01) -> list[Attempt]:
    """Requests that were served then."""
    return [Attempt(kind, moment - took, moment, GOOD) for moment in received]


def every(seconds: float, began: float, ended: float, kind: str = "book") -> list[Attempt]:
    """Requests that were served one after the other."""
    count = round((ended - began) / seconds)
    return good(kind, *(began + number * seconds for number in range(count + 1)))


READS = [*every(1, 100, 130, "seats"), *every(1, 100, 130, "catalogue")]


def found(attempts: list[Attempt], fault: float | None = 115.0) -> dict[str, Any]:
    """What is said of these and of readers whom nothing befell, but for their own bookings."""
    return figures([*attempts, *READS], RUN, fault)


def test_the_gap_is_between_two_acknowledgements_of_whatever_kind() -> None:
    writes = found([*every(0.5, 100, 115.5), *every(0.5, 120, 130, "select")])["writes"]
    assert writes["longest_gap_seconds"] == 4.5
    assert writes["began_after_fault_seconds"] == 0.5
    assert writes["longest_gap_before_seconds"] == 0.5
    assert writes["by_kind"]["book"]["longest_gap_seconds"] == 14.5


def test_a_gap_that_begins_just_before_the_fault_is_of_the_fault() -> None:
    writes = found([*every(0.5, 100, 114.5), *every(0.5, 120, 130)])["writes"]
    assert (writes["longest_gap_seconds"], writes["began_after_fault_seconds"]) == (5.5, -0.5)


def test_a_longer_gap_before_the_fault_is_noise_and_not_the_result() -> None:
    writes = found([*every(0.5, 100, 103), *every(0.5, 111, 130)])["writes"]
    assert (writes["longest_gap_seconds"], writes["longest_gap_before_seconds"]) == (0.5, 8.0)


def test_a_service_that_does_not_come_back_was_away_until_the_end() -> None:
    assert found(every(0.5, 100, 116))["writes"]["longest_gap_seconds"] == 14.0


def test_without_a_fault_it_is_the_longest_of_the_run() -> None:
    writes = found([*every(0.5, 100, 103), *every(0.5, 111, 130)], None)["writes"]
    assert writes["longest_gap_seconds"] == 8.0
    assert writes["began_after_fault_seconds"] is None
    assert writes["longest_gap_before_seconds"] is None
    assert [*writes["times"]] == ["whole"]


def test_reads_are_as_bad_as_their_worst_kind() -> None:
    reads = found(every(1, 100, 110, "own_bookings"))["reads"]
    assert (reads["kind"], reads["longest_gap_seconds"]) == ("own_bookings", 20.0)
    assert reads["by_kind"]["seats"]["longest_gap_seconds"] == 1.0


def test_who_waited_in_the_gap_belongs_to_it() -> None:
    times = found(
        [
            *every(0.5, 100, 115),
            *good("select", 120.0, took=4.8),
            *good("select", 120.2, took=3.0),
            *every(0.5, 120.5, 130),
        ]
    )["writes"]["times"]
    assert times["gap"] == {"requests": 2, "p50": 3000.0, "p95": 4800.0, "p99": 4800.0}
    assert (times["before"]["requests"], times["after"]["requests"]) == (31, 20)
    assert times["after"]["p99"] == pytest.approx(10)


def test_refusals_are_no_failures_and_reads_have_no_unknown_outcome() -> None:
    endings = {
        "book": ["409", "503", "no connection"],
        "select": ["419", "timed out", "broken off"],
        "seats": ["timed out", "502"],
    }
    attempts = [Attempt(kind, 1.0, 2.0, one) for kind, ended in endings.items() for one in ended]
    told = found(attempts)
    assert told["unknown"] == 2
    assert told["failed"] == {
        "total": 6,
        "by_ending": {"503": 1, "no connection": 1, "timed out": 2, "broken off": 1, "502": 1},
        "by_kind": {
            "book": {"503": 1, "no connection": 1},
            "select": {"timed out": 1, "broken off": 1},
            "seats": {"timed out": 1, "502": 1},
        },
    }


def test_what_was_served_is_counted_by_slices() -> None:
    attempts = [*good("book", 100.1, 100.9, 103.0), *good("seats", 101.0)]
    assert served_by_slice(attempts, ("book",), 100.0, 2, 2) == [1.0, 0.5]


NOW = time.monotonic()


def listing(account: Account, **bookings: set[int]) -> Listing:
    """What an account lists; a booking is named like b7."""
    held = {int(name[1:]): frozenset(seats) for name, seats in bookings.items()}
    return Listing(account, 200, held, NOW + 20, NOW + 20.1)


def bought() -> Notes:
    """Bookings 1 and 2 with a seat each, and 3, which is cancelled."""
    notes = Notes()
    notes.opened = [Opened(BUYER.email, number, NOW) for number in (1, 2, 3)]
    notes.holds = [Hold(BUYER.email, number, number * 10, NOW + 1, NOW + 2) for number in (1, 2)]
    notes.undone, notes.cancelled = {3}, [3]
    return notes


def losses(*listings: Listing, notes: Notes | None = None, is_alone: bool = True) -> dict[str, Any]:
    """The counts of what is wrong."""
    found = compare(listings, notes or bought(), 900.0, is_alone=is_alone)
    return found.figures | {"unexplained": len(found.unexplained), "clean": found.is_clean}


@pytest.mark.parametrize(
    ("listings", "expected"),
    [
        ([listing(BUYER, b1={10}, b2={20})], {"lost": 0, "doubled": 0, "clean": True}),
        ([listing(BUYER, b1={10})], {"lost_bookings": 1, "lost_seats": 1, "lost": 2}),
        ([listing(BUYER, b1={10}, b2=set())], {"lost_bookings": 0, "lost_seats": 1}),
        ([listing(BUYER, b1={10}, b2={20}, b3=set())], {"lost_cancellations": 1, "lost": 1}),
        ([listing(BUYER, b1={10}, b2={20}), listing(OTHER, b9={20})], {"doubled": 1}),
        ([listing(BUYER, b1={10, 11}, b2={20})], {"unexplained": 1}),
        ([replace(listing(BUYER), bookings=None, status=503)], {"lost": None, "doubled": None}),
    ],
)
def test_what_is_acknowledged_and_not_there_is_found(
    listings: list[Listing], expected: dict[str, object]
) -> None:
    found = losses(*listings)
    assert found | expected == found
    assert found["clean"] == ("clean" in expected)


def test_a_selection_that_may_have_been_done_may_be_there() -> None:
    notes = bought()
    notes.unclear.add((1, 11))
    assert losses(listing(BUYER, b1={10, 11}, b2={20}), notes=notes)["clean"]


def test_a_hold_that_may_have_run_out_may_be_gone() -> None:
    late = replace(listing(BUYER), sent=NOW + 899, received=NOW + 899.5)
    assert losses(late)["clean"]


def test_a_run_without_a_reset_looks_at_its_own_bookings() -> None:
    seen = listing(BUYER, b1={10}, b2={20}, b7={70}, b8={80})
    assert losses(without(seen, {BUYER.email: frozenset({7})}), is_alone=False)["clean"]
    assert losses(seen)["unexplained"] == 2
