"""Several servers of PostgreSQL: which one is asked, and what a buyer is told when one is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from app.kernel import db, errors
from tests.conftest import Caller, Event
from tests.integration.serving import free_port
from tests.integration.test_operations import fresh_pools

LOST = "Неизвестно, сохранилось ли изменение."


@contextmanager
def standbys_that_never_come(url: str) -> Iterator[None]:
    """Make every commit wait for a standby that there is not."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        connection.execute("SELECT pg_reload_conf()")
        try:
            until_set(connection, "nobody")
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
            until_set(connection, "")


def until_set(connection: psycopg.Connection[Any], names: str) -> None:
    deadline = time.monotonic() + 5
    while connection.execute("SHOW synchronous_standby_names").fetchone() != (names,):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_commit_that_no_standby_has_is_not_called_done(
    buyer: Caller, event: Event, environment: dict[str, str]
) -> None:
    with fresh_pools(BILETTER_DATABASE_DEADLINE="0.5"):
        with standbys_that_never_come(environment["DATABASE_URL"]):
            answer = buyer.post("/api/bookings", event_id=event.id)
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert db.primary().in_use == 0
        assert waiting_for_standbys() == 0, "a backend was left to wait"
        assert buyer.post("/api/bookings", event_id=event.id).status_code == 201


def test_a_commit_whose_wait_for_standbys_was_cancelled_is_not_called_done(
    buyer: Caller, event: Event, environment: dict[str, str]
) -> None:
    url = environment["DATABASE_URL"]
    with fresh_pools(), psycopg.connect(url, autocommit=True) as other:
        with standbys_that_never_come(url):
            booking = gevent.spawn(buyer.post, "/api/bookings", event_id=event.id)
            while not other.execute(CANCEL).fetchall():
                gevent.sleep(0.01)
            answer = booking.get(timeout=5)
        assert (answer.status_code, answer.json["detail"]) == (503, LOST)
        known = other.execute("SELECT count(*) FROM bookings WHERE event_id = %s", [event.id])
        assert known.fetchone() == (1,), "the control: it was the answer that made the difference"


def test_the_same_goes_for_a_transaction_in_one_exchange(
    buyer: Caller, event: Event, environment: dict[str, str]
) -> None:
    url = environment["DATABASE_URL"]
    booking = buyer.book(event.id)
    with fresh_pools(BILETTER_DATABASE_DEADLINE="0.5"):
        with standbys_that_never_come(url):
            answer = buyer.cancel(booking)
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert db.primary().in_use == 0
        assert waiting_for_standbys() == 0, "a backend was left to wait"
    booking = buyer.book(event.id)
    with fresh_pools(), psycopg.connect(url, autocommit=True) as other:
        with standbys_that_never_come(url):
            cancelling = gevent.spawn(buyer.cancel, booking)
            while not other.execute(CANCEL).fetchall():
                gevent.sleep(0.01)
            answer = cancelling.get(timeout=5)
        assert (answer.status_code, answer.json["detail"]) == (503, LOST)
        status = other.execute("SELECT status::text FROM bookings WHERE id = %s", [booking])
        assert status.fetchone() == ("CANCELLED",)


def test_a_transaction_in_one_exchange_that_waits_too_long_leaves_its_connection_in_order(
    buyer: Caller, event: Event, environment: dict[str, str]
) -> None:
    booking = buyer.book(event.id)
    with fresh_pools(BILETTER_LOCK_TIMEOUT="0.1"):
        before = backends()
        with psycopg.connect(environment["DATABASE_URL"]) as other:
            other.execute("SELECT FROM bookings WHERE id = %s FOR UPDATE", [booking])
            answer = buyer.cancel(booking)
        assert (answer.status_code, answer.json["code"]) == (503, "busy")
        assert sorted(backends()) == sorted(before)
        assert list(buyer.bookings()) == [booking]
        assert buyer.cancel(booking).status_code == 200


CANCEL = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def test_reads_go_on_while_commits_wait(
    buyer: Caller, event: Event, environment: dict[str, str]
) -> None:
    with fresh_pools(), standbys_that_never_come(environment["DATABASE_URL"]):
        assert buyer.get("/api/seats", event_id=event.id).status_code == 200
        assert buyer.get("/api/bookings").status_code == 200


def waiting_for_standbys() -> int:
    rows = db.rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return int(rows[0][0])


