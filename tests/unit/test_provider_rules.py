"""The steps of an order at the event provider."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel import errors
from app.provider import rules
from app.provider.models import Status

S = Status
STEPS = {
    (S.WANTED, S.WANTED), (S.WANTED, S.HELD), (S.WANTED, S.REFUSED), (S.WANTED, S.RETURNING),
    (S.REFUSED, S.HELD), (S.REFUSED, S.RETURNING),
    (S.HELD, S.WANTED), (S.HELD, S.SUBMITTING), (S.HELD, S.RETURNING),
    (S.SUBMITTING, S.SUBMITTED), (S.SUBMITTING, S.CANCELLING),
    (S.SUBMITTED, S.CONFIRMING), (S.SUBMITTED, S.CANCELLING),
    (S.CONFIRMING, S.CONFIRMED),
    (S.RETURNING, S.RETURNED), (S.RETURNING, S.CANCELLING),
    (S.CANCELLING, S.CANCELLED), (S.CANCELLING, S.RETURNING),
}  # fmt: skip


@pytest.mark.parametrize(("status", "to"), list(product(S, S)))
def test_an_order_takes_only_the_steps_of_the_table(status: S, to: S) -> None:
    if (status, to) in STEPS:
        assert rules.advance(status, to=to) is to
    else:
        with pytest.raises(errors.Conflict) as refused:
            rules.advance(status, to=to)
        assert refused.value.code == "illegal_transition"


def test_once_the_money_is_taken_there_is_no_way_back() -> None:
    assert rules.TRANSITIONS[S.CONFIRMING] == {S.CONFIRMED}
    assert rules.TRANSITIONS[S.CONFIRMED] == frozenset()


def test_an_order_without_a_duty_is_at_its_end_or_waits_for_somebody() -> None:
    ends = {s for s in S if not rules.TRANSITIONS[s]}
    assert ends == {S.CONFIRMED, S.RETURNED, S.CANCELLED}
    assert ends < rules.WITHOUT_DUTY
    assert {s for s in S if s.endswith("ING")} & rules.WITHOUT_DUTY == set()


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_looks_become_rarer_within_bounds(sooner: float, later: float) -> None:
    sooner, later = sorted((sooner, later))
    assert 0.03 <= rules.look_again(sooner) <= rules.look_again(later) <= 2


@given(st.integers(0, 2**31 - 1))
def test_pauses_double_up_to_five_minutes(attempts: int) -> None:
    pause = rules.pause(attempts)
    assert 0.5 <= pause <= 300
    assert rules.pause(attempts + 1) in (pause * 2, 300)
