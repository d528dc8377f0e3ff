"""Made-up runs, for tests of what is said about them."""

import random
from typing import Any

from loadtest.gates import Gate, search_gates
from loadtest.judge.figures import Run, figures
from loadtest.judge.series import WALL
from loadtest.record import Record
from loadtest.schedule import Schedule, ramp
from loadtest.traffic import Traffic

START = 1_000.0
LEVEL = ramp((10, 100), (40, 100), (10, 0))


def open_run(
    *,
    schedule: Schedule = LEVEL,
    seed: int = 1,
    median: float = 0.002,
    noise: float = 0.1,
    broken: bool = False,
    settings: dict[str, Any] | None = None,
    scenario: str = "events",
) -> Run:
    """A run of an open model with this median and noise; a broken one stalls and fails."""
    chance = random.Random(seed)
    traffic = Traffic(users=20, cores=[0.31])
    traffic.series.begin(START)
    drift = 0.0
    for n, moment in enumerate(schedule.moments()):
        due = START + moment
        if n % 100 == 0:
            drift = 0.7 * drift + chance.gauss(0, noise)
        took = median * 2.718 ** (drift + chance.gauss(0, 0.4))
        status = 200
        second = int(moment)
        traffic.arrivals += 1
        if broken and 20 <= second < 24:
            took += 24.5 - moment
        if broken and 30 <= second < 36 and chance.random() < 0.4:
            status = chance.choice((503, 503, 500, 0))
        if broken and 22 <= second < 24 and chance.random() < 0.5:
            traffic.dropped += 1
            traffic.series.count(due, "dropped")
            continue
        if broken and 21 <= second < 24:
            traffic.late_for_want_of_users += 1
            traffic.series.count(due, "late, no user free")
        traffic.series.count(due, "sent")
        traffic.sent[second] += 1
        traffic.delay.note(0.0001)
        traffic.series.note(due, due + took, status)
        shape = traffic.shapes["events" if n % 4 else "events, with an account"]
        shape.seconds.note(took)
        shape.statuses[status] += 1
        if status == 200:
            traffic.answered[int(moment + took)] += 1
            traffic.record.check("200 lists no event twice", not broken or n % 500, "events: <b>")
    traffic.record.elapsed = schedule.seconds + 0.1
    return Run(
        scenario,
        "http://127.0.0.1:8081",
        settings or {"scale": 0.1, "rate": 1000},
        search_gates(traffic),
        traffic,
        schedule,
        samples=samples(schedule, chance),
    )


def samples(schedule: Schedule, chance: random.Random) -> list[dict[str, Any]]:
    """What the watch would have seen: a tenth of a core for each hundred requests."""
    found, service, database, commits = [], 5.0, 3.0, 1000
    for second in range(-2, int(schedule.seconds) + 3):
        busy = 0 <= second < schedule.seconds
        service += (0.1 if busy else 0.0) * chance.uniform(0.9, 1.1)
        database += (0.06 if busy else 0.0) * chance.uniform(0.9, 1.1)
        commits += 180 * busy
        found.append(
            {
                "at": START + WALL + second + 0.3,
                "cpu": {"service": service, "database": database, "generator": second * 0.3 + 1},
                "machine": 100 + (second + 2) * 0.9,
                "database": dict.fromkeys(("rollbacks", "blocks", "deadlocks"), 0)
                | {"commits": commits, "read": commits * 30, "written": commits * 2}
                | {"connections": 40, "active": chance.randrange(1, 6), "in transaction": 1}
                | {"waiting for a lock": chance.randrange(0, 3)},
            }
        )
    return found


def closed_run() -> Run:
    """A run of ten accounts in which a seat was sold twice."""
    record = Record(success=95, conflict=4, failed=1, elapsed=50.0, stale_seats=2)
    for n in range(100):
        record.note_answer("PATCH /api/seats/select", 419 if n < 4 else 200, 0.004)
    record.check("seats: all are FREE", True, "")
    record.check("seats: all are FREE", False, "200 [<SOLD>]")
    gates = [
        Gate("successful bookings ≥ 95%", True, "95 of 100: 95.00%"),
        Gate("no seat is in two bookings", False, "seat 7 is in 1 and 2 and 3 more"),
        Gate("every acknowledged seat is in its booking", True, ""),
    ]
    return Run("booking", "http://h", {"users": 10, "duration": 50}, gates, record)


def report(**given: Any) -> dict[str, Any]:
    """The report of a made-up run of an open model."""
    return figures(open_run(**given))
