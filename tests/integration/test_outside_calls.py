"""Calls of a service outside that is slow, silent, broken or crowded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import msgspec
import pytest
from gevent.event import Event

from app.kernel.breaker import State
from app.kernel.outside import OutcomeUnknown, Outside, Refused, Unreadable
from tests.integration import outside_service
from tests.integration.gateway import free_port, until
from tests.integration.outside_service import (
    Service,
    answering,
    content,
    counted,
    cut_off,
    first,
    get,
    hang_up,
    post,
)

# This file's, instead of the folder's fixture of this name.
service = outside_service.service


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


# What is sent and understood.


def test_the_body_goes_out_and_what_is_read_comes_back(service: Service) -> None:
    sent = []

    def behave(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        sent.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]))
        sent.append(msgspec.json.decode(environ["wsgi.input"].read()))
        return answering(200, b'{"is": "told"}')(environ, start_response)

    service.behave = behave
    service.url += "/base/"
    outside = service.outside()
    assert outside.call("c", "PUT", "/x?y=1", content, body={"a": "б"}) == {"is": "told"}
    assert sent == [("PUT", "/base/x", "y=1"), {"a": "б"}]
    assert counted(outside, "c", "answered") == 1


def test_a_service_without_an_address_is_refused(service: Service) -> None:
    service.url = ""
    with pytest.raises(Refused):
        get(service.outside())


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_no_answer_and_not_followed(service: Service, status: int) -> None:
    service.behave = answering(status, Location=service.url)
    with pytest.raises(Unreadable) as unknown:
        get(service.outside())
    assert (unknown.value.status, service.seen) == (status, 1)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b'"\xff"', b"[" * 100_000])
def test_a_body_that_cannot_be_read_is_an_unknown_outcome(service: Service, body: bytes) -> None:
    service.behave = answering(200, body)
    outside = service.outside()
    with pytest.raises(Unreadable) as unknown:
        outside.call("c", "GET", "/", content, is_repeatable=True)
    assert (unknown.value.status, service.seen) == (200, 1)
    assert counted(outside, "c", "unknown") == 1


@pytest.mark.parametrize("call", [get, post])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, Refused), (429, Refused)]
    + [(status, OutcomeUnknown) for status in (408, 500, 502, 503, 504)],
)
def test_an_error_that_was_answered_is_not_tried_again(
    service: Service, call: Callable[[Outside], int], status: int, kind: type[Exception]
) -> None:
    service.behave = answering(status, Retry_After="7")
    with pytest.raises(kind) as failed:
        call(service.outside())
    assert type(failed.value) is kind
    assert failed.value.status == status
    assert failed.value.retry_after == (None if status == 404 else 7)
    assert service.seen == 1


# One more try, of what may be repeated.


@pytest.mark.parametrize("odd", [hang_up, cut_off])
def test_a_repeatable_call_is_made_again_when_its_answer_got_lost(
    service: Service, odd: Callable[..., Any]
) -> None:
    service.behave = first(odd, answering(200))
    assert get(service.outside()) == 200
    assert service.seen == 2


@pytest.mark.parametrize("odd", [hang_up, cut_off])
def test_it_is_made_twice_at_most(service: Service, odd: Callable[..., Any]) -> None:
    service.behave = odd
    outside = service.outside()
    with pytest.raises(OutcomeUnknown) as unknown:
        get(outside)
    assert (unknown.value.status, service.seen) == (None, 2)
    assert counted(outside, "get", "unknown") == 1


@pytest.mark.parametrize("odd", [hang_up, cut_off])
def test_any_other_call_is_made_once(service: Service, odd: Callable[..., Any]) -> None:
    service.behave = odd
    with pytest.raises(OutcomeUnknown) as unknown:
        post(service.outside())
    assert (unknown.value.status, service.seen) == (None, 1)


@pytest.mark.parametrize(("call", "times"), [(get, 2), (post, 1)])
def test_silence_gets_a_second_try_within_the_same_deadline(
    service: Service, call: Callable[[Outside], int], times: int
) -> None:
    service.deadline = 0.3
    never = Event()
    service.behave = lambda *_: never.wait(5)
    with pytest.raises(OutcomeUnknown), within(2):
        call(service.outside())
    never.set()
    assert service.seen == times


def test_a_connection_that_went_silent_is_given_up_in_time_for_the_second(
    service: Service,
) -> None:
    service.deadline = 0.9
    never = Event()
    service.behave = first(lambda *_: never.wait(5), answering(200))
    with within(0.9):
        assert get(service.outside()) == 200
    never.set()


@pytest.mark.parametrize("call", [get, post])
def test_where_nobody_listens_nothing_has_happened(
    service: Service, call: Callable[[Outside], int]
) -> None:
    service.url = f"http://127.0.0.1:{free_port()}"
    outside = service.outside()
    with pytest.raises(Refused) as refused:
        call(outside)
    assert (refused.value.status, refused.value.retry_after) == (None, None)
    assert counted(outside, call.__name__, "refused") == 1


# The deadline.


@pytest.mark.parametrize("call", [get, post])
def test_an_answer_that_trickles_does_not_outlast_the_deadline(
    service: Service, call: Callable[[Outside], int]
) -> None:
    def trickle(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "1000")])
        for _ in range(1000):
            yield b" "
            gevent.sleep(0.02)

    service.behave = trickle
    service.deadline = 0.3
    with pytest.raises(OutcomeUnknown), within(2):
        call(service.outside())
    assert service.seen == 1


def test_the_time_in_the_queue_is_part_of_the_deadline(service: Service) -> None:
    never, first_may_end = Event(), Event()
    service.behave = first(
        lambda *call: (first_may_end.wait(5), answering(200)(*call))[1], lambda *_: never.wait(5)
    )
    outside = service.outside(most=1)
    running = gevent.spawn(post, outside)
    until(lambda: service.seen == 1)
    service.deadline = 0.8
    gevent.spawn_later(0.6, first_may_end.set)
    with pytest.raises(OutcomeUnknown), within(1.3):
        post(outside)
    never.set()
    assert running.get() == 200
    assert service.seen == 2


# The bulkhead.


def test_no_more_calls_are_under_way_than_allowed(service: Service) -> None:
    gate = Event()
    service.behave = lambda *call: (gate.wait(5), answering(200)(*call))[1]
    outside = service.outside(most=3)
    running = [gevent.spawn(post, outside) for _ in range(10)]
    until(lambda: service.under_way == 3)
    gate.set()
    assert [one.get() for one in running] == [200] * 10
    assert service.most_under_way == 3


def test_who_waits_in_vain_is_refused_and_was_never_sent(service: Service) -> None:
    gate = Event()
    service.behave = lambda *call: (gate.wait(5), answering(200)(*call))[1]
    outside = service.outside(most=2)
    running = [gevent.spawn(post, outside) for _ in range(2)]
    until(lambda: service.seen == 2)
    service.deadline = 0.1
    with pytest.raises(Refused), within(2):
        post(outside)
    assert counted(outside, "post", "crowded_out") == 1
    gate.set()
    assert [one.get() for one in running] == [200] * 2
    assert service.seen == 2
    assert outside.breaker.state is State.CLOSED
    assert post(outside) == 200


def test_a_caller_that_is_killed_leaves_its_place_to_others(service: Service) -> None:
    never = Event()
    service.behave = first(lambda *_: never.wait(5), answering(200))
    outside = service.outside(most=1)
    running = gevent.spawn(post, outside)
    until(lambda: service.seen == 1)
    running.kill()
    never.set()
    assert post(outside) == 200
    assert counted(outside, "post", "abandoned") == 1
