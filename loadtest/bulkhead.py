"""`make bulkhead`: buyers of other events, while the event provider needs 5 s for every call.

The same traffic runs all the time: buyers of the provider's event go to pay at a steady rate, and
beside them others read the catalogue and select seats of an event without a provider, each at its
scheduled time. The provider is quick and slow by turns, in one run; each pair of turns gives one
ratio of p95, and their median is the result.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
import urllib3

from loadtest import wire
from loadtest.bench import account, make_accounts
from loadtest.judge.series import Histogram
from loadtest.servers import GENERATOR_CORE, Target, free_port, start, start_service, stop

SLOW_MS = 5_000
GATE = 1.2
PROVIDERS_EVENT = 1
READS, SELECTS, PAYERS = 60.0, 60.0, 4.0
"""Arrivals per second."""
_LINES = 60
_SETTLE_SECONDS = 2.0
_ID = re.compile(rb'"id":(\d+)')

Visit = Callable[[wire.Line], Awaitable[int]]


class Turn(NamedTuple):
    """What one turn has seen: p95 in milliseconds, counts of what went well and what did not."""

    read_ms: float
    select_ms: float
    failed: int
    paying: int
    waiting: int


class Traffic:
    """The visits that make up the traffic; each says the status that it ended with."""

    def __init__(self, target: Target, other_event: int) -> None:
        self.target = target
        self.other_event = other_event
        self.seats = asyncio.Queue[int]()
        self.numbers = itertools.count()
        self.booking = 0

    async def read(self, line: wire.Line) -> int:
        """The catalogue, a page that changes."""
        page = next(self.numbers) % 20 + 1
        status, _ = await line.send(wire.request("GET", f"/api/events?page={page}&pageSize=20"))
        return status

    async def select(self, line: wire.Line) -> int:
        """A seat of the event without a provider; the seats that were taken first go back first."""
        seat = await self.seats.get()
        choice = {"booking_id": self.booking, "seat_id": seat}
        status, _ = await line.send(wire.request("PATCH", "/api/seats/select", account(0), choice))
        await line.send(wire.request("PATCH", "/api/seats/release", account(0), {"seat_id": seat}))
        self.seats.put_nowait(seat)
        return status

    async def pay(self, line: wire.Line) -> int:
        """Book a seat of the provider's event and go to pay."""
        who = account(1 + next(self.numbers) % 100)
        event = {"event_id": PROVIDERS_EVENT}
        _, body = await line.send(wire.request("POST", "/api/bookings", who, event))
        booking = _found(body)
        path = f"/api/seats?event_id={PROVIDERS_EVENT}&status=FREE&pageSize=1"
        _, body = await line.send(wire.request("GET", path, who))
        choice = {"booking_id": booking, "seat_id": _found(body)}
        await line.send(wire.request("PATCH", "/api/seats/select", who, choice))
        status, _ = await line.send(
            wire.request("PATCH", "/api/bookings/initiatePayment", who, {"booking_id": booking})
        )
        return status

    async def prepare(self) -> None:
        """Open the booking that selects the other event's seats."""
        line = await wire.connect("127.0.0.1", self.target.port)
        event = {"event_id": self.other_event}
        _, body = await line.send(wire.request("POST", "/api/bookings", account(0), event))
        self.booking = _found(body)
        path = f"/api/seats?event_id={self.other_event}&status=FREE&pageSize=20"
        for page in range(1, 6):
            _, body = await line.send(wire.request("GET", f"{path}&page={page}"))
            for seat in json.loads(body):
                self.seats.put_nowait(seat["id"])
        line.close()


def _found(body: bytes) -> int:
    match = _ID.search(body)
    if match is None:
        raise SystemExit(f"The service answers {body[:200]!r}.")
    return int(match[1])


async def _arrive(port: int, visit: Visit, rate: float, until: float) -> list[tuple[float, int]]:
    """Make visits at their scheduled times; for each the seconds from then on, and its status."""
    lines = asyncio.Queue[wire.Line]()
    for _ in range(_LINES):
        lines.put_nowait(await wire.connect("127.0.0.1", port))
    seen: list[tuple[float, int]] = []

    async def one(due: float) -> None:
        line = await lines.get()
        status = await visit(line)
        seen.append((time.perf_counter() - due, status))
        lines.put_nowait(line)

    visits = []
    due = time.perf_counter()
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        visits.append(asyncio.create_task(one(due)))
        due += 1 / rate
    await asyncio.gather(*visits)
    while not lines.empty():
        lines.get_nowait().close()
    return seen


