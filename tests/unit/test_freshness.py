"""How often a worker asks the database what has changed."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import MagicMock

import gevent
import pytest

from app.kernel import config, db, shared
from app.seats import board_queries
from app.seats.board import Board
from app.seats.board_queries import Changes, Layout
from app.seats.freshness import Boards
from app.seats.models import Change, SeatStatus

SECONDS = 0.05


class Database:
    """Takes its time to say that nothing has changed."""

    def __init__(self) -> None:
        self.asked = self.changes = 0

    def changes_since(self, _xmin: int, limit: int) -> Changes:
        self.asked += 1
        gevent.sleep(SECONDS)
        return Changes(1, 0.0, [Change(2, 1, 1, SeatStatus.FREE, 0.0)] * min(self.changes, limit))


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Another worker changes seats without a pause."""
    slow, changes = Database(), iter(range(10**9))
    monkeypatch.setattr(board_queries, "changes_since", slow.changes_since)
    monkeypatch.setattr(shared, "changes_elsewhere", lambda: next(changes))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1/nothing")
    config.settings.cache_clear()
    yield slow
    config.settings.cache_clear()


@pytest.fixture
def layouts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The events whose seats were read as a whole."""
    read: list[int] = []

    def load_layout(_connection: object, event_id: int) -> Layout:
        read.append(event_id)
        return Layout(1, [], [])

    monkeypatch.setattr(board_queries, "event_exists", lambda _: True)
    monkeypatch.setattr(board_queries, "load_layout", load_layout)
    monkeypatch.setattr(db, "transaction", MagicMock())
    return read


@pytest.fixture
def boards() -> Boards:
    made = Boards()
    made._boards[1] = Board(1, [], [])
    return made


def test_a_list_asks_when_another_worker_has_changed_something(
    database: Database, boards: Boards
) -> None:
    for count in (1, 2, 3):
        boards.fresh(1)
        assert database.asked == count


def test_those_who_wait_share_one_question_that_began_after_they_came(
    database: Database, boards: Boards
) -> None:
    first = gevent.spawn(boards.fresh, 1)
    gevent.sleep(SECONDS / 5)
    rest = [gevent.spawn(boards.fresh, 1) for _ in range(20)]
    gevent.sleep(SECONDS / 5)
    assert database.asked == 1
    gevent.joinall([first, *rest], raise_error=True)
    # The one under way when they came may have missed what they must see.
    assert database.asked == 2


def test_a_board_is_read_again_when_more_has_changed_than_reading_it_costs(
    database: Database, boards: Boards, layouts: list[int]
) -> None:
    before = boards.fresh(1)
    database.changes = 19_999
    assert boards.fresh(1) is before
    database.changes = 100_000
    assert boards.fresh(1) is not before
    assert layouts == [1]
