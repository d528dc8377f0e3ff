"""What web processes and workers tell Prometheus: all of the table, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import urllib3
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from app.kernel.metric_table import BY_NAME, DEFINITIONS
from tests.conftest import Caller, Event
from tests.integration.gateway import ROOT, free_port, until
from tests.integration.serving import Service, gunicorn, request

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
_PARTS = ("_bucket", "_sum", "_count")


def parsed(text: bytes) -> list[Metric]:
    return list(text_string_to_metric_families(text.decode()))


def value(text: bytes, name: str, **labels: str) -> float | None:
    for family in parsed(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


class Worker:
    """A worker process that tells its metrics."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        environ = {**os.environ, **environment, "BILETTER_METRICS_BIND": f"127.0.0.1:{self.port}"}
        environ |= {"BILETTER_DATABASE_POOL_SIZE": "5"}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.worker"], env=environ, cwd=ROOT, stderr=output
            )

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        url = f"http://127.0.0.1:{self.port}{path}"
        return urllib3.request("GET", url, retries=False, timeout=10)

    def scrape(self) -> bytes:
        return self.get("/metrics").data

    def is_up(self) -> bool:
        assert self.process.poll() is None
        try:
            return b"biletter_worker_job_runs_total{" in self.scrape()
        except urllib3.exceptions.HTTPError:
            return False


