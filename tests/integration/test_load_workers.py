"""A run in several processes: Locust's master, and workers of this host or of another one."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import psutil
import pytest

from loadtest import fleet, giveback, master, search
from loadtest.accounts import BOOKING_ACCOUNTS
from loadtest.gates import search_gates
from loadtest.ledger import Hold, Return
from loadtest.master import Staff, read_traffic
from loadtest.options import parse_options
from loadtest.plan import Plan
from loadtest.sales import Sales
from loadtest.schedule import level
from loadtest.stage import CannotStartError
from loadtest.traffic import Traffic
from tests.integration.gateway import free_port
from tests.integration.load_fake import Service, serving

AHEAD = 100_000
"""Seconds that another host's monotonic clock is ahead of ours, about: it has run for longer."""


def another_host() -> list[str]:
    """What a command begins with so that it runs with another monotonic clock, if that can be."""
    command = ["unshare", "--time", "--monotonic", str(AHEAD)]
    is_possible = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if is_possible.returncode == 0 else []


@contextmanager
def workers(port: int, processes: int) -> Iterator[subprocess.Popen[bytes]]:
    """The command that the other host runs; with a clock of its own where that is allowed."""
    command = [*another_host(), sys.executable, "-m", "loadtest", "worker"]
    there = ["--master-host", "127.0.0.1", "--master-port", str(port)]
    with subprocess.Popen([*command, *there, "--processes", str(processes)]) as process:
        try:
            yield process
        finally:
            process.terminate()


def staff(port: int, processes: int = 1, expected: int = 2, patience: float = 30) -> Staff:
    return Staff(processes, expected, patience, "127.0.0.1", port)


def test_workers_of_another_host_share_the_rate_and_end_with_the_run() -> None:
    service, port = Service(), free_port()
    with serving(service) as host, workers(port, 2) as process:
        plan = Plan(host, level(1, 90), search.play, 30, setting="events")
        traffic = fleet.play(plan, staff(port))
        assert process.wait(20) == 0
    assert traffic.arrivals == traffic.good == service.requests["GET /api/events"] == 90
    assert len(traffic.cores) == 3
    # None began at another time than the others.
    assert traffic.record.elapsed < 3
    assert sum(traffic.sent.values()) == 90


def test_moments_of_another_host_are_told_by_our_clock(tmp_path: Path) -> None:
    service, port = Service(), free_port()
    accounts = tmp_path / "users.csv"
    lines = [f"{account.email},{account.password}" for account in BOOKING_ACCOUNTS[:2]]
    accounts.write_text("\n".join(["email,password_plain", *lines]) + "\n")
    began = time.monotonic()
    with serving(service) as host, workers(port, 1):
        options = ["giveback", "--host", host, "--scale", "0.2", "--duration", "2s"]
        options += ["--processes", "1", "--expect-workers", "1", "--accounts", str(accounts)]
        outcome = giveback.run(
            parse_options([*options, "--master-bind-port", str(port), "--users", "40"])
        )
    sales = outcome.seen
    assert isinstance(sales, Sales)
    assert {name for gate in outcome.gates if not gate.passed for name in [gate.name]} <= {
        "the generator kept its schedule: ≤ 1% later than 100 ms by its own doing"
    }
    assert len(sales.holds) == 60
    now = time.monotonic()
    assert all(began < hold.asked <= hold.granted < now for hold in sales.holds)
    assert all(began < back.asked < now for back in sales.returns)


def test_fewer_workers_than_expected_send_nothing() -> None:
    service, port = Service(), free_port()
    with serving(service) as host:
        plan = Plan(host, level(1, 10), search.play, 30, setting="events")
        with pytest.raises(CannotStartError, match=r"1 of 3 workers came within 3 s; nothing was"):
            fleet.play(plan, staff(port, patience=3))
    assert service.requests == {}


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        plan = Plan("http://127.0.0.1:1", level(1, 10), search.play, 30, setting="events")
        with pytest.raises(CannotStartError, match=f"cannot listen for workers at .*:{port}"):
            fleet.play(plan, staff(port))


def test_what_a_worker_cannot_do_is_told_before_anything_is_sent() -> None:
    port = free_port()
    plan = Plan("http://nowhere.invalid", level(1, 10), search.play, 30, setting="events")
    with pytest.raises(CannotStartError, match=r"Worker .*nowhere\.invalid"):
        fleet.play(plan, Staff(2, port=port))


def kill_when_busy(service: Service, process: subprocess.Popen[bytes]) -> None:
    while service.requests["GET /api/events"] < 10:
        gevent.sleep(0.05)
    process.kill()


def test_a_worker_that_is_lost_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master, "LOST_SECONDS", 1.0)
    service, port = Service(), free_port()
    with serving(service) as host, workers(port, 1) as process:
        plan = Plan(host, level(3, 50), search.play, 30, setting="events")
        killing = gevent.spawn(kill_when_busy, service, process)
        traffic = fleet.play(plan, staff(port, expected=1))
        killing.get()
    failed = {gate.name for gate in search_gates(traffic) if not gate.passed}
    assert "the generator worked without an error" in failed
    assert 0 < traffic.good < 150


@pytest.mark.parametrize(
    ("host", "sentence"), [("nowhere.invalid", "The master's host nowhere.invalid is not known")]
)
def test_a_master_that_cannot_be_found_is_a_sentence(host: str, sentence: str) -> None:
    command = [sys.executable, "-m", "loadtest", "worker", "--master-host", host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_master_that_started_them(signal_number: int, tmp_path: Path) -> None:
    service = Service()
    with serving(service) as host:
        command = [sys.executable, "-m", "loadtest", "events", "--host", host, "--rate", "60"]
        command += ["--processes", "2", "--duration", "30s", "--report", str(tmp_path)]
        with subprocess.Popen(command) as process:
            while service.requests["GET /api/events"] < 20:
                gevent.sleep(0.05)
            workers = psutil.Process(process.pid).children()
            assert len([one for one in workers if "loadtest.worker" in one.cmdline()]) == 2
            process.send_signal(signal_number)
            process.wait(10)
            _, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []


def test_what_was_seen_comes_over_as_it_was() -> None:
    sales = Sales(conflicts=3, start=10.0, cores=[0.5])
    sales.holds.append(Hold("a@b.kz", 1, 2, 11.0, 12.0))
    sales.returns.append(Return(1, 2, 13.0, None))
    sales.kinds["booking"].came += 1
    sales.shapes["GET /"].statuses[200] += 1
    sales.record.check("held", held=False, seen="x")
    sales.series.count(11.0, "sent")
    seen = read_traffic(pickle.dumps(sales))
    assert seen == sales
    assert seen is not None
    seen.shift(-10.0)
    assert isinstance(seen, Sales)
    assert (seen.start, seen.holds[0].asked, seen.holds[0].granted) == (0.0, 1.0, 2.0)
    assert (seen.returns[0].asked, seen.returns[0].granted) == (3.0, None)
    assert read_traffic(pickle.dumps(Traffic())) == Traffic()


class Trap:
    """What a stranger could send to the master's port."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_what_a_stranger_sends_is_not_run(tmp_path: Path) -> None:
    assert read_traffic(pickle.dumps(Trap(tmp_path / "trap"))) is None
    assert not (tmp_path / "trap").exists()
    pickle.loads(pickle.dumps(Trap(tmp_path / "trap")))
    assert (tmp_path / "trap").exists(), "otherwise this test shows nothing"
    assert read_traffic(b"nonsense") is None
    assert read_traffic(pickle.dumps({"a": 1})) is None
