"""`make bench`: the service against plain SQL, side by side in one run.

Service and database share one core, the generator has the other. The figure to compare is CPU
milliseconds per request of all server processes (user + system, PostgreSQL included): machines
differ and are shared, but a request costs what it costs. Rounds of all rows alternate, medians are
printed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import os
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg

from loadtest import wire
from loadtest.drive import BUYERS, Sample, Step, different, drive, same
from loadtest.plain_sql import EVENT, pgbench, plain_psycopg, prepare_booking
from loadtest.servers import (
    FORGETFUL,
    GENERATOR_CORE,
    Target,
    cpu_seconds,
    start_bare,
    start_edge,
    start_service,
    stop,
)

LISTED_BOOKINGS = 100
_JSON_ID = re.compile(rb'"id":(\d+)')


ACCOUNTS = 200
PASSWORD = "bench"


def account(number: int) -> str:
    pair = f"bench_{number}@localhost:{PASSWORD}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def make_accounts(target: Target) -> None:
    """Accounts of the benchmark's own."""
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    with psycopg.connect(target.database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO users (email, password_hash)"
            " SELECT 'bench_' || n || '@localhost', %s FROM generate_series(0, %s) n",
            [digest, ACCOUNTS],
        )


def turns() -> list[Step]:
    """list → book → select the first one listed: a success is a seat that is really held."""

    def buyer(number: int) -> Step:
        authorization = account(number)
        listing = wire.request(
            "GET", f"/api/seats?event_id={EVENT}&status=FREE&pageSize=5", authorization
        )
        booking = wire.request("POST", "/api/bookings", authorization, {"event_id": EVENT})

        async def step(line: wire.Line) -> bool:
            _, body = await line.send(listing)
            first = _JSON_ID.search(body)
            _, body = await line.send(booking)
            booked = _JSON_ID.search(body)
            if first is None or booked is None:
                return False
            choice = {"booking_id": int(booked[1]), "seat_id": int(first[1])}
            status, _ = await line.send(
                wire.request("PATCH", "/api/seats/select", authorization, choice)
            )
            return status == 200

        return step

    return [buyer(100 + number) for number in range(BUYERS)]


def holds(target: Target) -> list[Step]:
    """Only the hold: bookings are there, seats are handed out without overlap."""
    authorization = account(99)
    booking = prepare_booking(target)
    seats = iter(range(1, 100_001))

    async def step(line: wire.Line) -> bool:
        choice = {"booking_id": booking[next(seats) % len(booking)], "seat_id": next(seats)}
        status, _ = await line.send(
            wire.request("PATCH", "/api/seats/select", authorization, choice)
        )
        return status == 200

    return [step] * BUYERS


def reset(target: Target) -> None:
    status, _ = asyncio.run(_send(target.port, wire.request("POST", "/api/reset")))
    if status != 200:
        raise SystemExit(f"POST /api/reset answered {status}.")


async def _send(port: int, raw: bytes) -> tuple[int, bytes]:
    line = await wire.connect("127.0.0.1", port)
    answer = await line.send(raw)
    line.close()
    return answer


# --- The table -------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    arguments = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("The benchmark needs two cores: one for the service, one for the load.")
    os.sched_setaffinity(0, {GENERATOR_CORE})
    data = Path(tempfile.mkdtemp(prefix="biletter-bench-"))
    targets: list[Target] = []

    def started(target: Target) -> Target:
        targets.append(target)
        return target

    try:
        service = started(start_service(data / "service"))
        make_accounts(service)
        rows = bare_rows(service, data, arguments, started)
        rows |= service_rows(service, arguments.seconds)
        rows |= edge_rows(service, data, arguments, started)
        rows |= miss_rows(data, arguments, started)
        measure({n: r for n, r in rows.items() if arguments.only in n}, arguments.rounds)
    finally:
        for target in reversed(targets):
            stop(target)
        shutil.rmtree(data, ignore_errors=True)
    return 0


Rows = dict[str, Callable[[], Sample]]
Started = Callable[[Target], Target]
FIRST_PAGE = "/api/events?page=1&pageSize=20"
SEARCH = f"/api/events?query={quote('концерт')}&page=1&pageSize=20"


def bare_rows(service: Target, data: Path, arguments: argparse.Namespace, started: Started) -> Rows:
    """The same bytes as the first page of events, from as little as possible."""
    body = data / "body.json"
    body.write_bytes(asyncio.run(_send(service.port, wire.request("GET", FIRST_PAGE)))[1])
    rows: Rows = {}
    for name, application, worker in (
        ("bare Flask route, gunicorn's gevent worker", "flask_app", "gevent"),
        ("bare Flask route, our worker", "flask_app", "app.server.worker.Worker"),
        ("bare WSGI callable, gunicorn's gevent worker", "wsgi_app", "gevent"),
        ("bare WSGI callable, our worker", "wsgi_app", "app.server.worker.Worker"),
    ):
        if arguments.only in name:
            target = started(start_bare(application, worker, service.database, body))
            request = wire.request("GET", "/", account(99))
            rows[name] = partial(drive, target, arguments.seconds, same(request, 200))
    return rows