@pytest.fixture(scope="module")
def web(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with gunicorn(environment, tmp_path_factory.mktemp("metrics")) as running:
        yield running


@pytest.fixture(scope="module")
def worker(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    running = Worker(environment, tmp_path_factory.mktemp("worker") / "log")
    try:
        until(running.is_up, 30)
        yield running
    finally:
        running.process.terminate()
        assert running.process.wait(30) == 0


def defined(sample_name: str) -> str | None:
    """The name in the table under which a sample is."""
    if sample_name in BY_NAME:
        return sample_name
    return next(
        (
            stem
            for part in _PARTS
            if (stem := sample_name.removesuffix(part)) != sample_name and stem in BY_NAME
        ),
        None,
    )


def undefined(text: bytes, source: str) -> list[str]:
    """What is told and is not in the table like that."""
    wrong = []
    for family in parsed(text):
        for sample in family.samples:
            name = defined(sample.name)
            metric = BY_NAME.get(name or "")
            labels = set(sample.labels) - {"le"}
            if metric is None or set(metric.labels) != labels or metric.kind != family.type:
                wrong.append(f"{sample.name} {sample.labels} {family.type}")
            elif source not in metric.sources and sample.value:
                wrong.append(f"{sample.name} is not told by {source}")
    return wrong


def told(text: bytes) -> set[str]:
    """The names in the table of which there is a value."""
    return {
        name
        for family in parsed(text)
        for sample in family.samples
        if (name := defined(sample.name))
    }


# Nobody calls outside, and no message is delivered, in these processes.
_QUIET = {name for name in BY_NAME if name.startswith(("biletter_outside_call", "biletter_mess"))}
_QUIET |= {"biletter_outside_breaker_changes_total"}


def test_web_processes_tell_the_table_and_nothing_else(web: Service, event: Event) -> None:
    until(lambda: value(web.get("/metrics").body, "biletter_web_workers") == 2)
    assert web.get(f"/api/seats?event_id={event.id}").status == 200
    text = web.get("/metrics").body
    assert undefined(text, "web") == []
    wanted = {metric.name for metric in DEFINITIONS if "web" in metric.sources}
    assert wanted - told(text) <= _QUIET


def test_a_worker_tells_the_table_and_nothing_else(worker: Worker, event: Event) -> None:
    del event
    until(lambda: value(worker.scrape(), "biletter_domain_up") == 1)
    text = worker.scrape()
    assert undefined(text, "worker") == []
    wanted = {metric.name for metric in DEFINITIONS if "worker" in metric.sources}
    assert wanted - told(text) <= _QUIET
    assert worker.get("/").status == 404


def test_requests_in_flight_and_connections_in_use_are_those_of_now(
    web: Service, booking: Callable[..., bytes], sql: psycopg.Connection[Any]
) -> None:
    used = {"pool": "primary", "state": "used"}
    until(lambda: value(web.get("/metrics").body, "biletter_http_requests_in_flight") == 1)
    limit = value(web.get("/metrics").body, "biletter_database_connections_limit", pool="primary")
    assert limit in (5, 10), "a pool is made when it is first needed"
    with sql.transaction():
        sql.execute("LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE")
        with web.connect() as wire:
            wire.send(booking())
            until(lambda: value(web.get("/metrics").body, "biletter_http_requests_in_flight") == 2)
            until(lambda: value(web.get("/metrics").body, "biletter_database_connections", **used))
            sql.execute("SELECT")
    until(lambda: value(web.get("/metrics").body, "biletter_http_requests_in_flight") == 1)
    until(lambda: not value(web.get("/metrics").body, "biletter_database_connections", **used))


def test_a_worker_that_cannot_have_its_address_yet_works_and_tells_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import gevent
    from gevent import socket

    from app.server import scraped

    monkeypatch.setattr(scraped, "_PAUSE_SECONDS", 0.05)
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    serving = gevent.spawn(scraped.serve, f"127.0.0.1:{port}", lambda: b"biletter 1\n")
    gevent.sleep(0.2)
    assert not serving.dead
    taken.close()

    def answered() -> bytes | None:
        try:
            url = f"http://127.0.0.1:{port}/metrics"
            return urllib3.request("GET", url, retries=False, timeout=5).data
        except urllib3.exceptions.HTTPError:
            return None

    assert until(answered) == b"biletter 1\n"
    serving.kill()


def test_a_job_that_fails_is_counted_and_its_last_success_stays(app: Any) -> None:
    del app
    from app import worker as program
    from app.kernel import metrics

    def breaks() -> int:
        raise RuntimeError

    name = "metrics-test"
    assert program.take_turn(program.Job(name, lambda: 3, 1.0)) == 3
    success = value(metrics.exposition(), "biletter_worker_job_last_success_timestamp_seconds",
                    task=name)  # fmt: skip
    assert success == pytest.approx(time.time(), abs=10)
    with pytest.raises(RuntimeError):
        program.take_turn(program.Job(name, breaks, 1.0))
    text = metrics.exposition()
    for outcome in ("done", "failed"):
        labels = {"task": name, "outcome": outcome}
        assert value(text, "biletter_worker_job_runs_total", **labels) == 1
    assert value(text, "biletter_worker_job_seconds_count", task=name) == 2
    now = value(text, "biletter_worker_job_last_success_timestamp_seconds", task=name)
    assert now == success


def test_an_open_breaker_is_told_until_it_closes_or_nobody_knows(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del app
    from app.kernel import live, metrics
    from app.kernel.breaker import State
    from app.payments.gateway import SERVICE

    def is_open() -> float | None:
        text = metrics.exposition()
        return value(text, "biletter_outside_breaker_open", service="payment_gateway")

    SERVICE._note_state(State.OPEN)
    assert is_open() == 1
    SERVICE._note_state(State.HALF_OPEN)
    assert is_open() == 1
    SERVICE._note_state(State.CLOSED)
    assert is_open() == 0
    SERVICE._note_state(State.OPEN)
    later = time.monotonic() + 60
    monkeypatch.setattr(metrics.time, "monotonic", lambda: later)
    assert is_open() == 0
    live.NOT_CLOSED_UNTIL["payment_gateway"].set(0)


def test_the_wait_for_a_connection_is_observed(buyer: Caller, event: Event) -> None:
    from app.kernel import metrics

    def observed() -> float:
        text = metrics.exposition()
        return value(text, "biletter_database_wait_seconds_count", pool="primary") or 0

    before = observed()
    buyer.book(event.id)
    assert observed() > before


def test_a_routes_first_failure_is_a_rise_that_a_rate_sees(web: Service) -> None:
    text = web.get("/metrics").body
    routes = {
        (sample.labels["method"], sample.labels["route"])
        for family in parsed(text)
        for sample in family.samples
        if sample.name == "biletter_http_request_seconds_count"
    }
    assert ("PATCH", "/api/seats/select") in routes
    for method, route in routes:
        for status in ("500", "503"):
            labels = {"method": method, "route": route, "status": status}
            assert value(text, "biletter_http_requests_total", **labels) == 0


def test_no_request_is_sent_by_id(web: Service) -> None:
    assert web.ask(request("GET", "/api/analytics?id=90210")).status == 404
    assert b"90210" not in web.get("/metrics").body
