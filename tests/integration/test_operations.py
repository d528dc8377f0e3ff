"""What those who run the service rely on: health, metrics, logs, and a database that misbehaves."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import psycopg
import pytest
from gevent.event import Event as Signal
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Caller, Event
from tests.integration.gateway import configured, free_port, until
from tests.integration.serving import Service, gunicorn, request

# --- Health --------------------------------------------------------------------------------------


@contextmanager
def fresh_pools(**settings: str) -> Iterator[None]:
    """Give the application other settings, and pools of its own that follow them."""
    from app.kernel import db

    with configured(**settings), pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "_pools", {})
        yield
        db.close()


def test_a_healthy_host_is_live_and_ready(anybody: Caller) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = anybody.get(path)
        assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_without_its_database_it_is_live_but_not_ready_and_says_so_to_buyers(
    buyer: Caller, event: Event
) -> None:
    with fresh_pools(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"):
        assert buyer.get("/health/live").status_code == 200
        ready = buyer.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json == {"status": "not ready", "database": "Unavailable"}
        for answer in (
            buyer.post("/api/bookings", event_id=event.id),
            buyer.get("/api/bookings"),
            buyer.select(1, 1),
            buyer.get("/api/analytics", id=event.id),
        ):
            assert answer.status_code == 503
            assert answer.content_type == "application/problem+json"
            assert answer.json["code"] == "unavailable"
            assert answer.headers["Retry-After"] == "1"
            assert "nobody" not in answer.text
    assert buyer.get("/health/ready").status_code == 200


def test_a_database_at_an_older_migration_than_the_code_is_not_ready(
    anybody: Caller, sql: psycopg.Connection[Any]
) -> None:
    row = sql.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row is not None
    try:
        sql.execute("UPDATE alembic_version SET version_num = '0000'")
        answer = anybody.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json["migrations"] == f"at 0000, wanted {row[0]}"
        sql.execute("UPDATE alembic_version SET version_num = '9999'")
        assert anybody.get("/health/ready").status_code == 200, "a deploy migrates first"
        sql.execute("DELETE FROM alembic_version")
        assert anybody.get("/health/ready").json["migrations"] == f"at nothing, wanted {row[0]}"
    finally:
        sql.execute("DELETE FROM alembic_version")
        sql.execute("INSERT INTO alembic_version VALUES (%s)", row)
    assert anybody.get("/health/ready").status_code == 200


def test_a_host_that_drains_is_live_but_not_ready(
    anybody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.kernel import shared

    monkeypatch.setattr(shared, "is_draining", lambda: True)
    answer = anybody.get("/health/ready")
    assert (answer.status_code, answer.json["process"]) == (503, "draining")
    assert anybody.get("/health/live").status_code == 200


# --- Metrics and logs of a gunicorn with two workers ---------------------------------------------


@pytest.fixture(scope="module")
def served(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("operations")
    wanted = {"BILETTER_LOG_REQUESTS": "all", "BILETTER_LOG_LEVEL": "DEBUG"}
    with gunicorn(environment, directory, **wanted) as running:
        yield running


def samples(service: Service) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All that /metrics says, by name and labels."""
    answer = service.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def requests_counted(service: Service, method: str, route: str, status: int) -> float:
    labels = frozenset({"method": method, "route": route, "status": str(status)}.items())
    return samples(service).get(("biletter_http_requests_total", labels), 0)


def counted_by(service: Service, pid: int, route: str) -> float:
    """What one worker has counted, read past the service."""
    path = service.metrics_path / f"counter_{pid}.db"
    if not path.exists():
        return 0
    values = MmapedDict.read_all_values_from_file(str(path))
    return sum(value for key, value, *_ in values if f'"{route}"' in key)


def test_metrics_count_the_requests_of_all_workers_and_every_worker_tells_the_same(
    served: Service,
) -> None:
    before = requests_counted(served, "GET", "/api/events", 200)
    by_worker = {pid: counted_by(served, pid, "/api/events") for pid in served.workers()}
    sent = 0

    def both_have_worked() -> bool:
        nonlocal sent
        wires = [served.connect() for _ in range(10)]
        for wire in wires:
            wire.send(request("GET", "/api/events"))
        for wire in wires:
            assert wire.answer().status == 200
            wire.sock.close()
        sent += len(wires)
        return all(
            counted_by(served, pid, "/api/events") > count for pid, count in by_worker.items()
        )

    until(both_have_worked)
    told = {requests_counted(served, "GET", "/api/events", 200) for _ in range(8)}
    assert told == {before + sent}


