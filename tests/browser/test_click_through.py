"""A person pays on the gateway's form, in a real browser, against what `make run` starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3

from app.local.seed import DEMO_ACCOUNT
from tests.browser.chromium import Browser, chromium
from tests.conftest import basic
from tests.integration.gateway import APPROVED, DECLINED, free_port

BINARY = shutil.which("chromium")
ROOT = Path(__file__).parents[2]
EVENT = 2
LOADED = "document.readyState === 'complete'"

pytestmark = pytest.mark.skipif(BINARY is None, reason="no binary named chromium is installed")


class Service:
    """The running service as its demo account uses it."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._http = urllib3.PoolManager(retries=False, timeout=30)
        self._headers = {"Authorization": basic(*DEMO_ACCOUNT)}

    def get(self, path: str) -> Any:
        answer = self._http.request("GET", self.base + path, headers=self._headers)
        assert answer.status == 200, answer.data
        return answer.json()

    def send(self, method: str, path: str, **body: int) -> urllib3.BaseHTTPResponse:
        answer = self._http.request(
            method, self.base + path, json=body, headers=self._headers, redirect=False
        )
        assert answer.status < 400, answer.data
        return answer


class Order(NamedTuple):
    """A booking whose payment was initiated."""

    booking: int
    seat: int
    form: str


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    port = free_port()
    data = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-m", "app.local", "--port", str(port), "--data-dir", str(data)]
    # What other tests have put into the environment is not what a newcomer has.
    own = ("DATABASE_URL", "BILETTER_", "PAYMENT_", "PROMETHEUS_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            printed = []
            for line in process.stdout:
                printed.append(line)
                if line.startswith("Ctrl-C"):
                    break
            else:
                pytest.fail("".join(printed))
            yield Service(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    assert BINARY is not None
    with chromium(BINARY, tmp_path / "profile") as browser:
        yield browser


@pytest.fixture
def order(service: Service) -> Order:
    booking = service.send("POST", "/api/bookings", event_id=EVENT).json()["id"]
    seat = service.get(f"/api/seats?event_id={EVENT}&status=FREE")[0]["id"]
    service.send("PATCH", "/api/seats/select", booking_id=booking, seat_id=seat)
    answer = service.send("PATCH", "/api/bookings/initiatePayment", booking_id=booking)
    assert answer.status == 302
    return Order(booking, seat, answer.headers["Location"])


def pay(browser: Browser, order: Order, card: str) -> None:
    """Choose one of the cards that the form offers and pay with it."""
    browser.open(order.form)
    browser.click(f"[data-number='{card}']")
    assert "5 000,00" in browser.text.replace("\N{NO-BREAK SPACE}", " ")
    browser.click("#payment [type=submit]")


def test_a_card_that_is_approved_leads_back_to_the_shop_with_the_seats_sold(
    service: Service, browser: Browser, order: Order
) -> None:
    pay(browser, order, APPROVED)
    browser.wait_for(f"location.pathname === '/api/payments/success' && {LOADED}")
    assert browser.address.startswith(service.base)
    assert "Оплата прошла, места проданы" in browser.text
    confirmed = service.get("/api/bookings?status=CONFIRMED")
    assert {"id": order.booking, "event_id": EVENT, "seats": [{"id": order.seat}]} in confirmed
    browser.open(order.form)
    browser.wait_for("document.body?.innerText.includes('Платёж подтверждён магазином')")


def test_a_card_that_is_declined_leads_back_to_the_shop_with_the_seats_free(
    service: Service, browser: Browser, order: Order
) -> None:
    pay(browser, order, DECLINED)
    browser.wait_for(f"location.pathname === '/api/payments/fail' && {LOADED}")
    assert browser.address.startswith(service.base)
    assert "Оплата не прошла" in browser.text
    assert order.booking in [b["id"] for b in service.get("/api/bookings?status=CANCELLED")]
    assert service.get(f"/api/analytics?id={EVENT}")["reserved_seats"] == 0


def test_a_form_with_a_mistake_is_shown_again_and_can_be_corrected(
    service: Service, browser: Browser, order: Order
) -> None:
    browser.open(order.form)
    browser.click(f"[data-number='{APPROVED}']")
    browser.evaluate("document.querySelector('[name=ExpiryDate]').value = '01/20'")
    browser.click("#payment [type=submit]")
    browser.wait_for("document.querySelector('[role=alert]')?.innerText.includes('срок действия')")
    browser.click(f"[data-number='{APPROVED}']")
    browser.click("#payment [type=submit]")
    browser.wait_for(f"location.pathname === '/api/payments/success' && {LOADED}")
    assert order.booking in [b["id"] for b in service.get("/api/bookings?status=CONFIRMED")]
