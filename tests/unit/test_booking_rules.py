"""What a booking may become, and what a cancelled one gets back."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.bookings import rules
from app.bookings.models import BookingStatus
from app.kernel import errors

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)

S = BookingStatus
STEPS = {
    (S.CREATED, S.PAYMENT_INITIATED), (S.CREATED, S.CANCELLED), (S.CREATED, S.EXPIRED),
    (S.PAYMENT_INITIATED, S.CREATED), (S.PAYMENT_INITIATED, S.CONFIRMED),
    (S.PAYMENT_INITIATED, S.CANCELLED), (S.PAYMENT_INITIATED, S.EXPIRED),
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
    assert [s for s in S if S.CONFIRMED in rules.TRANSITIONS[s]] == [S.PAYMENT_INITIATED]
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


def test_the_refund_does_not_depend_on_the_time_zone() -> None:
    from zoneinfo import ZoneInfo

    starts_at = (NOW + timedelta(hours=12)).astimezone(ZoneInfo("Asia/Almaty"))
    assert rules.refund_percent(HACKATHON, starts_at=starts_at, now=NOW) == 100
