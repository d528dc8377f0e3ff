"""A merchant in front of a gateway simulator inside this process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.simulators.gateway import webhooks
from app.simulators.gateway.knobs import CardKnobs, Knobs, Panel
from app.simulators.gateway.rules import Mode
from app.simulators.gateway.service import Gateway
from app.simulators.gateway.store import Store
from app.simulators.gateway.web import create_app
from loadtest.payment_form import GOOD_CARD, SUBMIT_PATH, fields

SLUG = "my-team"
PASSWORD = "MyPassword123"
INIT = "/api/v1/PaymentInit/init"
CHECK = "/api/v1/PaymentCheck/check"
CONFIRM = "/api/v1/PaymentConfirm/confirm"
CANCEL = "/api/v1/PaymentCancel/cancel"


def sign(*values: str | int | None) -> str:
    text = "".join(str(value) for value in values if value is not None)
    return hashlib.sha256(text.encode()).hexdigest()


def init_body(order_id: str = "order-1", amount: int = 150_000, **extra: Any) -> dict[str, Any]:
    token = sign(amount, extra.get("currency", "KZT"), order_id, PASSWORD, SLUG)
    body = {"teamSlug": SLUG, "token": token, "amount": amount, "orderId": order_id}
    return body | extra


def check_body(**ids: str) -> dict[str, Any]:
    token = sign(ids.get("paymentId") or ids["orderId"], PASSWORD, SLUG)
    return {"teamSlug": SLUG, "token": token} | ids


def money_body(payment_id: str, amount: int | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"teamSlug": SLUG, "paymentId": payment_id}
    body["token"] = sign(amount, PASSWORD, payment_id, SLUG)
    return body if amount is None else body | {"amount": amount}


def cancel_body(payment_id: str, amount: int | None = None) -> dict[str, Any]:
    body = money_body(payment_id, amount)
    if amount is None:
        body["token"] = sign(payment_id, PASSWORD, SLUG)
    return body


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2025, 8, 16, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class Shop:
    """A merchant in front of a simulator inside this process."""

    def __init__(self, client: FlaskClient, clock: Clock, panel: Panel) -> None:
        self.client = client
        self.clock = clock
        self.panel = panel
        self.pauses: list[float] = []

    def init(self, order_id: str = "order-1", **extra: Any) -> str:
        answer = self.client.post(INIT, json=init_body(order_id, **extra))
        assert answer.status_code == 200, answer.text
        return str(answer.json["paymentId"])

    def paid(self, order_id: str = "order-1", **extra: Any) -> str:
        payment_id = self.init(order_id, **extra)
        answer = self.client.post(f"/simulator/payments/{payment_id}/authorize")
        assert answer.status_code == 200
        return payment_id

    def pay(self, payment_id: str, card: str = GOOD_CARD, **extra: str) -> Any:
        return self.client.post(SUBMIT_PATH, data=fields(payment_id, card) | extra)

    def status(self, payment_id: str) -> str:
        answer = self.client.post(CHECK, json=check_body(paymentId=payment_id))
        assert answer.status_code == 200, answer.text
        return str(answer.json["payments"][0]["status"])

    def turn(self, knobs: dict[str, Any]) -> None:
        assert self.client.post("/simulator/knobs", json=knobs).status_code == 200


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    closers: list[Callable[[], None]] = []

    def build(
        mode: Mode = Mode.DOCUMENTED, url: str | None = None, secret: str | None = None
    ) -> Shop:
        panel = Panel(seed=7, knobs=Knobs(cards=CardKnobs(min_seconds=0, max_seconds=0)))
        clock = Clock()
        pauses: list[float] = []
        store = Store(tmp_path / "gateway.sqlite")
        hooks = webhooks.Webhooks(
            url=url, secret=secret, team_slug=SLUG, panel=panel, pause=pauses.append
        )
        closers.extend([hooks.close, store.close])
        gateway = Gateway(
            store=store,
            webhooks=hooks,
            panel=panel,
            team_slug=SLUG,
            password=PASSWORD,
            mode=mode,
            clock=clock,
        )
        shop = Shop(create_app(gateway).test_client(), clock, panel)
        shop.pauses = pauses
        return shop

    yield build
    for close in closers:
        close()


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


@pytest.fixture
def coded(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop(Mode.CODED)
