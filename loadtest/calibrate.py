"""`make load-calibrate`: the generator's own limit, against a server that does nothing.

The server answers every request with the same page of events. It has one core and the generator
another, and it can do twice what one generator process can.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import gevent
from gevent.pool import Group

from loadtest import fleet
from loadtest.calibration import PATH, keep
from loadtest.connection import Connection, look_up
from loadtest.gates import search_gates
from loadtest.master import Staff
from loadtest.page import Request
from loadtest.plan import Begin, Plan
from loadtest.schedule import level
from loadtest.search import look
from loadtest.servers import GENERATOR_CORE, Target, start_bare, stop
from loadtest.talk import Talk
from loadtest.traffic import Traffic

FIRST_RATE, STEP, SECONDS = 1_000.0, 1.2, 3.0
LOOPS = 200
PAGE = [{"id": number, "title": f"Концерт {number}"} for number in range(1, 21)]
STARTS = 2
"""A step that was not kept is tried once more, because the machine may be busy otherwise."""


def main() -> int:
    """Find both limits, print and keep them."""
    if (os.cpu_count() or 1) < 2:
        print("Calibration needs two cores: one for the server, one for the load.", file=sys.stderr)
        return 2
    os.sched_setaffinity(0, {GENERATOR_CORE})
    with tempfile.TemporaryDirectory(prefix="biletter-calibrate-") as folder:
        body = Path(folder) / "body.json"
        body.write_text(json.dumps(PAGE))
        server = start_bare("wsgi_app", "app.server.worker.Worker", "", body)
        try:
            scheduled, looping = highest_rate(server), looping_rate(server)
        finally:
            stop(server)
    keep(scheduled, looping)
    print(
        f"One generator process keeps a schedule of {scheduled:.0f} requests/s, and {LOOPS} buyers"
        f" in a loop make {looping:.0f} requests/s; kept in {PATH}."
    )
    return 0


def highest_rate(server: Target) -> float:
    """Return the highest rate that is kept, each step being a fifth higher."""
    kept, rate = 0.0, FIRST_RATE
    while any(is_kept(server, rate) for _ in range(STARTS)):
        kept, rate = rate, rate * STEP
    return kept


def is_kept(server: Target, rate: float) -> bool:
    """Whether the generator keeps a rate for some seconds."""
    plan = Plan(f"http://127.0.0.1:{server.port}", level(SECONDS, rate), play, users=10_000)
    traffic = fleet.play(plan, Staff())
    has_passed = all(gate.passed for gate in search_gates(traffic))
    print(
        f"{rate:8.0f}/s  late {traffic.generator_late_share:6.2%}  p99 delay"
        f" {traffic.delay.percentile(0.99) * 1000:6.1f} ms  {max(traffic.cores):4.0%} of a core"
        f"  {'kept' if has_passed else 'not kept'}",
        flush=True,
    )
    return has_passed


def play(plan: Plan, begin: Begin) -> Traffic:
    """Ask for the page at each moment."""
    traffic, address = Traffic(), look_up(plan.host)
    pages: Iterator[Request] = repeat(Request("page", address.get("/"), len(PAGE)))
    fleet.play_open(plan, begin, zip(plan.moments, pages, strict=False), look, traffic)
    return traffic


def looping_rate(server: Target) -> float:
    """Return how many requests per second many connections make one after the other."""
    traffic, address = Traffic(), look_up(f"http://127.0.0.1:{server.port}")
    request = address.send("PATCH", "/", "Basic eDp4", booking_id=1, seat_id=1)
    began = time.monotonic()

    def loop() -> None:
        line = Connection(address)
        while time.monotonic() < began + SECONDS:
            status, body = Talk(traffic, line, began, time.monotonic()).ask("select", request)
            if status != 200:
                raise SystemExit(f"The bare server answered {status}: {body!r}.")
            json.loads(body)
        line.close()

    loops = Group()
    for _ in range(LOOPS):
        loops.spawn(loop)
    loops.join(raise_error=True)
    gevent.idle()
    return traffic.good / (time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
