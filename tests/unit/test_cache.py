"""The cache in front of every request: bounded, timed, and fast because it is simple."""

from __future__ import annotations

import time

import gevent
import pytest

from app.kernel import errors
from app.kernel.cache import SharedCache, TimedCache


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("app.kernel.cache.time", clock)
    return clock


def test_what_was_put_in_comes_out_until_its_time_is_over(clock: Clock) -> None:
    cache: TimedCache[str, int] = TimedCache(10, 5)
    cache.put("a", 1)
    clock.now += 4.9
    assert cache.get("a") == 1
    clock.now += 0.2
    assert cache.get("a") is None


def test_reading_does_not_prolong_a_life_but_writing_does(clock: Clock) -> None:
    cache: TimedCache[str, int] = TimedCache(10, 5)
    cache.put("read", 1)
    cache.put("written", 1)
    clock.now += 4
    assert cache.get("read") == 1
    cache.put("written", 2)
    clock.now += 4
    assert cache.get("read") is None
    assert cache.get("written") == 2


def test_a_newer_value_hides_an_older_one_of_the_other_generation() -> None:
    cache: TimedCache[int, str] = TimedCache(4, 60)
    cache.put(1, "old")
    cache.put(2, "")
    cache.put(3, "")  # Begins a new generation.
    assert cache.get(1) == "old"
    cache.put(1, "new")
    assert cache.get(1) == "new"


def test_it_never_holds_more_than_its_size() -> None:
    cache: TimedCache[int, int] = TimedCache(100, 60)
    for number in range(10_000):
        cache.put(number, number)
        assert len(cache) <= 100
    assert cache.get(9_999) == 9_999
    assert cache.get(0) is None


def test_the_newest_half_is_always_there() -> None:
    cache: TimedCache[int, int] = TimedCache(100, 60)
    for number in range(1_000):
        cache.put(number, number)
        if number >= 50:
            assert all(cache.get(recent) == recent for recent in range(number - 49, number + 1))


def test_a_size_of_one_still_keeps_one() -> None:
    cache: TimedCache[int, int] = TimedCache(1, 60)
    cache.put(1, 1)
    assert cache.get(1) == 1


def test_clearing_forgets_everything() -> None:
    cache: TimedCache[int, int] = TimedCache(4, 60)
    for number in range(4):
        cache.put(number, number)
    cache.clear()
    assert len(cache) == 0
    assert [cache.get(number) for number in range(4)] == [None] * 4


def test_a_look_up_costs_microseconds() -> None:
    cache: TimedCache[int, int] = TimedCache(100_000, 60)
    for number in range(100_000):
        cache.put(number, number)
    started = time.process_time()
    for number in range(100_000):
        cache.get(number)
    assert time.process_time() - started < 1


def test_of_many_who_miss_at_once_one_makes_the_value_for_all() -> None:
    made = []

    def make() -> str:
        made.append(1)
        gevent.sleep(0.01)
        return "value"

    cache: SharedCache[str, str] = SharedCache(10, 60)
    asking = [gevent.spawn(cache.get, "key", make) for _ in range(1000)]
    gevent.joinall(asking, raise_error=True)
    assert {one.value for one in asking} == {"value"}
    assert len(made) == 1


def test_other_keys_do_not_wait_for_a_slow_one() -> None:
    cache: SharedCache[str, str] = SharedCache(10, 60)
    slow = gevent.spawn(cache.get, "slow", lambda: gevent.sleep(30) or "")
    gevent.sleep(0)
    with gevent.Timeout(5):
        assert cache.get("quick", lambda: "value") == "value"
    slow.kill()


def test_all_who_wait_get_the_error_and_the_next_one_tries_anew() -> None:
    def fail() -> str:
        gevent.sleep(0.01)
        raise errors.Unavailable

    cache: SharedCache[str, str] = SharedCache(10, 60)
    asking = [gevent.spawn(cache.get, "key", fail) for _ in range(3)]
    gevent.joinall(asking)
    assert [type(one.exception) for one in asking] == [errors.Unavailable] * 3
    assert cache.get("key", lambda: "value") == "value"


def test_who_waits_for_a_killed_greenlet_is_told_to_come_again() -> None:
    cache: SharedCache[str, str] = SharedCache(10, 60)
    maker = gevent.spawn(cache.get, "key", lambda: gevent.sleep(30) or "")
    waiter = gevent.spawn(cache.get, "key", lambda: "not asked")
    gevent.sleep(0)
    maker.kill()
    with gevent.Timeout(5):
        waiter.join()
    assert isinstance(waiter.exception, errors.Busy)
    assert cache.get("key", lambda: "value") == "value"
