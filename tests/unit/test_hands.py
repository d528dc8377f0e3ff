from __future__ import annotations

import logging
from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from app.kernel import errors
from app.kernel.hands import Hands


class Heap:
    """Numbers to be taken, and those that have been done."""

    def __init__(self, *numbers: int) -> None:
        self.waiting = list(numbers)
        self.done: list[int] = []

    def take(self, limit: int) -> list[int]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    def hands(self, count: int, do: Callable[[int], object] | None = None) -> Hands[int]:
        return Hands("heap", count, self.take, do or self.done.append)


def test_no_more_is_taken_than_there_are_hands_free() -> None:
    heap, gate = Heap(1, 2, 3, 4, 5), Event()

    def do(number: int) -> None:
        gate.wait()
        heap.done.append(number)

    hands = heap.hands(3, do)
    assert hands.take_up() == 3
    assert heap.waiting == [4, 5]
    gate.set()
    assert hands.take_up() == 2
    hands.finish()
    assert sorted(heap.done) == [1, 2, 3, 4, 5]
    assert hands.take_up() == 0


def test_what_takes_long_holds_up_no_other() -> None:
    heap, gate = Heap(1, 2, 3), Event()

    def do(number: int) -> None:
        if number == 1:
            gate.wait()
        heap.done.append(number)

    hands = heap.hands(2, do)
    while heap.waiting:
        hands.take_up()
    gevent.sleep(0)
    assert heap.done == [2, 3]
    gate.set()
    hands.finish()
    assert heap.done == [2, 3, 1]


@pytest.mark.parametrize(
    ("error", "level"), [(errors.Busy(), logging.INFO), (ValueError("odd"), logging.ERROR)]
)
def test_what_goes_wrong_is_logged_and_the_others_are_done(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    heap = Heap(1, 2, 3)

    def do(number: int) -> None:
        if number == 2:
            raise error
        heap.done.append(number)

    hands = heap.hands(1, do)
    with caplog.at_level(logging.INFO, "app.kernel.hands"):
        while hands.take_up():
            pass
        hands.finish()
    assert heap.done == [1, 3]
    assert [(record.levelno, record.__dict__["piece"]) for record in caplog.records] == [(level, 2)]
