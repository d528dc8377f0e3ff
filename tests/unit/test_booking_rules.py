"""What a booking may become, and what a cancelled one gets back."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bookings import rules
from app.bookings.models import BookingStatus
from app.kernel import errors

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)

S = BookingStatus
STEPS = {
    (S.CREATED, S.PAYMENT_INITIATED), (S.CREATED, S.CANCELLED), (S.CREATED, S.EXPIRED),
    (S.PAYMENT_INITIATED, S.PAYMENT_INITIATED), (S.PAYMENT_INITIATED, S.CREATED),
    (S.PAYMENT_INITIATED, S.CONFIRMING), (S.PAYMENT_INITIATED, S.CANCELLED),
    (S.PAYMENT_INITIATED, S.EXPIRED), (S.CONFIRMING, S.CONFIRMED), (S.CONFIRMING, S.CANCELLED),
    (S.CONFIRMED, S.CANCELLED), (S.CONFIRMED, S.COMPLETED),
}  # fmt: skip


@pytest.mark.parametrize(("status", "to"), list(product(S, S)))
def test_a_booking_takes_only_the_steps_of_the_table(status: S, to: S) -> None:
    if (status, to) in STEPS:
        assert rules.advance(status, to=to) is to
    else:
        with pytest.raises(errors.Conflict) as refused:
            rules.advance(status, to=to)
        assert refused.value.code == "illegal_transition"


def test_only_a_payment_confirms_and_what_has_ended_stays() -> None:
    assert [s for s in S if S.CONFIRMED in rules.TRANSITIONS[s]] == [S.CONFIRMING]
    for ended in (S.CANCELLED, S.EXPIRED, S.COMPLETED):
        assert rules.TRANSITIONS[ended] == frozenset()


HACKATHON = [{"hours_before": 12, "percent": 100}]
STEPPED = [
    {"hours_before": 0, "percent": 10},
    {"hours_before": 48, "percent": 90},
    {"hours_before": 24, "percent": 50},
]


@pytest.mark.parametrize(
    ("policy", "hours", "percent"),
    [
        (HACKATHON, 24 * 365, 100),
        (HACKATHON, 12, 100),
        (HACKATHON, 11.99, 0),
        (HACKATHON, -1, 0),
        (STEPPED, 72, 90),
        (STEPPED, 48, 90),
        (STEPPED, 47, 50),
        (STEPPED, 1, 10),
        (STEPPED, 0, 10),
        (STEPPED, -0.01, 0),
        ([], 1000, 0),
    ],
)
def test_the_refund_is_the_step_that_still_lies_ahead(
    policy: list[dict[str, int]], hours: float, percent: int
) -> None:
    starts_at = NOW + timedelta(hours=hours)
    assert rules.refund_percent(policy, starts_at=starts_at, now=NOW) == percent


@pytest.mark.parametrize(
    ("price", "percent", "parts"),
    [
        (500_000, 100, (500_000, 0)),
        (100_001, 33, (33_000, 67_001)),
        (99, 1, (0, 99)),
        (1, 99, (0, 1)),
        (0, 50, (0, 0)),
        (1_000, 150, (1_000, 0)),
        (1_000, -5, (0, 1_000)),
    ],
)
def test_parts_of_a_tiyn_stay_with_what_is_kept(
    price: int, percent: int, parts: tuple[int, int]
) -> None:
    assert rules.divide(price, percent) == parts


@given(price=st.integers(0, 2**53), percent=st.integers(-10, 200))
def test_refund_and_fee_are_the_price_and_neither_is_more(price: int, percent: int) -> None:
    refund, fee = rules.divide(price, percent)
    assert refund + fee == price
    assert 0 <= refund <= price
    if 0 <= percent <= 100:
        assert 0 <= price * percent - refund * 100 < 100, "less than a tiyn is lost"


def test_the_refund_does_not_depend_on_the_time_zone() -> None:
    from zoneinfo import ZoneInfo

    starts_at = (NOW + timedelta(hours=12)).astimezone(ZoneInfo("Asia/Almaty"))
    assert rules.refund_percent(HACKATHON, starts_at=starts_at, now=NOW) == 100
