"""An address with several servers: the one that is primary is found, whatever the others do."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import gevent
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.kernel import connection as connections
from app.kernel import db, errors
from tests.conftest import Caller, Event
from tests.integration.serving import free_port
from tests.integration.test_operations import fresh_pools


def beside(url: str, port: int) -> str:
    """The address of a server on that port, and then the one of the real server."""
    params = conninfo_to_dict(url)
    return make_conninfo(
        url,
        host=f"127.0.0.1,{params['host']}",
        port=f"{port},{params.get('port') or 5432}",
        target_session_attrs="read-write",
    )


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server that was lost without a word: it takes connections, and that is all."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 60)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        yield listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@pytest.fixture
def no_primary(environment: dict[str, str]) -> Iterator[psycopg.Connection[Any]]:
    """The real server takes no writes, until set_read_only says otherwise."""
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as other:
        set_read_only(other, "on")
        try:
            yield other
        finally:
            set_read_only(other, "off")
            other.execute("ALTER SYSTEM RESET default_transaction_read_only")


def set_read_only(connection: psycopg.Connection[Any], value: str) -> None:
    """As a standby, as far as target_session_attrs can see."""
    connection.execute("SET default_transaction_read_only = off")
    connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    connection.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 5
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        while other.execute("SHOW default_transaction_read_only").fetchone() != (value,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_while_another_primary_is_chosen_buyers_wait_instead_of_being_refused(
    buyer: Caller,
    event: Event,
    environment: dict[str, str],
    no_primary: psycopg.Connection[Any],
) -> None:
    with fresh_pools(DATABASE_URL=beside(environment["DATABASE_URL"], free_port())):
        bookings = [gevent.spawn(buyer.post, "/api/bookings", event_id=event.id) for _ in range(3)]
        gevent.sleep(0.5)
        assert not any(booking.ready() for booking in bookings)
        set_read_only(no_primary, "off")
        answers = gevent.joinall(bookings, timeout=5)
        assert [booking.value.status_code for booking in answers] == [201] * 3


def test_a_server_that_is_silent_keeps_nobody_from_the_next_primary(
    buyer: Caller,
    event: Event,
    environment: dict[str, str],
    no_primary: psycopg.Connection[Any],
    silent: socket.socket,
) -> None:
    with fresh_pools(DATABASE_URL=beside(environment["DATABASE_URL"], port_of(silent))):
        booking = gevent.spawn(buyer.post, "/api/bookings", event_id=event.id)
        gevent.sleep(0.5)
        assert not booking.ready()
        set_read_only(no_primary, "off")
        assert booking.get(timeout=10).status_code == 201


def test_where_no_primary_comes_the_deadline_ends_the_wait(
    app: Any,
    environment: dict[str, str],
    no_primary: psycopg.Connection[Any],
    silent: socket.socket,
    caplog: pytest.LogCaptureFixture,
) -> None:
    del app, no_primary
    several = beside(environment["DATABASE_URL"], port_of(silent))

    def refused() -> None:
        with pytest.raises(errors.Unavailable):
            db.one("SELECT 1")

    with fresh_pools(DATABASE_URL=several, BILETTER_DATABASE_DEADLINE="0.5"):
        gevent.joinall([gevent.spawn(refused) for _ in range(3)], timeout=5, raise_error=True)
        assert db.primary().in_use == 0
    assert any("session is read-only" in str(vars(record)) for record in caplog.records)


def test_the_next_connection_is_opened_where_the_primary_was_found(
    app: Any, environment: dict[str, str], silent: socket.socket
) -> None:
    del app
    with fresh_pools(DATABASE_URL=beside(environment["DATABASE_URL"], port_of(silent))):
        db.one("SELECT 1")
        silent.accept()[0].close()
        asked = [gevent.spawn(db.one, "SELECT pg_sleep(0.1)") for _ in range(3)]
        gevent.joinall(asked, timeout=5, raise_error=True)
        with pytest.raises(TimeoutError):
            silent.accept()
