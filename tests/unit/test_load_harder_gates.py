"""The judgement of the harder scenarios, without any load."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from loadtest import calibration
from loadtest.aftermath import Sums, differences
from loadtest.calibration import beside
from loadtest.gates import Gate
from loadtest.ledger import Hold, Ledger, Return
from loadtest.sales import Kind, Sales
from loadtest.sellout import Till, sold_gate
from loadtest.traffic import Traffic
from loadtest.visit_gates import Limit, kind_gate, ratio_gate, selling_gates

BUYER = "buyer@example.org"


def kind(came: int, done: int, *seconds: float) -> Kind:
    """Visits of a kind that took so long."""
    made = Kind(came, done)
    for one in seconds:
        made.seconds.note(one)
    return made


@pytest.mark.parametrize(
    ("seen", "passes"),
    [
        (kind(100, 99, *[0.1] * 95, *[5.0] * 5), True),
        (kind(100, 99, *[0.1] * 94, *[5.0] * 6), False),
        # One was served badly and one was dropped, which has no time.
        (kind(100, 98, *[0.1] * 99), False),
        (kind(0, 0), False),
    ],
)
def test_a_kind_passes_when_enough_were_served_in_time(seen: Kind, passes: bool) -> None:
    assert kind_gate("booking", seen, Limit(0.99, 1.0)).passed is passes


@pytest.mark.parametrize(
    ("idle", "loaded", "passes"),
    [(0.1, 0.149, True), (0.1, 0.16, False), (0.1, 0.01, True)],
)
def test_a_ratio_is_of_both_p95(idle: float, loaded: float, passes: bool) -> None:
    assert ratio_gate("", kind(1, 1, loaded), kind(1, 1, idle), 1.5).passed is passes


def test_a_ratio_of_nothing_fails() -> None:
    assert not ratio_gate("", kind(1, 1, 0.1), Kind(), 1.5).passed
    assert not ratio_gate("", Kind(), kind(1, 1, 0.1), 1.5).passed


def hold(seat_id: int, at: float = 1.0, booking_id: int = 1) -> Hold:
    """A seat that was asked for and granted at once."""
    return Hold(BUYER, booking_id, seat_id, at, at)


def sums(reserved: int, sold: int = 0, free: int = 0, bookings: int = 1, revenue: int = 0) -> Sums:
    """The analytics of an event of four seats."""
    return Sums(4, sold, reserved, free, bookings, Decimal(revenue))


@pytest.mark.parametrize(
    ("seats", "said", "passes"),
    [
        ([1, 2, 3, 4], sums(4), True),
        ([1, 2, 3, 3], sums(4), False),
        ([1, 2, 3, 4], sums(3), False),
        ([1, 2, 3], sums(3), False),
        ([1, 2, 3, 4], None, False),
    ],
)
def test_all_is_sold_when_so_many_different_seats_are_given_and_reserved(
    seats: list[int], said: Sums | None, passes: bool
) -> None:
    assert sold_gate(Sales(holds=[hold(seat) for seat in seats]), 4, said).passed is passes


def sold(conflicts: int, select: float, cores: float) -> list[str]:
    """The gates that fail for a sale of 98 seats."""
    sales = Sales(holds=[hold(seat) for seat in range(98)], conflicts=conflicts, cores=[cores])
    sales.shapes["PATCH /api/seats/select"].seconds.note(select)
    sales.record.check("any", True, "")
    gates: list[Gate] = selling_gates(sales, most_conflicts=0.02, select_seconds=0.15)
    return [gate.name.split()[0] for gate in gates if not gate.passed]


def test_a_sale_passes_with_few_conflicts_quick_selections_and_an_idle_generator() -> None:
    assert sold(conflicts=2, select=0.1, cores=0.8) == []
    assert sold(conflicts=3, select=0.1, cores=0.8) == ["conflicts"]
    assert sold(conflicts=2, select=0.2, cores=0.8) == ["p95"]
    assert sold(conflicts=2, select=0.1, cores=0.95) == ["the"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (sums(2, free=2), 0),
        (sums(1, sold=1, free=2, revenue=5), 0),
        (sums(1, free=3), 1),
        (sums(2, free=2, bookings=2), 1),
        (sums(2, free=1), 1),
        (sums(2, free=2, revenue=5), 1),
    ],
)
def test_sums_agree_with_what_is_listed(said: Sums, expected: int) -> None:
    assert len(list(differences(said, Counter(bookings=1, seats=2)))) == expected


def test_a_till_sells_exactly_its_share_whatever_fails_in_between() -> None:
    till = Till(10)
    assert [till.claim(4) for _ in range(4)] == [4, 4, 2, 0]
    till.settle(4, 4)
    till.settle(4, 1)
    assert (till.claim(4), till.is_empty) == (3, False)
    till.settle(2, 2)
    till.settle(3, 3)
    assert (till.claim(4), till.is_empty) == (0, True)


def test_a_seat_that_was_given_back_may_be_sold_again_and_must_be_gone() -> None:
    ledger = Ledger(900)
    ledger.give_back(Return(1, 7, 5.0, 5.1))
    ledger.acknowledge(hold(7, at=1))
    ledger.acknowledge(hold(7, at=6, booking_id=2))
    assert ledger.doubled == []
    ledger.compare(BUYER, {2: frozenset({7})}, sent=10, received=10)
    assert (ledger.lost, ledger.kept) == ({}, {})
    ledger.compare(BUYER, {1: frozenset({7}), 2: frozenset({7})}, sent=10, received=10)
    assert list(ledger.kept) == [hold(7, at=1)]


def test_a_seat_sold_again_before_it_was_given_back_is_doubled() -> None:
    ledger = Ledger(900)
    ledger.give_back(Return(1, 7, 5.0, 5.1))
    ledger.acknowledge(hold(7, at=1))
    ledger.acknowledge(hold(7, at=4, booking_id=2))
    assert len(ledger.doubled) == 1


def test_a_seat_whose_return_got_no_answer_may_be_there_or_not() -> None:
    ledger = Ledger(900)
    ledger.give_back(Return(1, 7, 5.0, None))
    ledger.acknowledge(hold(7, at=1))
    for bookings in ({}, {1: frozenset({7})}):
        ledger.compare(BUYER, bookings, sent=10, received=10)
    assert (ledger.lost, ledger.kept) == ({}, {})


def test_what_several_processes_sold_adds_up() -> None:
    first = Sales(holds=[hold(1)], conflicts=1, unanswered=2, start=5.0)
    second = Sales(holds=[hold(2)], cancelled=[3], start=5.0)
    first.kinds["booking"], second.kinds["booking"] = kind(2, 1, 0.1), kind(3, 3, 0.2)
    whole = Sales()
    for part in (first, second, Traffic()):
        whole.add(part)
    assert [one.seat_id for one in whole.holds] == [1, 2]
    assert (whole.conflicts, whole.unanswered, whole.cancelled) == (1, 2, [3])
    assert (whole.kinds["booking"].came, whole.kinds["booking"].done) == (5, 4)
    assert whole.conflict_share == pytest.approx(1 / 3)


def test_a_run_says_its_own_rate_beside_the_generators_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    traffic = Traffic(sent=Counter({0: 100, 1: 1_900}), cores=[0.5, 0.5])
    monkeypatch.setattr(calibration, "PATH", tmp_path / "none" / "limit.json")
    assert beside(traffic, scheduled=True).endswith("is not known: make load-calibrate.")
    calibration.keep(1_000, 4_000)
    assert "at most 950 requests in a second; its limit here is 1000" in beside(
        traffic, scheduled=True
    )
    assert "too close" in beside(traffic, scheduled=True)
    assert "too close" not in beside(traffic, scheduled=False)
    monkeypatch.setattr(calibration, "this_machine", lambda: "another")
    assert calibration.recall() is None
