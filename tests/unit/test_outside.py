"""When a breaker lets calls through, and which failures speak against a service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import urllib3

from app.kernel import outside
from app.kernel.breaker import Breaker, State
from app.kernel.outside import OutcomeUnknown, Outside, Refused, Unreadable


class Clock:
    """A clock that the test puts forward."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def states() -> list[State]:
    return []


@pytest.fixture
def breaker(clock: Clock, states: list[State]) -> Breaker:
    """Opens after three failures for five seconds, with two trials at once."""
    return Breaker(failures=3, pause=5.0, trials=2, on_change=states.append, clock=clock)


def admitted(breaker: Breaker) -> int:
    ticket = breaker.admit()
    assert ticket is not None
    return ticket


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(admitted(breaker))


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker, states: list[State]) -> None:
    fail(breaker, 2)
    breaker.succeeded(admitted(breaker))
    fail(breaker, 2)
    assert (breaker.state, breaker.seconds_open()) == (State.CLOSED, 0)
    fail(breaker)
    assert (breaker.state, breaker.seconds_open()) == (State.OPEN, 5)
    assert breaker.admit() is None
    assert states == [State.OPEN]


def test_after_the_pause_a_few_trials_go_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 4.9
    assert breaker.admit() is None
    clock.now += 0.1
    assert breaker.seconds_open() == 0
    first, _second = admitted(breaker), admitted(breaker)
    assert breaker.admit() is None
    breaker.abandoned(first)
    admitted(breaker)
    assert breaker.admit() is None


def test_a_trial_that_succeeds_closes_it(
    breaker: Breaker, clock: Clock, states: list[State]
) -> None:
    fail(breaker, 3)
    clock.now += 5
    first, second = admitted(breaker), admitted(breaker)
    breaker.succeeded(first)
    breaker.failed(second)
    assert states == [State.OPEN, State.HALF_OPEN, State.CLOSED]
    fail(breaker, 2)
    assert breaker.state is State.CLOSED


def test_a_trial_that_fails_opens_it_for_another_pause(
    breaker: Breaker, clock: Clock, states: list[State]
) -> None:
    fail(breaker, 3)
    clock.now += 5
    first, second = admitted(breaker), admitted(breaker)
    clock.now += 1
    breaker.failed(first)
    breaker.succeeded(second)
    assert (breaker.state, breaker.seconds_open()) == (State.OPEN, 5)
    assert states == [State.OPEN, State.HALF_OPEN, State.OPEN]


def test_calls_from_before_it_opened_neither_close_nor_prolong(
    breaker: Breaker, clock: Clock
) -> None:
    old = [admitted(breaker) for _ in range(10)]
    for ticket in old[:3]:
        breaker.failed(ticket)
    clock.now += 4
    breaker.failed(old[3])
    breaker.succeeded(old[4])
    assert (breaker.state, breaker.seconds_open()) == (State.OPEN, 1)
    clock.now += 1
    admitted(breaker)
    for ticket in old[5:]:
        breaker.succeeded(ticket)
    assert breaker.state is State.HALF_OPEN
    admitted(breaker)
    assert breaker.admit() is None


def test_what_says_nothing_of_the_service_counts_neither_way(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.abandoned(admitted(breaker))
    fail(breaker)
    assert breaker.state is State.OPEN


def test_a_reset_forgets_everything(breaker: Breaker) -> None:
    fail(breaker, 3)
    breaker.reset()
    fail(breaker, 2)
    assert breaker.state is State.CLOSED


@pytest.fixture
def service() -> Outside:
    """A service whose 500 means nothing."""
    return Outside("unit", url=lambda: "", deadline=lambda: 1, most=1, usual=frozenset({500}))


@pytest.mark.parametrize("status", [None, 408, 501, 502, 503, 504, 520])
def test_no_answer_and_the_errors_of_a_sick_service_are_trouble(
    service: Outside, status: int | None
) -> None:
    assert service.is_trouble(OutcomeUnknown(status=status))


@pytest.mark.parametrize("status", [400, 404, 409, 422, 429, 500])
def test_what_a_healthy_service_answers_is_none(service: Outside, status: int) -> None:
    assert not service.is_trouble(Refused(status=status))
    assert not service.is_trouble(OutcomeUnknown(status=status))


def test_what_cannot_be_read_is_trouble_whatever_its_status(service: Outside) -> None:
    assert service.is_trouble(Unreadable(status=200))


def test_a_500_is_trouble_where_it_is_not_usual() -> None:
    service = Outside("unit", url=lambda: "", deadline=lambda: 1, most=1)
    assert service.is_trouble(OutcomeUnknown(status=500))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999999", 3600.0),
        (format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True), 0.0),
        (format_datetime(datetime.now(UTC) + timedelta(days=9), usegmt=True), 3600.0),
        ("Fri, 99 Dec 9999999999 99:99:99 GMT", None),
        ("9" * 5000, None),
        ("soon", None),
        ("-1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_wish_to_be_left_alone_is_read_and_bounded(
    header: str | None, seconds: float | None
) -> None:
    response = urllib3.HTTPResponse(headers={} if header is None else {"Retry-After": header})
    assert outside._retry_after(response) == seconds
