"""The real gateway simulator beside the application, and a puppet that answers anything.

The application listens on a port of its own meanwhile, so that webhooks and browsers reach it.
"""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import psycopg
import pytest
import urllib3
from gevent.pywsgi import WSGIServer

from loadtest.payment_form import GOOD_CARD, filled_in
from tests.conftest import GATEWAY_PASSWORD, WEBHOOK_SECRET

ROOT = Path(__file__).parents[2]
APPROVED, DECLINED = GOOD_CARD, "4000000000000002"


@contextmanager
def serving(wsgi: Any) -> Iterator[str]:
    """Serve a WSGI application from this process and tell its address."""
    server = WSGIServer(("127.0.0.1", 0), wsgi, log=None)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop(timeout=1)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait for a condition and return what it said."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        gevent.sleep(0.01)
    return found


class Simulator:
    """The simulator as its operator, its bank and its buyers see it."""

    def __init__(self, base: str, service: str) -> None:
        self.base = base
        self.service = service
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def turn(self, **knobs: Any) -> None:
        """Turn some knobs; the others stay."""
        answer = self._http.request("POST", f"{self.base}/simulator/knobs", json=knobs)
        assert answer.status == 200, answer.data

    def behave(self) -> None:
        """Put all knobs back."""
        assert self._http.request("DELETE", f"{self.base}/simulator/knobs").status == 200

    def payments(self) -> dict[int, dict[str, Any]]:
        """What the gateway has booked, by order id."""
        ledger = self._http.request("GET", f"{self.base}/simulator/ledger").json()
        return {int(line["orderId"]): line for line in ledger["payments"]}

    def authorize(self, order_id: int) -> None:
        """Pay with a card that the bank approves."""
        self._decide(order_id, "authorize")

    def reject(self, order_id: int) -> None:
        """Pay with a card that the bank refuses."""
        self._decide(order_id, "reject")

    def submit(self, form_url: str, card: str) -> str:
        """Fill the form in as a browser does; returns where the browser is sent."""
        assert self._http.request("GET", form_url, redirect=False).status == 200
        url, fields = filled_in(form_url, card)
        answer = self._http.request(
            "POST", url, fields=fields, encode_multipart=False, redirect=False
        )
        assert answer.status == 302, answer.data
        return answer.headers["Location"]

    def _decide(self, order_id: int, step: str) -> None:
        payment_id = self.payments()[order_id]["paymentId"]
        address = f"{self.base}/simulator/payments/{payment_id}/{step}"
        assert self._http.request("POST", address).status == 200


class Puppet:
    """A gateway that answers what a test wants, and remembers what it was asked.

    An entry of `answers` stands for a call: (status, content), or a function of the call's body
    that returns such a pair. Content is JSON, or the raw bytes of a body that is none.
    """

    _ids = itertools.count(int(time.time() * 1_000_000))

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self.payments: dict[str, dict[str, Any]] = {}

    def bodies(self, call: str) -> list[dict[str, Any]]:
        """What one of the calls was sent, in order."""
        return [body for name, body in self.asked if name == call]

    def register(self, body: dict[str, Any]) -> tuple[int, Any]:
        """What init does on a good day."""
        payment_id = f"p{next(self._ids)}"
        self.payments[payment_id] = {
            "paymentId": payment_id,
            "orderId": body["orderId"],
            "status": "NEW",
            "amount": body["amount"],
            "currency": body["currency"],
        }
        return 200, {"success": True, "errorCode": "0", "paymentId": payment_id}

    def change(self, **fields: Any) -> None:
        """Change what check says of every payment."""
        for payment in self.payments.values():
            payment.update(fields)

    def _look_up(self, body: dict[str, Any]) -> tuple[int, Any]:
        for payment in self.payments.values():
            if body.get("paymentId", body.get("orderId")) in {
                payment["paymentId"],
                payment["orderId"],
            }:
                return 200, {"success": True, "payments": [payment], "totalCount": 1}
        return 404, {"success": False, "errorCode": "1404"}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        call = environ["PATH_INFO"].rpartition("/")[2]
        body = json.loads(environ["wsgi.input"].read())
        self.asked.append((call, body))
        usual = {
            "init": self.register,
            "check": self._look_up,
            "confirm": (200, {"success": True}),
        }
        answer = self.answers[call] if call in self.answers else usual[call]
        status, content = answer(body) if callable(answer) else answer
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(raw)))]
        start_response(f"{status} Told", headers)
        return [raw]


