"""The master of a run in several processes, on one host or many: Locust's, with our messages."""

import argparse
import io
import pickle
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Self

from gevent.queue import Empty, Queue
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING

from loadtest.live import LIVE
from loadtest.plan import Plan
from loadtest.stage import CannotStartError
from loadtest.traffic import Traffic

HERE, CLOCK, PLAN, READY, START, SEEN, FAILED = (
    *("here", "clock", "plan", "ready", "start", "seen", "failed"),
)
"""The messages between master and worker, in their order."""

HEAD_START_SECONDS = 0.5
LOADING_SECONDS = 60.0
# A worker that is busy may be late with the heartbeat that Locust expects every second.
LOST_SECONDS = 20.0
CLOCK_READINGS = 5


@dataclass(frozen=True, slots=True)
class Staff:
    """Who plays: worker processes that are started here, and those that other hosts start."""

    processes: int = 1
    expected: int = 0
    patience: float = 60.0
    """Seconds to wait for those of other hosts."""
    host: str = "*"
    port: int = 5557
    """Where they find the master."""

    @staticmethod
    def told(options: argparse.Namespace) -> "Staff":
        """Return what the command line says."""
        return Staff(
            options.processes,
            options.expect_workers,
            options.expect_workers_max_wait,
            options.master_bind_host,
            options.master_bind_port,
        )

    @property
    def parts(self) -> int:
        """How many share the plan."""
        return self.processes + self.expected


class Master:
    """Has workers play the parts of a plan, from the same moment, and collects what they saw."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff
        self._children: list[subprocess.Popen[bytes]] = []
        self._here: Queue[str] = Queue()
        self._inbox: defaultdict[str, Queue[Message]] = defaultdict(Queue)
        host, port = (staff.host, staff.port) if staff.expected else ("127.0.0.1", 0)
        require_free(host, port)
        self._runner = Environment().create_master_runner(host, port)
        self._runner.register_message(HERE, self._note_worker)
        self._runner.environment.events.worker_report.add_listener(LIVE.hear)
        for message in (CLOCK, READY, SEEN, FAILED):
            self._runner.register_message(message, self._note)

    def __enter__(self) -> Self:
        for _ in range(self._staff.processes):
            self._children.append(start_worker("127.0.0.1", self._runner.server.port))
        return self

    def __exit__(self, *_exc: object) -> None:
        self._runner.quit()
        self._runner.server.socket.context.destroy(linger=1000)
        end_workers(self._children)

    def play(self, parts: Sequence[Plan]) -> Iterator[Traffic]:
        """Yield what each worker saw of its part. Raises CannotStartError before anything is sent.

        A worker that is lost is an error in what is yielded.
        """
        workers = self._gather(len(parts))
        for worker, part in zip(workers, parts, strict=True):
            self._send(worker, PLAN, pickle.dumps(part))
        for worker in workers:
            self._receive(worker, READY, LOADING_SECONDS)
        ahead = {worker: self._clock_ahead(worker) for worker in workers}
        start = time.monotonic() + HEAD_START_SECONDS
        for worker in workers:
            self._send(worker, START, start + ahead[worker])
        for worker, part in zip(workers, parts, strict=True):
            seen = self._await_end(worker)
            if seen is None:
                seen = part.notes()
                seen.record.errors.append(f"worker {worker} was lost with all it saw")
            seen.shift(-ahead[worker])
            yield seen

    def _gather(self, wanted: int) -> list[str]:
        workers: list[str] = []
        waiting_since = time.monotonic()
        patience = self._staff.patience if self._staff.expected else LOADING_SECONDS
        while len(workers) < wanted:
            try:
                workers.append(self._here.get(timeout=0.2))
            except Empty:
                if any(child.poll() is not None for child in self._children):
                    raise CannotStartError(
                        "A worker process ended before it began; nothing was sent."
                    ) from None
                if time.monotonic() - waiting_since > patience:
                    raise CannotStartError(
                        f"{len(workers)} of {wanted} workers came within {patience:g} s;"
                        " nothing was sent."
                    ) from None
        return workers

    def _clock_ahead(self, worker: str) -> float:
        """Return how many seconds a worker's monotonic clock is ahead; other hosts have others."""
        readings = []
        for _ in range(CLOCK_READINGS):
            sent = time.monotonic()
            self._send(worker, CLOCK)
            read = self._receive(worker, CLOCK, LOADING_SECONDS)
            received = time.monotonic()
            readings.append((received - sent, read - (sent + received) / 2))
        return min(readings)[1]

    def _await_end(self, worker: str) -> Traffic | None:
        missing_since = None
        while True:
            try:
                message = self._inbox[worker].get(timeout=1)
            except Empty:
                node = self._runner.clients.get(worker)
                if node is not None and node.state != STATE_MISSING:
                    missing_since = None
                    continue
                missing_since = missing_since or time.monotonic()
                if time.monotonic() - missing_since > LOST_SECONDS:
                    return None
            else:
                return read_traffic(message.data) if message.type == SEEN else None

    def _send(self, worker: str, message: str, data: Any = None) -> None:
        self._runner.send_message(message, data, client_id=worker)

    def _receive(self, worker: str, wanted: str, seconds: float) -> Any:
        try:
            message = self._inbox[worker].get(timeout=seconds)
        except Empty:
            raise CannotStartError(f"Worker {worker} is silent; nothing was sent.") from None
        if message.type != wanted:
            raise CannotStartError(f"Worker {worker}: {message.data}")
        return message.data

    def _note_worker(self, msg: Message, **_: Any) -> None:
        self._here.put(msg.node_id)

    def _note(self, msg: Message, **_: Any) -> None:
        self._inbox[msg.node_id].put(msg)


def require_free(host: str, port: int) -> None:
    """Make sure that the master can listen there; Locust would end the process."""
    try:
        socket.create_server(("" if host == "*" else host, port)).close()
    except OSError as error:
        raise CannotStartError(
            f"The master cannot listen for workers at {host}:{port}: {error.strerror}."
        ) from None


def start_worker(host: str, port: int) -> "subprocess.Popen[bytes]":
    """Start a worker process on this host; it ends when this process does."""
    command = [sys.executable, "-m", "loadtest.worker", host, str(port)]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def end_workers(workers: Iterable["subprocess.Popen[bytes]"]) -> None:
    """End worker processes that were started here, whatever they are doing."""
    for worker in workers:
        worker.kill()
        worker.communicate()


def read_traffic(data: bytes) -> Traffic | None:
    """Return what a worker saw, or nothing if it is anything else."""
    try:
        seen = _TrafficReader(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError, ImportError):
        return None
    return seen if isinstance(seen, Traffic) else None


class _TrafficReader(pickle.Unpickler):
    """Reads data and nothing else, because whoever reaches the port may send anything."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("collections", "Counter"), ("collections", "defaultdict")}:
            return super().find_class(module, name)
        if module.startswith("loadtest."):
            found = super().find_class(module, name)
            if isinstance(found, type) and is_dataclass(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that a worker sees")
