"""What a worker reads before anybody asks for it."""

from __future__ import annotations

import logging
from typing import Any

import gevent
import pytest

from app import application, create_app
from app.operations import figures
from app.seats import service
from app.seats.freshness import Boards
from tests.conftest import Event
from tests.integration.gateway import free_port
from tests.integration.test_operations import fresh_pools


@pytest.fixture
def boards(app: Any, monkeypatch: pytest.MonkeyPatch) -> Boards:
    """The boards of a worker that has just begun."""
    del app
    made = Boards()
    monkeypatch.setattr(service, "_boards", made)
    return made


def test_the_largest_events_are_read_before_the_first_list(
    boards: Boards, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = figures.OnSale(event.id, "Концерт", "KZT")
    monkeypatch.setattr(figures, "find_events", lambda: [largest])
    create_app(warm=True)
    with gevent.Timeout(10):
        while event.id not in boards._boards:
            gevent.sleep(0.01)
    assert boards._boards[event.id].size == len(event.seats)


def test_without_a_database_a_worker_begins_all_the_same(
    boards: Boards, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with fresh_pools(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"):
        application.warm_up()
    assert "no seats were read yet" in caplog.text
    assert not boards._boards
