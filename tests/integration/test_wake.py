"""A worker's job is woken by NOTIFY, and survives whatever becomes of its connection."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import gevent
import psycopg
import pytest
from gevent.event import Event as Signal

from app.kernel import db, outbox, wake
from tests.integration.gateway import until


@pytest.fixture
def listener(app: Any) -> Iterator[wake.Listener]:
    """A listener for two jobs that is connected, and has woken both because it came late."""
    del app
    listener = wake.Listener(["one", "two"])
    greenlet = gevent.spawn(listener.run)
    for event in listener.events.values():
        assert event.wait(10)
        event.clear()
    yield listener
    greenlet.kill()


def listening(sql: psycopg.Connection[Any]) -> list[int]:
    """The server's processes behind listeners."""
    found = sql.execute(
        """SELECT pid FROM pg_stat_activity
           WHERE application_name = 'biletter-listener' AND datname = current_database()"""
    )
    return [row[0] for row in found]


def send(job: str) -> None:
    with db.transaction() as connection:
        wake.wake(connection, job)


def test_a_job_is_woken_and_no_other(listener: wake.Listener) -> None:
    started = time.monotonic()
    send("one")
    assert listener.events["one"].wait(5)
    assert time.monotonic() - started < 1
    assert not listener.events["two"].is_set()


def test_nobody_is_woken_before_the_commit_or_by_what_is_rolled_back(
    listener: wake.Listener,
) -> None:
    def give_up() -> None:
        with db.transaction() as connection:
            wake.wake(connection, "one")
            raise LookupError

    with pytest.raises(LookupError):
        give_up()
    with db.transaction() as connection:
        wake.wake(connection, "one")
        assert not listener.events["one"].wait(0.1)
    assert listener.events["one"].wait(5)


def test_a_job_that_only_other_versions_know_is_passed_over(listener: wake.Listener) -> None:
    send("unheard-of")
    send("two")
    assert listener.events["two"].wait(5)
    assert not listener.events["one"].is_set()


def test_a_listener_does_not_stop_other_greenlets_and_keeps_no_connection_of_the_pool(
    listener: wake.Listener,
) -> None:
    del listener
    assert db.primary().in_use == 0
    assert db.one("SELECT 1") == (1,)


def test_a_listener_outlives_the_deadline_of_the_pool(
    app: Any, sql: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.kernel.config import settings

    del app
    short = settings().__class__(database_url=settings().database_url, database_deadline=0.2)
    monkeypatch.setattr(wake, "settings", lambda: short)
    listener = wake.Listener(["one"])
    greenlet = gevent.spawn(listener.run)
    try:
        event = listener.events["one"]
        assert event.wait(10)
        before = listening(sql)
        event.clear()
        assert not event.wait(0.6), "a second connection would have woken it"
        assert listening(sql) == before
        send("one")
        assert event.wait(5)
    finally:
        greenlet.kill()
    until(lambda: not listening(sql))


def test_a_broken_connection_is_replaced_and_every_job_woken_once(
    listener: wake.Listener, sql: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake, "_PAUSE_SECONDS", 0.05)
    (pid,) = listening(sql)
    sql.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    for event in listener.events.values():
        assert event.wait(5), "something may have been missed"
        event.clear()
    assert listening(sql) != [pid]
    send("two")
    assert listener.events["two"].wait(5)
    assert not listener.events["one"].is_set()


def test_a_server_that_cannot_be_reached_is_tried_again(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del app
    monkeypatch.setattr(wake, "_PAUSE_SECONDS", 0.01)
    failures: list[None] = []
    connect = db.connect

    def fail_twice(*arguments: Any, **options: Any) -> db.Connection:
        if len(failures) < 2:
            failures.append(None)
            raise psycopg.OperationalError("no route")
        return connect(*arguments, **options)

    monkeypatch.setattr(db, "connect", fail_twice)
    listener = wake.Listener(["one"])
    greenlet = gevent.spawn(listener.run)
    try:
        assert listener.events["one"].wait(5)
        assert len(failures) == 2
    finally:
        greenlet.kill()


# --- The worker's loop ---------------------------------------------------------------------------


def test_a_woken_job_looks_at_once_and_what_comes_during_its_work_is_not_lost(app: Any) -> None:
    from app import worker

    del app
    woken, stop = Signal(), Signal()
    looks: list[int] = []

    def work() -> int:
        looks.append(len(looks))
        if len(looks) == 2:
            woken.set()  # While it is at work.
        return 0

    loop = gevent.spawn(worker.repeat, worker.Job("one", work, 3600), woken, stop)
    until(lambda: len(looks) == 1)
    woken.set()
    until(lambda: len(looks) == 3)
    gevent.sleep(0.05)
    assert len(looks) == 3
    stop.set()
    woken.set()
    loop.get(timeout=5)


def test_a_job_that_is_not_woken_looks_after_its_time(app: Any) -> None:
    from app import worker

    del app
    woken, stop = Signal(), Signal()
    looks: list[None] = []

    def work() -> int:
        looks.append(None)
        return 0

    loop = gevent.spawn(worker.repeat, worker.Job("one", work, 0.01), woken, stop)
    until(lambda: len(looks) >= 3)
    stop.set()
    loop.get(timeout=5)


def test_every_job_has_a_name_of_its_own(app: Any) -> None:
    from app import worker

    del app
    names = [job.name for job in worker.jobs()]
    assert {"expiry", "payments", "refunds", "messages"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_worker_delivers_messages_and_ends_on_sigterm(
    app: Any, sql: psycopg.Connection[Any]
) -> None:
    del app
    worker = subprocess.Popen([sys.executable, "-m", "app.worker"], env=dict(os.environ))
    try:
        until(lambda: listening(sql), seconds=30)
        with db.transaction() as connection:
            outbox.publish(
                connection,
                "booking.confirmed",
                "test-worker",
                {"booking_id": 1, "user_id": -17, "event_id": 1},
            )
        until(
            lambda: sql.execute("SELECT FROM notifications WHERE user_id = -17").fetchall(),
            seconds=20,
        )
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
    finally:
        worker.kill()
        worker.wait()
        sql.execute("DELETE FROM notifications WHERE user_id = -17")
