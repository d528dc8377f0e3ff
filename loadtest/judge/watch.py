"""Looks at the servers every second of a run, from a process that the generator does not share."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, Any, Self

import psycopg
from psycopg.rows import dict_row

from loadtest.judge import processes

SECONDS, START_SECONDS = 1.0, 10.0
STATISTICS = """
SELECT xact_commit AS commits, xact_rollback AS rollbacks, tup_returned + tup_fetched AS read,
       tup_inserted + tup_updated + tup_deleted AS written, deadlocks,
       connections, active, "in transaction", "waiting for a lock"
FROM pg_stat_database, (
    SELECT count(*) AS connections, count(*) FILTER (WHERE state = 'active') AS active,
           count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS "in transaction",
           count(*) FILTER (WHERE wait_event_type = 'Lock') AS "waiting for a lock"
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
) AS now
WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be looked at; nothing of it has to be there."""

    host: str
    pids: tuple[int, ...] = ()
    """The servers' topmost processes; without them, whoever listens at a local host."""
    database_url: str = ""
    """Without it, that of the local `make run`."""
    generator: int = 0

    def found(self) -> "Sight":
        """Return it with what could be found on this machine."""
        top = None if self.pids else processes.find_service(self.host)
        pids = self.pids or ((top,) if top else ())
        url = self.database_url
        for pid in () if url else pids:
            if folder := processes.data_folder(pid):
                # Another server's address may have been left there by an earlier run.
                file = folder / "database_url"
                url = file.read_text().strip() if file.is_file() else ""
        return Sight(self.host, pids, url, self.generator)


class Watch:
    """The looking process; it ends when its standard input does."""

    def __init__(self, sight: Sight) -> None:
        self._seen: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - read at the end
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.judge.watch"],
            stdin=subprocess.PIPE,
            stdout=self._seen,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        # By standard input, because an address may contain a password.
        self._process.stdin.write(json.dumps(asdict(sight)) + "\n")
        self._process.stdin.flush()
        # What happens before it looks for the first time would be missing in its figures.
        deadline = time.monotonic() + START_SECONDS
        while not os.fstat(self._seen.fileno()).st_size and time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait()
        self._seen.close()

    def finish(self) -> list[dict[str, Any]]:
        """Let it look once more and end; return what it has seen."""
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=START_SECONDS)
        self._seen.seek(0)
        return [json.loads(line) for line in self._seen if line.endswith("\n")]


def main() -> None:
    """Print a line of JSON for every second until standard input ends."""
    given = json.loads(sys.stdin.readline())
    sight = Sight(**given | {"pids": tuple(given["pids"])}).found()
    database = connect(sight.database_url)
    groups = processes.Groups()
    is_last = False
    while True:
        sample = look(sight, groups)
        if database is not None:
            sample["database"] = ask(database)
        print(json.dumps(sample), flush=True)
        if is_last:
            return
        is_last = bool(select.select([sys.stdin], [], [], SECONDS - time.time() % SECONDS)[0])


def look(sight: Sight, groups: processes.Groups) -> dict[str, Any]:
    """Return the wall clock's second and the CPU seconds used so far by each group."""
    seen = processes.all_processes()
    cpu: dict[str, float] = {}
    for pid in processes.family(seen, sight.pids):
        group = groups.of(pid)
        cpu[group] = cpu.get(group, 0.0) + seen[pid].seconds
    generator = processes.family(seen, [sight.generator], without=os.getpid())
    cpu["generator"] = sum(seen[pid].seconds for pid in generator)
    return {"at": time.time(), "cpu": cpu, "machine": processes.busy_seconds()}


def connect(url: str) -> psycopg.Connection[dict[str, Any]] | None:
    """Return a connection of our own, or nothing when there is none to be had."""
    if not url:
        return None
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=3,
            application_name="loadtest-watch",
            row_factory=dict_row,
        )
    except psycopg.Error:
        return None


def ask(database: psycopg.Connection[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the database's counters, or nothing when it does not answer."""
    try:
        return database.execute(STATISTICS).fetchone()
    except psycopg.Error:
        return None


if __name__ == "__main__":
    main()
