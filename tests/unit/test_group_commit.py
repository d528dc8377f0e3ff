from __future__ import annotations

from collections.abc import Sequence

import gevent
import pytest
from gevent.event import Event

from app.kernel.group_commit import GroupCommit


class Counter:
    """Squares numbers, and notes which came together; waits at a gate while that is closed."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = Event()
        self.gate.set()

    def run(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append([*numbers])
        self.gate.wait()
        if -1 in numbers:
            raise ValueError("minus one")
        return [number**2 for number in numbers]


def test_a_call_alone_goes_at_once() -> None:
    counter = Counter()
    squares = GroupCommit(counter.run, lanes=1, most=10)
    assert [squares.do(number) for number in (1, 2, 3)] == [1, 4, 9]
    assert counter.groups == [[1], [2], [3]]


def test_those_that_come_meanwhile_go_together_as_many_as_may() -> None:
    counter = Counter()
    squares = GroupCommit(counter.run, lanes=1, most=3)
    counter.gate.clear()
    first = [gevent.spawn(squares.do, number) for number in (1, 2)]
    gevent.sleep(0.01)
    rest = [gevent.spawn(squares.do, number) for number in range(3, 10)]
    gevent.sleep(0.01)
    assert counter.groups == [[1, 2]]
    counter.gate.set()
    gevent.joinall([*first, *rest], raise_error=True)
    assert [one.value for one in (*first, *rest)] == [number**2 for number in range(1, 10)]
    assert counter.groups == [[1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_no_more_groups_than_lanes_are_under_way() -> None:
    counter = Counter()
    squares = GroupCommit(counter.run, lanes=2, most=1)
    counter.gate.clear()
    calls = [gevent.spawn(squares.do, number) for number in range(5)]
    gevent.sleep(0.01)
    assert counter.groups == [[0], [1]]
    counter.gate.set()
    gevent.joinall(calls, raise_error=True)
    assert len(counter.groups) == 5


def test_an_error_is_raised_to_each_of_the_group_and_to_nobody_else() -> None:
    counter = Counter()
    squares = GroupCommit(counter.run, lanes=1, most=2)
    counter.gate.clear()
    calls = [gevent.spawn(squares.do, number) for number in (1, 2, -1, 3, 4)]
    gevent.sleep(0.01)
    counter.gate.set()
    gevent.joinall(calls)
    assert [call.value for call in calls] == [1, 4, None, None, 16]
    assert [str(call.exception) for call in calls[2:4]] == ["minus one"] * 2
    assert squares.do(5) == 25


@pytest.mark.parametrize("killed", [0, 1])
def test_a_caller_who_is_gone_holds_up_nobody(killed: int) -> None:
    counter = Counter()
    squares = GroupCommit(counter.run, lanes=1, most=1)
    counter.gate.clear()
    calls = [gevent.spawn(squares.do, number) for number in (1, 2, 3)]
    gevent.sleep(0.01)
    calls[killed].kill()
    counter.gate.set()
    gevent.joinall(calls, timeout=5)
    assert calls[2].value == 9
    assert counter.groups == [[1], [2], [3]]
    assert squares.do(4) == 16