def test_metrics_tell_refusals_and_durations_by_route_and_never_by_id(served: Service) -> None:
    refused = requests_counted(served, "GET", "/api/bookings", 401)
    assert served.get("/api/bookings").status == 401
    assert served.get("/api/analytics?id=4711").status == 404
    assert served.get("/nowhere/4711").status == 404
    assert requests_counted(served, "GET", "/api/bookings", 401) == refused + 1
    found = samples(served)
    name = "biletter_http_request_seconds_count"
    counted = dict(next(labels for known, labels in found if known == name))
    assert set(counted) == {"method", "route"}
    assert not any("4711" in value for _, labels in found for _, value in labels)


def test_what_a_dead_worker_has_counted_stays_in_the_sum(served: Service) -> None:
    for _ in range(20):
        assert served.get("/api/events?page=2").status == 200
    before = requests_counted(served, "GET", "/api/events", 200)
    victim = max(served.workers(), key=lambda pid: counted_by(served, pid, "/api/events"))
    assert counted_by(served, victim, "/api/events") > 0
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in served.workers() and len(served.workers()) == 2)
    assert until(lambda: count_or_nothing(served)) == before


def count_or_nothing(service: Service) -> float | None:
    """The count, or None when the connection was one that the dead worker had accepted."""
    try:
        return requests_counted(service, "GET", "/api/events", 200)
    except (OSError, EOFError):
        return None


def test_every_line_of_the_log_is_json_and_a_request_is_found_by_its_id(
    served: Service, buyer: Caller, event: Event
) -> None:
    body = json.dumps({"event_id": event.id}).encode()
    account = {"Authorization": buyer.authorization or "", "X-Request-Id": "find-me"}
    made = served.ask(request("POST", "/api/bookings", headers=account, body=body))
    assert made.status == 201
    generated = served.get("/api/events?query=secret-text").headers["x-request-id"]
    lines = [json.loads(line) for line in served.log_lines()]
    assert all({"at", "level", "logger", "message"} <= set(line) for line in lines)
    assert all(re.fullmatch(r"20\S+T\S+\+00:00", line["at"]) for line in lines)

    (found,) = [line for line in lines if line.get("request_id") == "find-me"]
    assert found["message"] == "request"
    assert (found["method"], found["path"], found["status"]) == ("POST", "/api/bookings", 201)
    assert found["ms"] > 0
    (other,) = [line for line in lines if line.get("request_id") == generated]
    assert other["path"] == "/api/events"


def test_the_log_holds_neither_credentials_nor_the_database_password(
    served: Service, buyer: Caller, environment: dict[str, str]
) -> None:
    account = {"Authorization": buyer.authorization or ""}
    assert served.ask(request("GET", "/api/bookings", headers=account)).status == 200
    wrong = {"Authorization": "Basic aHVudGVyMjpodW50ZXIy"}
    assert served.ask(request("GET", "/api/bookings", headers=wrong)).status == 401
    text = served.log_path.read_text()
    assert '"/api/bookings"' in text
    for secret in (
        *(account["Authorization"][6:], "aHVudGVyMjpodW50ZXIy", "hunter2"),
        *(environment["PAYMENT_PASSWORD"], environment["PAYMENT_WEBHOOK_SECRET"]),
    ):
        assert secret not in text


def test_ids_of_requests_are_unique_across_workers(served: Service) -> None:
    ids = [served.get("/health/live").headers["x-request-id"] for _ in range(40)]
    assert len(set(ids)) == len(ids)


# --- A database that is slow, frozen or busy -----------------------------------------------------


def test_a_query_of_one_greenlet_does_not_stop_another(app: Any) -> None:
    del app
    from app.kernel import db

    started = time.monotonic()
    order: list[str] = []

    def sleep() -> None:
        db.one("SELECT pg_sleep(0.5)")
        order.append("slept")

    sleeping = [gevent.spawn(sleep) for _ in range(3)]
    gevent.sleep(0)
    for _ in range(5):
        db.one("SELECT 1")
    order.append("quick")
    gevent.joinall(sleeping, raise_error=True)
    assert order == ["quick", "slept", "slept", "slept"]
    assert time.monotonic() - started < 1.2, "three times half a second at the same time"