async def _turn(traffic: Traffic, seconds: float) -> Turn:
    until = time.perf_counter() + seconds
    port = traffic.target.port
    reads, selects, payers = await asyncio.gather(
        _arrive(port, traffic.read, READS, until),
        _arrive(port, traffic.select, SELECTS, until),
        _arrive(port, traffic.pay, PAYERS, until),
    )
    others = reads + selects
    return Turn(
        _p95_ms(reads),
        _p95_ms(selects),
        sum(status != 200 for _, status in others),
        sum(status == 302 for _, status in payers),
        sum(status == 503 for _, status in payers),
    )


def _p95_ms(seen: list[tuple[float, int]]) -> float:
    histogram = Histogram()
    for seconds, _ in seen:
        histogram.note(seconds)
    return 1000 * histogram.percentile(0.95)


def _make_slow(provider: Target, milliseconds: int) -> None:
    calls = (
        "start",
        "order",
        "submit",
        "confirm",
        "cancel",
        "places",
        "place",
        "select",
        "release",
    )
    knobs = {call: {"latency_ms": milliseconds} for call in calls}
    answer = urllib3.request(
        "POST", f"http://127.0.0.1:{provider.port}/simulator/knobs", json=knobs, retries=False
    )
    if answer.status != 200:
        raise SystemExit(f"The provider's knobs answer {answer.status}.")


def _other_event(target: Target) -> int:
    with psycopg.connect(target.database) as connection:
        row = connection.execute(
            "SELECT event_id FROM seats WHERE event_id <> %s AND external_id IS NULL LIMIT 1",
            [PROVIDERS_EVENT],
        ).fetchone()
    if row is None:
        raise SystemExit("There is no event without a provider.")
    return int(row[0])


def main() -> int:
    """Run the pairs, print them and the medians; 1 if one is above the gate."""
    parser = argparse.ArgumentParser(prog="make bulkhead")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn")
    arguments = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("This needs two cores: one for the service, one for the traffic.")
    os.sched_setaffinity(0, {GENERATOR_CORE})
    data = Path(tempfile.mkdtemp(prefix="biletter-bulkhead-"))
    port = free_port()
    command = [sys.executable, "-m", "app.simulators.provider", "--port", str(port)]
    command += ["--data", str(data / "provider.sqlite")]
    targets = [start(command, port, "/simulator/health", {})]
    try:
        targets.append(
            start_service(data / "service", EVENT_PROVIDER_URL=f"http://127.0.0.1:{port}")
        )
        make_accounts(targets[1])
        return _compare(targets[0], targets[1], arguments.pairs, arguments.seconds)
    finally:
        for target in reversed(targets):
            stop(target)
        shutil.rmtree(data, ignore_errors=True)


def _compare(provider: Target, service: Target, pairs: int, seconds: float) -> int:
    traffic = Traffic(service, _other_event(service))
    asyncio.run(traffic.prepare())
    asyncio.run(_turn(traffic, _SETTLE_SECONDS))
    read_ratios, select_ratios, failed = [], [], 0
    print("pair | events p95 quick → slow | select p95 quick → slow | went to pay quick / slow")
    for pair in range(pairs):
        turns: dict[int, Turn] = {}
        for milliseconds in (0, SLOW_MS) if pair % 2 == 0 else (SLOW_MS, 0):
            _make_slow(provider, milliseconds)
            asyncio.run(_turn(traffic, _SETTLE_SECONDS))
            turns[milliseconds] = asyncio.run(_turn(traffic, seconds))
        quick, slow = turns[0], turns[SLOW_MS]
        read_ratios.append(slow.read_ms / quick.read_ms)
        select_ratios.append(slow.select_ms / quick.select_ms)
        failed += quick.failed + slow.failed
        print(
            f"{pair + 1:4} | {quick.read_ms:.2f} → {slow.read_ms:.2f} ms"
            f" | {quick.select_ms:.2f} → {slow.select_ms:.2f} ms"
            f" | {quick.paying} form, {quick.waiting} wait"
            f" / {slow.paying} form, {slow.waiting} wait"
        )
    medians = statistics.median(read_ratios), statistics.median(select_ratios)
    print(f"median ratio: events {medians[0]:.2f}, select {medians[1]:.2f}; failed: {failed}")
    has_passed = max(medians) <= GATE and failed == 0
    print(f"{'PASS' if has_passed else 'FAIL'}: at most {GATE} and nothing failed")
    return 0 if has_passed else 1


if __name__ == "__main__":
    sys.exit(main())