@pytest.fixture
def replica(environment: dict[str, str]) -> Iterator[str]:
    """The address of a database that stands for a replica: it knows that it is another one."""
    url = environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS replica WITH (FORCE)")
        connection.execute("CREATE DATABASE replica")
    yield make_conninfo(url, dbname="replica")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE replica WITH (FORCE)")


ASKED = "SELECT current_database()"


def test_reads_that_tolerate_lag_go_to_the_replica_and_all_others_do_not(
    app: Any, replica: str
) -> None:
    del app
    with fresh_pools(DATABASE_REPLICA_URL=replica):
        assert db.read_only(ASKED) == [("replica",)]
        assert db.one(ASKED) != ("replica",)


@pytest.mark.parametrize("wanted", ["any", "read-write", "primary"])
def test_without_a_replica_the_primary_is_read(
    app: Any, environment: dict[str, str], wanted: str
) -> None:
    del app
    url = make_conninfo(environment["DATABASE_URL"], target_session_attrs=wanted)
    gone = make_conninfo(url, host="127.0.0.1", port=free_port())
    with fresh_pools(DATABASE_URL=url, DATABASE_REPLICA_URL=gone):
        assert db.read_only(ASKED) == [db.one(ASKED)]


def test_a_read_that_a_replica_cancels_for_its_replay_is_asked_of_the_primary(
    app: Any, environment: dict[str, str], replica: str
) -> None:
    del app
    conflict = "RAISE 'canceling statement due to conflict with recovery' USING ERRCODE = '40001'"
    body = "CREATE FUNCTION read_conflict() RETURNS text LANGUAGE plpgsql AS $$ BEGIN {} END $$"
    with psycopg.connect(replica, autocommit=True) as connection:
        connection.execute(body.format(f"{conflict};"))
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(body.format("RETURN 'primary';"))
        try:
            with fresh_pools(DATABASE_REPLICA_URL=replica):
                assert db.read_only("SELECT read_conflict()") == [("primary",)]
        finally:
            connection.execute("DROP FUNCTION read_conflict")


def test_a_read_that_takes_too_long_is_not_asked_twice(app: Any, replica: str) -> None:
    del app
    with fresh_pools(DATABASE_REPLICA_URL=replica, BILETTER_READ_TIMEOUT="0.2"):
        started = time.monotonic()
        with pytest.raises(errors.Busy):
            db.read_only("SELECT pg_sleep(5)")
        assert time.monotonic() - started < 0.39


def backends() -> list[int]:
    """The processes behind the pool's idle connections, of which there are three."""
    queries = [gevent.spawn(db.rows, "SELECT pg_backend_pid(), pg_sleep(0.1)") for _ in range(3)]
    return [query.get(timeout=5)[0][0] for query in queries]


def terminate(url: str, pids: list[int]) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        ended = other.execute("SELECT pg_terminate_backend(p, 5000) FROM unnest(%s) AS p", [pids])
        assert ended.fetchall() == [(True,)] * len(pids)


def test_connections_that_the_server_ended_are_noticed_by_nobody(
    buyer: Caller, event: Event, environment: dict[str, str]
) -> None:
    with fresh_pools():
        terminate(environment["DATABASE_URL"], backends())
        with db.transaction() as connection:
            connection.execute("SELECT 1")
        terminate(environment["DATABASE_URL"], backends())
        assert db.together(("SELECT 1", {}), ("SELECT 2", {})) == [(2,)]
        terminate(environment["DATABASE_URL"], backends())
        assert buyer.post("/api/bookings", event_id=event.id).status_code == 201


def test_a_statement_that_the_server_ended_is_sent_once_more_and_a_transaction_is_not(
    app: Any, environment: dict[str, str]
) -> None:
    del app

    def in_a_transaction() -> None:
        with db.transaction() as connection:
            connection.execute("SELECT pg_sleep(1)")

    with fresh_pools(), psycopg.connect(environment["DATABASE_URL"], autocommit=True) as other:

        def end_sleeper() -> None:
            while not other.execute(END_SLEEPERS).fetchall():
                gevent.sleep(0.01)

        alone = gevent.spawn(db.one, "SELECT 7, pg_sleep(1)")
        end_sleeper()
        row = alone.get(timeout=5)
        assert row is not None
        assert row[0] == 7
        together = gevent.spawn(in_a_transaction)
        end_sleeper()
        with pytest.raises(errors.Unavailable):
            together.get(timeout=5)


END_SLEEPERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
"""