def test_a_slow_request_does_not_stop_another(buyer: Caller, event: Event, sql: Any) -> None:
    booking = buyer.book(event.id)
    with sql.transaction():
        sql.execute("SELECT FROM bookings WHERE id = %s FOR UPDATE", [booking])
        waiting = gevent.spawn(buyer.cancel, booking)
        gevent.sleep(0.05)
        assert not waiting.ready()
        for _ in range(5):
            assert buyer.get("/api/bookings").status_code == 200
        assert not waiting.ready()
    assert waiting.get(timeout=5).status_code == 200


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process of the database: it answers nothing, and TCP goes on acknowledging."""
    command = Path(f"/proc/{pid}/cmdline")
    if not command.exists() or b"postgres" not in command.read_bytes():
        pytest.skip("the database of TEST_DATABASE_URL runs elsewhere")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def backend_of_next_query() -> int:
    """The server's process behind the connection that the pool lends next."""
    from app.kernel import db

    row = db.one("SELECT pg_backend_pid()")
    assert row is not None
    return int(row[0])


def in_one_statement() -> None:
    from app.kernel import db

    db.one("SELECT 1")


def in_a_transaction() -> None:
    from app.kernel import db

    with db.transaction() as connection:
        connection.execute("SELECT 1")


@pytest.mark.parametrize("use", [in_one_statement, in_a_transaction])
def test_a_frozen_server_is_given_up_and_the_pool_recovers(
    app: Any, use: Callable[[], None]
) -> None:
    del app
    from app.kernel import db, errors

    with fresh_pools(BILETTER_DATABASE_DEADLINE="0.3"):
        pid = backend_of_next_query()
        started = time.monotonic()
        with frozen(pid), pytest.raises(errors.Unavailable):
            use()
        assert 0.25 < time.monotonic() - started < 1
        assert db.primary().in_use == 0
        assert backend_of_next_query() != pid
        use()


def test_a_buyer_who_meets_a_frozen_server_gets_503_and_others_are_served(
    buyer: Caller, event: Event
) -> None:
    with fresh_pools(BILETTER_DATABASE_DEADLINE="0.3"):
        with frozen(backend_of_next_query()):
            stuck = gevent.spawn(buyer.post, "/api/bookings", event_id=event.id)
            gevent.sleep(0.01)
            assert buyer.get("/api/seats", event_id=event.id).status_code == 200
            answer = stuck.get(timeout=5)
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert buyer.post("/api/bookings", event_id=event.id).status_code == 201


def test_a_deadline_that_is_not_needed_does_no_harm(app: Any) -> None:
    del app
    from app.kernel import db

    with fresh_pools(BILETTER_DATABASE_DEADLINE="0.2"):
        pid = backend_of_next_query()
        gevent.sleep(0.4)  # Longer than the deadline: it must have ended with the query.
        assert backend_of_next_query() == pid
        assert db.primary().in_use == 0


def test_a_statement_that_takes_too_long_is_busy_and_its_connection_stays(app: Any) -> None:
    del app
    from app.kernel import db, errors

    with fresh_pools(BILETTER_STATEMENT_TIMEOUT="0.1"):
        pid = backend_of_next_query()
        with pytest.raises(errors.Busy):
            db.one("SELECT pg_sleep(5)")
        assert backend_of_next_query() == pid


def test_a_backend_that_was_ended_is_replaced_before_anybody_gets_it(
    app: Any, sql: psycopg.Connection[Any]
) -> None:
    del app
    from app.kernel import db

    with fresh_pools():
        pid = backend_of_next_query()
        sql.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert backend_of_next_query() != pid
        assert db.primary().in_use == 0


def test_a_pool_without_a_free_connection_is_busy_and_never_500(
    buyer: Caller, event: Event
) -> None:
    from app.kernel import db

    booking = buyer.book(event.id)
    with fresh_pools(BILETTER_DATABASE_POOL_SIZE="1", BILETTER_LOCK_TIMEOUT="0.1"):
        assert buyer.get("/api/bookings").status_code == 200  # The account is known from here on.
        release = Signal()

        def occupy() -> None:
            with db.primary().connection():
                release.wait()

        occupying = gevent.spawn(occupy)
        until(lambda: db.primary().in_use == 1)
        answer = buyer.post("/api/bookings", event_id=event.id)
        assert (answer.status_code, answer.json["code"]) == (503, "busy")
        assert answer.headers["Retry-After"] == "1"
        answer = buyer.select(booking, event.seats[0])
        assert (answer.status_code, answer.json["code"]) == (419, "busy")
        assert buyer.get("/health/live").status_code == 200
        release.set()
        occupying.join()
        assert buyer.select(booking, event.seats[0]).status_code == 200
        assert db.primary().in_use == 0
