"""How often a worker asks the database what has changed."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from app.kernel import config, shared
from app.seats import queries
from app.seats.board import Board
from app.seats.freshness import Boards
from app.seats.queries import Changes

SECONDS = 0.05


class Database:
    """Takes its time to say that nothing has changed."""

    def __init__(self) -> None:
        self.asked = 0

    def changes_since(self, _xmin: int) -> Changes:
        self.asked += 1
        gevent.sleep(SECONDS)
        return Changes(1, 0.0, [])


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Another worker changes seats without a pause."""
    slow, changes = Database(), iter(range(10**9))
    monkeypatch.setattr(queries, "changes_since", slow.changes_since)
    monkeypatch.setattr(shared, "changes_elsewhere", lambda: next(changes))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1/nothing")
    config.settings.cache_clear()
    yield slow
    config.settings.cache_clear()


@pytest.fixture
def boards() -> Boards:
    made = Boards()
    empty = Board(1, [])
    empty.complete()
    made._boards[1] = empty
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
