"""`make run` as a newcomer uses it: it starts, ends, and says in one sentence why it does not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import urllib3

from tests.conftest import Caller
from tests.integration.gateway import until

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Run:
    """One `make run` without make."""

    def __init__(self, port: int | str, data: Path, **environ: str) -> None:
        self.port, self.data = port, data
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("BILETTER_", "PAYMENT_"))}
        clean.pop("DATABASE_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.local", "--port", str(port), "--data-dir", str(data)],
            cwd=ROOT,
            env=clean | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_running(self) -> str:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C ends it" in line:
                return "".join(lines)
        raise AssertionError("".join(lines))

    def refusal(self) -> str:
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode not in (0, None), output
        complaints = [line for line in output.splitlines() if "does not start" in line]
        assert len(complaints) == 1, output
        assert "Traceback" not in output
        return complaints[0]

    def family(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.read()
        return self.process.wait(60)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    started: list[Run] = []

    def start(port: int | str | None = None, data: Path | None = None, **environ: str) -> Run:
        one = Run(port or free_port(), data or tmp_path / "data", **environ)
        started.append(one)
        return one

    yield start
    for one in started:
        family = one.family()
        if one.process.poll() is None:
            one.end()
        if one.process.stdout is not None:
            one.process.stdout.close()
        psutil.wait_procs(family, timeout=20)


def get(url: str) -> int:
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url, retries=False, timeout=10).status


def operate(data: Path, command: str) -> str:
    """What an operator's command says, with the settings that `make run` has left."""
    line = f"set -a; . {data}/environment; set +a; exec {sys.executable} -m app.admin {command}"
    return subprocess.run(
        ["bash", "-c", line], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout


def test_it_starts_serves_ends_and_starts_again_with_its_data(run: Callable[..., Run]) -> None:
    first = run()
    greeting = first.wait_until_running()
    base = f"http://127.0.0.1:{first.port}"
    assert base in greeting
    assert "demo@biletter.kz" in greeting
    assert greeting.count("curl ") == 3
    assert get(f"{base}/docs/") == 200
    headers = {**urllib3.make_headers(basic_auth="demo@biletter.kz:demo")}
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", f"{base}/api/bookings", json={"event_id": 1}, headers=headers)
        assert answer.status == 201
        booking = answer.json()
        # The worker's own comparison may be under way; then this one is refused.
        until(lambda: "places   100000 examined, 0 differ" in operate(first.data, "reconcile"))
        assert "nothing waits for a person" in operate(first.data, "doctor")
        family = first.family()
        assert len(family) > 5
        assert first.end(signal.SIGINT) == 0
        gone, alive = psutil.wait_procs(family, timeout=10)
        assert (len(gone), alive) == (len(family), [])

        second = run(port=first.port)
        second.wait_until_running()
        bookings = pool.request("GET", f"{base}/api/bookings", headers=headers).json()
        assert bookings == [{**booking, "event_id": 1, "seats": []}]


def test_it_starts_after_everything_was_killed(run: Callable[..., Run]) -> None:
    first = run()
    first.wait_until_running()
    family = first.family()
    for process in [psutil.Process(first.process.pid), *family]:
        process.kill()
    psutil.wait_procs(family, timeout=10)
    first.process.wait(10)
    run(port=first.port).wait_until_running()


def test_nothing_outlives_a_killed_supervisor(run: Callable[..., Run]) -> None:
    first = run()
    first.wait_until_running()
    family = first.family()
    first.process.kill()
    first.process.wait(10)
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def test_a_second_one_on_the_same_data_is_refused(run: Callable[..., Run]) -> None:
    run().wait_until_running()
    assert "DATA_DIR" in run().refusal()


def test_a_taken_port_is_one_sentence_that_names_it(run: Callable[..., Run]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"PORT={port}" in run(port=port).refusal()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(run: Callable[..., Run], port: str) -> None:
    assert "PORT" in run(port=port).refusal()


@pytest.mark.parametrize(
    "url",
    ["nonsense", "postgresql://127.0.0.1:1/x", "postgresql:///x?host=/nowhere", "mysql://x"],
)
def test_a_broken_database_url_is_one_sentence_that_names_it(
    run: Callable[..., Run], url: str
) -> None:
    assert "DATABASE_URL" in run(DATABASE_URL=url).refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILETTER_WORKERS", "many"),
        ("BILETTER_WORKERS", "0"),
        ("BILETTER_WROKERS", "2"),
        ("BILETTER_ALLOW_RESET", "perhaps"),
        ("PAYMENT_GATEWAY_URL", "gateway"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(
    run: Callable[..., Run], name: str, value: str
) -> None:
    assert name in run(**{name: value}).refusal()


def test_a_data_dir_that_cannot_be_used_is_refused(run: Callable[..., Run], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "DATA_DIR" in run(data=file).refusal()


def test_a_server_of_ones_own_is_used_and_not_ended(
    run: Callable[..., Run], database_url: str, buyer: Caller
) -> None:
    del buyer  # A database that has an account is not filled.
    first = run(DATABASE_URL=database_url)
    first.wait_until_running()
    assert not any("postgres" in process.name() for process in first.family())
    assert get(f"http://127.0.0.1:{first.port}/health/ready") == 200
    assert first.end() == 0
