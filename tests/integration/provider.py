"""The event provider's simulator as its partner, its administrator and its operator see it."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import urllib3
from urllib3 import BaseHTTPResponse

from tests.integration.gateway import ROOT, free_port, until

API = "/api/partners/v1"
UNKNOWN = str(uuid.uuid4())
# A small hall whose lanes are quick and never stop by chance.
SMALL = ("--rows=10", "--seats-per-row=20")
QUICK = (
    '--knobs={"cancel_stops": {"chance": 0}, "place_lane": {"delay_ms": 0, "per_second": 100000},'
    ' "order_lane": {"delay_ms": 0, "per_second": 100000}}'
)


class Provider:
    """A running simulator."""

    def __init__(self, base: str, process: subprocess.Popen[str]) -> None:
        self.base = base
        self.process = process
        self.http = urllib3.PoolManager(retries=False, timeout=10, maxsize=20)

    def __call__(self, method: str, path: str, **options: Any) -> BaseHTTPResponse:
        return self.http.request(method, self.base + path, **options)

    # A partner's calls.

    def start(self) -> str:
        answer = self("POST", f"{API}/orders")
        assert answer.status == 201
        return answer.json()["order_id"]

    def order(self, order_id: str) -> dict[str, Any]:
        answer = self("GET", f"{API}/orders/{order_id}")
        return answer.json() if answer.status == 200 else {"http": answer.status}

    def change(self, order_id: str, step: str) -> int:
        return self("PATCH", f"{API}/orders/{order_id}/{step}").status

    def places(self, query: str = "") -> list[dict[str, Any]]:
        answer = self("GET", f"{API}/places{query}")
        assert answer.status == 200, answer.data
        return answer.json()

    def place_id(self, number: int = 0) -> str:
        return self.places("?pageSize=1000")[number]["id"]

    def is_free(self, place_id: str) -> bool:
        return self("GET", f"{API}/places/{place_id}").json()["is_free"]

    def select(self, place_id: str, order_id: str) -> int:
        return self("PATCH", f"{API}/places/{place_id}/select", json={"order_id": order_id}).status

    def release(self, place_id: str) -> int:
        return self("PATCH", f"{API}/places/{place_id}/release").status

    # Steps that take their time.

    def await_count(self, order_id: str, count: int) -> None:
        until(lambda: self.order(order_id).get("places_count") == count)

    def await_rest(self) -> None:
        """Wait until nothing is under way."""
        until(lambda: not any(lane["waiting"] for lane in self.lanes().values()))

    def holding(self, *numbers: int) -> tuple[str, list[str]]:
        """An order that has these places, and their ids."""
        places = self.places("?pageSize=1000")
        order_id, place_ids = self.start(), [places[number]["id"] for number in numbers]
        for place_id in place_ids:
            assert self.select(place_id, order_id) == 204
        self.await_count(order_id, len(numbers))
        return order_id, place_ids

    # The operator's calls.

    def turn(self, **knobs: Any) -> None:
        answer = self("POST", "/simulator/knobs", json=knobs)
        assert answer.status == 200, answer.data

    def knobs(self) -> dict[str, Any]:
        return self("GET", "/simulator/knobs").json()

    def lanes(self) -> dict[str, Any]:
        return self("GET", "/simulator/lanes").json()

    def ledger(self) -> dict[str, Any]:
        return self("GET", "/simulator/ledger").json()

    def start_over(self) -> Provider:
        """Put knobs, places and lanes back to where they were at the start."""
        assert self("DELETE", "/simulator/knobs").status == 200
        assert self("POST", "/simulator/reset").status == 200
        return self

    def end(self, number: signal.Signals) -> int:
        """Send the program a signal and return its exit code; it has nothing to complain about."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=10)
        assert self.process.stderr is not None
        assert self.process.stderr.read() == ""
        return code


@contextmanager
def program(data: Path, *arguments: str, port: int | None = None) -> Iterator[Provider]:
    """Run the real program; it is ready when it says where it is."""
    command = [sys.executable, "-m", "app.simulators.provider", f"--data={data}", *arguments]
    command += [f"--port={port or free_port()}"]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        provider = Provider(said[-1].rstrip("/") if said else "", process)
        try:
            yield provider
        finally:
            provider.http.clear()
            process.kill()


@contextmanager
def both_modes(folder: Path) -> Iterator[dict[str, Provider]]:
    """Run a small hall in each mode."""
    with (
        program(folder / "documented.sqlite", *SMALL, QUICK) as documented,
        program(folder / "coded.sqlite", *SMALL, QUICK, "--mode=coded") as coded,
    ):
        yield {"documented": documented, "coded": coded}


def at_once(*calls: Any) -> list[Any]:
    """Make calls at the same time and return their answers."""
    jobs = [gevent.spawn(call) for call in calls]
    gevent.joinall(jobs, raise_error=True)
    return [job.value for job in jobs]