@contextmanager
def configured(**variables: str) -> Iterator[None]:
    """Run the application of this process under other settings for a while."""
    from app.kernel.config import settings

    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(autouse=True)
def closed_breakers() -> None:
    """Lets no test suffer from the failures of the one before."""
    from app.payments import gateway
    from app.provider import client

    gateway.SERVICE.breaker.reset()
    client.SERVICE.breaker.reset()


@pytest.fixture(scope="session")
def service(app: Any) -> Iterator[str]:
    """The address under which the application of this process is reached."""
    with serving(app) as address:
        yield address


@contextmanager
def _running(mode: str, service: str, data: Path) -> Iterator[Simulator]:
    command = [sys.executable, "-m", "app.simulators.gateway", f"--port={free_port()}"]
    command += [
        f"--data={data}",
        "--team-slug=biletter",
        f"--password={GATEWAY_PASSWORD}",
        f"--mode={mode}",
    ]
    command += [f"--webhook-url={service}/api/payments/notifications", "--delay=0"]
    command += [f"--webhook-secret={WEBHOOK_SECRET}"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            base = process.stdout.readline().split()[-1].rstrip("/")
            yield Simulator(base, service)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def documented(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """The simulator as the gateway's documentation describes it."""
    data = tmp_path_factory.mktemp("documented") / "gateway.sqlite"
    with _running("documented", service, data) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def coded(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """The simulator as the gateway's code behaves."""
    data = tmp_path_factory.mktemp("coded") / "gateway.sqlite"
    with _running("coded", service, data) as simulator:
        yield simulator


@pytest.fixture
def clean_turns(sql: psycopg.Connection[Any]) -> None:
    """Takes the payments of earlier tests out of the worker's turns."""
    sql.execute("UPDATE payments SET check_due_at = NULL WHERE check_due_at IS NOT NULL")


@contextmanager
def _in_use(simulator: Simulator) -> Iterator[Simulator]:
    simulator.behave()
    with configured(PAYMENT_GATEWAY_URL=simulator.base, BILETTER_PUBLIC_URL=simulator.service):
        yield simulator


@pytest.fixture
def gateway(documented: Simulator, clean_turns: None) -> Iterator[Simulator]:  # noqa: ARG001 - it acts
    """The simulator in its documented mode, well-behaved, used by the application."""
    with _in_use(documented) as simulator:
        yield simulator


@pytest.fixture
def coded_gateway(coded: Simulator, clean_turns: None) -> Iterator[Simulator]:  # noqa: ARG001 - it acts
    """The simulator in its coded mode, well-behaved, used by the application."""
    with _in_use(coded) as simulator:
        yield simulator


@pytest.fixture(params=["documented", "coded"])
def either_gateway(
    request: pytest.FixtureRequest,
    clean_turns: None,  # noqa: ARG001 - it acts
) -> Iterator[Simulator]:
    """The simulator in each of its modes, well-behaved, used by the application."""
    with _in_use(request.getfixturevalue(request.param)) as simulator:
        yield simulator


@pytest.fixture
def puppet(app: Any, clean_turns: None) -> Iterator[Puppet]:  # noqa: ARG001 - they act
    """A gateway that the test answers for."""
    puppet = Puppet()
    with serving(puppet) as address, configured(PAYMENT_GATEWAY_URL=address):
        yield puppet
