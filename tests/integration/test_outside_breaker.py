"""The breaker in front of a service outside: when it opens, and how it closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event

from app.kernel.breaker import State
from app.kernel.metrics import REGISTRY
from app.kernel.outside import OutcomeUnknown, Outside, Refused, Unreadable
from tests.integration import outside_service
from tests.integration.gateway import free_port, until
from tests.integration.outside_service import (
    PAUSE,
    Service,
    answering,
    content,
    counted,
    cut_off,
    get,
    hang_up,
    post,
)

FAILURES = 10
# This file's, instead of the folder's fixture of this name.
service = outside_service.service


def fail(outside: Outside, times: int) -> None:
    for _ in range(times):
        with pytest.raises((OutcomeUnknown, Refused)):
            post(outside)


def opened(service: Service, **options: Any) -> Outside:
    """A service that fails until its breaker opens."""
    outside = service.outside(**options)
    service.behave = answering(503)
    fail(outside, FAILURES)
    assert service.seen == FAILURES
    return outside


def end_pause(outside: Outside) -> None:
    """Let the pause of an open breaker be over."""
    outside.breaker._open_until = 0.0


def test_after_failures_in_a_row_calls_are_refused_at_once(service: Service) -> None:
    outside = opened(service)
    with pytest.raises(Refused) as refused:
        get(outside)
    assert refused.value.status is None
    assert 0 < refused.value.retry_after <= PAUSE
    assert service.seen == FAILURES
    assert counted(outside, "get", "held_back") == 1


def test_a_service_that_is_well_again_is_called_again(service: Service) -> None:
    outside = opened(service, pause=0.1)
    service.behave = answering(200)
    until(lambda: not outside.breaker.seconds_open())
    assert post(outside) == 200
    assert outside.breaker.state is State.CLOSED
    changes = {
        state: REGISTRY.get_sample_value(
            "biletter_outside_breaker_changes_total", {"service": outside.name, "state": state}
        )
        for state in State
    }
    assert changes == {"open": 1, "half_open": 1, "closed": 1}


def test_a_service_that_is_still_sick_is_left_alone_for_another_pause(service: Service) -> None:
    outside = opened(service)
    end_pause(outside)
    fail(outside, 5)
    assert service.seen == FAILURES + 1
    assert outside.breaker.state is State.OPEN


def test_of_a_crowd_only_a_few_try_whether_it_is_well_again(service: Service) -> None:
    outside = opened(service)
    gate = Event()
    service.behave = lambda *call: (gate.wait(5), answering(200)(*call))[1]
    end_pause(outside)
    running = [gevent.spawn(post, outside) for _ in range(15)]
    until(lambda: sum(one.ready() for one in running) == 13)
    gate.set()
    gevent.joinall(running)
    assert sum(one.successful() for one in running) == 2
    assert all(isinstance(one.exception, Refused) for one in running if not one.successful())
    assert service.seen == FAILURES + 2
    assert [post(outside) for _ in range(3)] == [200] * 3


def test_a_trial_that_is_killed_does_not_keep_others_from_trying(service: Service) -> None:
    outside = opened(service)
    never = Event()
    service.behave = lambda *_: never.wait(5)
    end_pause(outside)
    trials = [gevent.spawn(post, outside) for _ in range(2)]
    until(lambda: service.under_way == 2)
    gevent.killall(trials)
    never.set()
    service.behave = answering(200)
    assert post(outside) == 200


def test_who_queues_while_it_opens_is_not_sent(service: Service) -> None:
    gate = Event()
    service.behave = lambda *call: (gate.wait(5), answering(503)(*call))[1]
    outside = service.outside(most=FAILURES)
    running = [gevent.spawn(post, outside) for _ in range(2 * FAILURES)]
    until(lambda: service.under_way == FAILURES)
    gate.set()
    gevent.joinall(running)
    assert service.seen == FAILURES
    assert sum(isinstance(one.exception, Refused) for one in running) == FAILURES


@pytest.mark.parametrize(
    "behave", [hang_up, cut_off, answering(500), answering(504), answering(302)]
)
def test_it_opens_for_whatever_is_no_proper_answer(
    service: Service, behave: Callable[..., Any]
) -> None:
    outside = service.outside()
    service.behave = behave
    fail(outside, FAILURES + 1)
    assert (service.seen, outside.breaker.state) == (FAILURES, State.OPEN)


def test_it_opens_when_nobody_listens_and_for_what_cannot_be_read(service: Service) -> None:
    outside = service.outside()
    service.behave = answering(200, b"<html>")
    for _ in range(FAILURES - 1):
        with pytest.raises(Unreadable):
            outside.call("c", "GET", "/", content)
    assert outside.breaker.state is State.CLOSED
    service.url = f"http://127.0.0.1:{free_port()}"
    fail(outside, 1)
    assert outside.breaker.state is State.OPEN


@pytest.mark.parametrize("status", [400, 404, 409, 422, 429, 500])
def test_it_stays_closed_for_what_the_service_answers_on_good_days(
    service: Service, status: int
) -> None:
    outside = service.outside(usual=frozenset({500}))
    service.behave = answering(status)
    fail(outside, 2 * FAILURES)
    assert (service.seen, outside.breaker.state) == (2 * FAILURES, State.CLOSED)
