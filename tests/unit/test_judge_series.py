"""What happened when is kept in bounded memory, and several processes' notes make one."""

import random

import pytest

from loadtest.judge.series import MOST_SLICES, WALL, Series, kind
from loadtest.traffic import Traffic

START = 500.0


def noted(moments: list[float], *, began: float = START, took: float = 0.01) -> Series:
    """Everything answered well."""
    series = Series()
    series.begin(began)
    for moment in moments:
        series.count(moment, "sent")
        series.note(moment, moment + took, 200)
    return series


def seen(series: Series) -> list[tuple[int, int, int]]:
    """Of each slice its number, how many were sent, and how many were answered."""
    return [
        (number, one.counts["sent"], one.counts["answered"])
        for number, one in sorted(series.slices.items())
    ]


def test_a_request_counts_when_it_was_due_and_its_answer_when_it_came() -> None:
    series = Series()
    series.begin(START)
    series.note(START + 0.5, START + 2.5, 200)
    assert series.slices[0].kinds == {"good": 1}
    assert series.slices[0].seconds.longest == pytest.approx(2)
    assert "answered" not in series.slices[0].counts
    assert series.slices[2].counts == {"answered": 1}


def test_a_long_run_needs_no_more_slices_and_loses_nothing() -> None:
    moments = [START + second for second in range(5_000)]
    series = noted(moments)
    assert series.width == 16
    assert len(series.slices) <= MOST_SLICES
    assert sum(sent for _, sent, _ in seen(series)) == 5_000
    assert {sent for _, sent, _ in seen(series)[:-1]} == {16}


def test_what_comes_before_the_beginning_counts_to_the_first_slice() -> None:
    assert seen(noted([START - 3, START + 1.5])) == [(0, 1, 1), (1, 1, 1)]


@pytest.mark.parametrize("parts", [2, 3])
def test_processes_that_began_together_make_what_one_would_have_seen(parts: int) -> None:
    chance = random.Random(1)
    moments = sorted(START + chance.uniform(0, 900) for _ in range(3_000))
    whole = noted(moments)
    merged = Series()
    for part in range(parts):
        merged.add(noted(moments[part::parts]))
    assert (merged.width, seen(merged)) == (whole.width, seen(whole))
    shares = [0.5, 0.99]
    assert [merged.slices[3].seconds.percentile(s) for s in shares] == [
        whole.slices[3].seconds.percentile(s) for s in shares
    ]


def test_a_process_of_longer_slices_makes_all_slices_longer() -> None:
    short = noted([START, START + 1, START + 2])
    long = noted([START, START + 600])
    assert (short.width, long.width) == (1, 2)
    short.add(long)
    assert (short.width, seen(short)) == (2, [(0, 3, 3), (1, 1, 1), (300, 1, 1)])


@pytest.mark.parametrize("is_first", [True, False])
def test_a_process_that_began_later_is_set_off_by_that(is_first: bool) -> None:
    early = noted([START, START + 5])
    late = noted([START + 3], began=START + 3)
    first, second = (early, late) if is_first else (late, early)
    first.add(second)
    assert seen(first) == [(0, 1, 1), (3, 1, 1), (5, 1, 1)]
    assert first.began == START + WALL


def test_a_process_that_saw_nothing_changes_nothing() -> None:
    series = noted([START])
    series.add(Series())
    empty = Series()
    empty.add(series)
    assert seen(series) == seen(empty) == [(0, 1, 1)]


def test_merged_traffic_has_merged_slices() -> None:
    one, other = Traffic(), Traffic()
    for traffic in (one, other):
        traffic.series = noted([START, START + 1])
    one.add(other)
    assert seen(one.series) == [(0, 2, 2), (1, 2, 2)]


def test_answers_have_kinds() -> None:
    assert [kind(status) for status in (200, 304, 0, 500, 503, 419, 429, 404)] == [
        *("good", "good", "no answer", "5xx", "503 busy", "419 taken", "429 slow down", "4xx")
    ]
