"""The real gunicorn on a port of its own, and a client that writes and reads bytes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from tests.conftest import Caller, Event
from tests.integration.gateway import ROOT, free_port, until

PROBLEM = "application/problem+json"
EVENTS = "/api/events"
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_RECEIVE = 65536


@dataclass
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


class Wire:
    """A connection on which a test decides about every byte."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, *, to: str = "GET") -> Answer:
        """Read one whole answer; EOFError when the server closes before its end."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value.strip()
        status = int(first.split(" ")[1])
        has_body = to != "HEAD" and status >= 200 and status not in (204, 304)
        length = int(headers["content-length"]) if has_body else 0
        while len(self._received) < length:
            self._receive()
        body, self._received = self._received[:length], self._received[length:]
        return Answer(status, headers, body)

    def is_closed_by_server(self) -> bool:
        """Whether nothing more comes; waits for the end of the connection."""
        try:
            return not self._received and not self.sock.recv(1)
        except ConnectionError:
            return True

    @property
    def has_received(self) -> bool:
        """Whether a part of an answer is here that `answer` could not complete."""
        return bool(self._received)

    def _receive(self) -> None:
        part = self.sock.recv(_RECEIVE)
        if not part:
            raise EOFError
        self._received += part


@dataclass
class Service:
    """A gunicorn with its workers."""

    port: int
    process: subprocess.Popen[bytes]
    log_path: Path
    metrics_path: Path

    def connect(self, timeout: float = 10.0) -> Wire:
        return Wire(socket.create_connection(("127.0.0.1", self.port), timeout))

    def ask(self, data: bytes, *, to: str = "GET") -> Answer:
        """Send bytes over a new connection and read one answer."""
        with self.connect() as wire:
            wire.send(data)
            return wire.answer(to=to)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask(request("GET", path, headers=headers))

    def workers(self) -> set[int]:
        """The pids of the workers that there are now."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return {int(child) for child in children.split()}

    def log_lines(self) -> list[str]:
        return self.log_path.read_text().splitlines()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end after a signal; returns the exit code."""
        return self.process.wait(_STOP_SECONDS)


def request(
    method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """A plain HTTP/1.1 request."""
    lines = {"Host": "localhost", **(headers or {})}
    if body is not None:
        lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), **lines}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


@pytest.fixture
def booking(buyer: Caller, event: Event) -> Callable[..., bytes]:
    """Builds requests for a booking."""

    def build(**headers: str) -> bytes:
        body = json.dumps({"event_id": event.id}).encode()
        account = {"Authorization": buyer.authorization or ""}
        return request("POST", "/api/bookings", headers=account | headers, body=body)

    return build


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["code"]
    assert answer.headers["x-request-id"]


@contextmanager
def gunicorn(
    environment: dict[str, str], directory: Path, *, workers: int = 2, **settings: str
) -> Iterator[Service]:
    """Run the service as it runs in production, against the database of the tests."""
    port = free_port()
    metrics = directory / "metrics"
    metrics.mkdir()
    log_path = directory / "log"
    environ = {
        **os.environ,
        **environment,
        "BILETTER_BIND": f"127.0.0.1:{port}",
        "BILETTER_WORKERS": str(workers),
        "BILETTER_DATABASE_POOL_SIZE": "5",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        **settings,
    }
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--config"]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*command, str(ROOT / "app" / "server" / "gunicorn.conf.py")],
            env=environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    service = Service(port, process, log_path, metrics)
    try:
        until(lambda: _is_up(service, workers), _START_SECONDS)
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_up(service: Service, workers: int) -> bool:
    assert service.process.poll() is None, service.log_path.read_text()
    booted = sum('"Booting worker' in line for line in service.log_lines())
    try:
        return booted >= workers and service.get("/health/live").status == 200
    except OSError:
        return False