def edge_rows(service: Target, data: Path, arguments: argparse.Namespace, started: Started) -> Rows:
    """The first page out of HAProxy's cache; its misses go to the service, and count."""
    name = "first page, hit in HAProxy's cache"
    if arguments.only not in name:
        return {}
    if shutil.which("haproxy") is None:
        print("No haproxy here: its row is left out.", file=sys.stderr)
        return {}
    edge = started(start_edge(service, data))

    def through() -> Sample:
        cpu = cpu_seconds(service.process)
        sample = drive(edge, arguments.seconds, same(wire.request("GET", FIRST_PAGE), 200))
        return sample._replace(cpu=sample.cpu + cpu_seconds(service.process) - cpu)

    return {name: through}


def miss_rows(data: Path, arguments: argparse.Namespace, started: Started) -> Rows:
    """A service whose cache forgets at once; each connection asks another page, so none waits."""
    names = ("first page, miss", "search, miss", "search of a day, miss")
    if not any(arguments.only in name for name in names):
        return {}
    service = started(start_service(data / "forgetful", **FORGETFUL))
    paths = (FIRST_PAGE, SEARCH, f"{SEARCH}&date=2024-12-25")
    rows: Rows = {}
    for name, path in zip(names, paths, strict=True):
        pages = [path.replace("pageSize=20", f"pageSize={size}") for size in range(13, 21)]
        steps = different([wire.request("GET", page) for page in pages])
        rows[name] = partial(drive, service, arguments.seconds, steps)
    return rows


def service_rows(service: Target, seconds: float) -> dict[str, Callable[[], Sample]]:
    """The rows that need the service; each begins with all seats free."""

    def repeated(raw: bytes, wanted: int = 200) -> Callable[[], Sample]:
        return lambda: drive(service, seconds, same(raw, wanted))

    def fresh(run: Callable[[], Sample]) -> Callable[[], Sample]:
        def begin() -> Sample:
            reset(service)
            return run()

        return begin

    def listed() -> Sample:
        reset(service)
        asyncio.run(fill(service))
        return repeated(wire.request("GET", "/api/bookings", account(98)))()

    wrong = "Basic " + base64.b64encode(b"bench_7@localhost:wrong").decode()
    return {
        "turn: list, book, select": fresh(lambda: drive(service, seconds, turns())),
        "hold through the API": fresh(lambda: drive(service, seconds, holds(service))),
        "hold through psycopg": fresh(lambda: plain_psycopg(service, seconds)),
        "hold through pgbench": fresh(lambda: pgbench(service, seconds)),
        "page of seats": repeated(
            wire.request("GET", f"/api/seats?event_id={EVENT}&pageSize=20", account(97))
        ),
        f"list of {LISTED_BOOKINGS} bookings": listed,
        "first page, hit": repeated(wire.request("GET", FIRST_PAGE)),
        "search, hit": repeated(wire.request("GET", SEARCH)),
        "refused login": repeated(
            wire.request("POST", "/api/bookings", wrong, {"event_id": EVENT}), 401
        ),
        "health": repeated(wire.request("GET", "/health/live")),
    }


async def fill(service: Target) -> None:
    """Give one account a list of bookings with a seat each."""
    line = await wire.connect("127.0.0.1", service.port)
    for seat in range(1, LISTED_BOOKINGS + 1):
        _, body = await line.send(
            wire.request("POST", "/api/bookings", account(98), {"event_id": EVENT})
        )
        booking = _JSON_ID.search(body)
        choice = {"booking_id": int(booking[1]) if booking else 0, "seat_id": seat}
        await line.send(wire.request("PATCH", "/api/seats/select", account(98), choice))
    line.close()


def measure(rows: dict[str, Callable[[], Sample]], rounds: int) -> None:
    """Run all rows in turn, several times, and print the medians as a Markdown table."""
    samples: dict[str, list[Sample]] = {name: [] for name in rows}
    for number in range(rounds):
        for name, run in rows.items():
            print(
                f"\rround {number + 1} of {rounds}: {name:<50}", end="", file=sys.stderr, flush=True
            )
            samples[name].append(run())
    print(file=sys.stderr)
    print("| What | per second | CPU-ms each | missed |")
    print("|---|---:|---:|---:|")
    for name, taken in samples.items():
        rate = statistics.median(s.done / s.seconds for s in taken)
        cost = statistics.median(s.cpu * 1000 / max(1, s.done + s.missed) for s in taken)
        missed = sum(s.missed for s in taken) / max(1, sum(s.done + s.missed for s in taken))
        print(f"| {name} | {rate:,.0f} | {cost:.3f} | {missed:.2%} |")


if __name__ == "__main__":
    sys.exit(main())
