"""Reloads and stops of the server: no request is lost, and connections end in time."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import psycopg

from tests.conftest import Event
from tests.integration.gateway import until
from tests.integration.serving import EVENTS, Service, Wire, gunicorn, request


class Load:
    """Buyers who book without a pause, and what became of each of their requests."""

    def __init__(self, service: Service, turn: bytes) -> None:
        self._service = service
        self._turn = turn
        self.is_over = False
        self.is_signalled = False
        self.answers: Counter[int] = Counter()
        self.unread = 0
        """Requests that met a connection which the server had closed; none of their answer came."""
        self.faults: list[str] = []
        self._running = [gevent.spawn(self._keep_connection) for _ in range(6)]
        self._running += [gevent.spawn(self._connect_anew) for _ in range(2)]

    def finish(self) -> None:
        self.is_over = True
        gevent.joinall(self._running, timeout=15, raise_error=True)
        assert all(greenlet.ready() for greenlet in self._running)

    def wait_for_more(self, count: int) -> None:
        wanted = self.answers[201] + count
        until(lambda: self.answers[201] >= wanted)

    def _keep_connection(self) -> None:
        while not self.is_over and (wire := self._connected()):
            with wire:
                while not self.is_over and self._answered(wire):
                    pass

    def _connect_anew(self) -> None:
        while not self.is_over and (wire := self._connected()):
            with wire:
                self._answered(wire)

    def _connected(self) -> Wire | None:
        try:
            return self._service.connect()
        except ConnectionError as error:
            if not self.is_signalled:
                self.faults.append(f"no connection: {error}")
            return None

    def _answered(self, wire: Wire) -> bool:
        """Do one turn; whether the connection stays."""
        was_signalled = self.is_signalled
        try:
            wire.send(self._turn)
            answer = wire.answer()
        except (EOFError, OSError) as error:
            if was_signalled and not wire.has_received and not isinstance(error, TimeoutError):
                self.unread += 1
            else:
                self.faults.append(f"no whole answer: {error!r}")
            return False
        self.answers[answer.status] += 1
        return not answer.closes


def bookings_in_database(sql: psycopg.Connection[Any], event: Event) -> int:
    row = sql.execute("SELECT count(*) FROM bookings WHERE event_id = %s", [event.id]).fetchone()
    assert row is not None
    return int(row[0])


def send_head(service: Service, data: bytes) -> tuple[Wire, bytes]:
    """Send a request up to its last byte; the server has read what comes before it."""
    wire = service.connect()
    wire.send(request("GET", "/health/live") + data[:-1])
    assert wire.answer().status == 200
    return wire, data[-1:]


def test_neither_a_reload_nor_a_stop_under_load_loses_a_request(
    environment: dict[str, str],
    tmp_path: Path,
    booking: Callable[..., bytes],
    event: Event,
    sql: psycopg.Connection[Any],
) -> None:
    with gunicorn(environment, tmp_path, BILETTER_DRAIN_SECONDS="1") as service:
        load = Load(service, booking())
        load.wait_for_more(50)

        old, idle = service.workers(), idle_connections(service)
        half_sent = [send_head(service, booking()) for _ in range(4)]
        load.is_signalled = True  # Closed connections are forgiven from here on, and retried.
        service.signal(signal.SIGHUP)
        until(lambda: len(service.workers() - old) == 2)
        half_sent += [send_head(service, booking()) for _ in range(4)]
        wait_until_closed(idle)
        finish_half_sent(half_sent, load)
        until(lambda: not service.workers() & old)
        load.wait_for_more(50)
        assert service.get("/health/ready").status == 200, "the host is ready after a reload"
        assert load.faults == []

        idle = idle_connections(service)
        half_sent = [send_head(service, booking()) for _ in range(4)]
        service.signal(signal.SIGTERM)
        wait_until_closed(idle)
        finish_half_sent(half_sent, load)
        code = service.wait()
        load.finish()
    assert code == 0
    assert load.faults == []
    assert set(load.answers) == {201}
    assert load.answers[201] == bookings_in_database(sql, event)


def idle_connections(service: Service) -> list[Wire]:
    """Connections that have been served and now wait, of whichever worker."""
    wires = [service.connect() for _ in range(6)]
    for wire in wires:
        wire.send(request("GET", "/health/live"))
        assert wire.answer().status == 200
    return wires


def wait_until_closed(idle: list[Wire]) -> None:
    """Wait for the moment in which workers that stop have closed what is idle."""
    for wire in idle:
        with wire:
            assert wire.is_closed_by_server()


def is_draining(wire: Wire) -> bool:
    wire.send(request("GET", "/health/ready"))
    answer = wire.answer()
    return answer.status == 503 and answer.json["process"] == "draining"


def finish_half_sent(half_sent: list[tuple[Wire, bytes]], load: Load) -> None:
    for wire, rest in half_sent:
        with wire:
            wire.send(rest)
            load.answers[wire.answer().status] += 1


def test_a_stopping_host_is_not_ready_but_goes_on_serving_for_the_time_of_the_drain(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with gunicorn(environment, tmp_path, BILETTER_DRAIN_SECONDS="1") as service:
        with service.connect() as kept, service.connect() as watching:
            kept.send(request("GET", EVENTS))
            assert kept.answer().status == 200
            service.signal(signal.SIGTERM)
            until(lambda: is_draining(watching))
            kept.send(request("GET", EVENTS))
            answer = kept.answer()
            assert answer.status == 200
            assert not answer.closes
            assert kept.is_closed_by_server()
        assert service.wait() == 0
        assert service.log_lines()
    for line in service.log_lines():
        json.loads(line)
