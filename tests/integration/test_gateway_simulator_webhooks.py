"""The webhooks of the gateway's simulator: what they tell, their retries, and their faults."""

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.simulators.gateway import webhooks
from app.simulators.gateway.rules import Mode
from tests.integration.merchant import CANCEL, CONFIRM, SLUG, Shop, cancel_body, money_body

SECRET = "webhook-secret"


class Receiver:
    """A merchant's webhook endpoint; answers the given statuses first, then 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.calls: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                # Noted before it is answered: what follows the answer cannot come first.
                receiver.calls.put((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def take(self) -> tuple[dict[str, str], bytes]:
        return self.calls.get(timeout=10)

    def take_status(self) -> str:
        return str(json.loads(self.take()[1])["status"])

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_a_documented_payment_is_told_in_order_and_signed(
    open_shop: Callable[..., Shop], receiver: Receiver
) -> None:
    shop = open_shop(url=receiver.url, secret=SECRET)
    payment_id = shop.init()
    shop.pay(payment_id)
    shop.client.post(CONFIRM, json=money_body(payment_id))
    calls = [receiver.take() for _ in range(4)]
    bodies = [json.loads(body) for _, body in calls]
    assert [body["status"] for body in bodies] == ["NEW", "FORM_SHOWED", "AUTHORIZED", "completed"]
    assert all(body["paymentId"] == payment_id for body in bodies)
    assert all(body["teamSlug"] == SLUG for body in bodies)
    assert not any("orderId" in str(body) for body in bodies)
    headers, body = calls[3]
    assert headers["X-Webhook-Signature"] == webhooks.sign(body, SECRET)
    assert headers["X-Webhook-Event"] == "payment_completed"
    assert len({headers["X-Webhook-Delivery"] for headers, _ in calls}) == 4


def test_a_webhook_does_not_overtake_the_one_before_it(
    open_shop: Callable[..., Shop], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = webhooks.Webhooks._post
    overtaken = threading.Event()

    def post_the_first_slowly(self: webhooks.Webhooks, delivery: Any, url: str) -> bool:
        if b'"NEW"' in delivery.body:
            overtaken.wait(0.3)
        else:
            overtaken.set()
        return post(self, delivery, url)

    monkeypatch.setattr(webhooks.Webhooks, "_post", post_the_first_slowly)
    shop = open_shop(url=receiver.url)
    shop.paid()
    statuses = [receiver.take_status() for _ in range(3)]
    assert statuses == ["NEW", "FORM_SHOWED", "AUTHORIZED"]


def test_as_coded_only_form_and_decision_are_told_and_unsigned_without_a_secret(
    open_shop: Callable[..., Shop], receiver: Receiver
) -> None:
    shop = open_shop(Mode.CODED, url=receiver.url)
    shop.pay(shop.init("a"), "4000000000000002")
    calls = [receiver.take() for _ in range(2)]
    assert "X-Webhook-Signature" not in calls[0][0]
    assert json.loads(calls[0][1])["status"] == "FORM_SHOWED"
    failed = json.loads(calls[1][1])
    assert failed["status"] == "failed"
    assert failed["data"]["failure_reason"] == "REJECTED"
    shop.client.post(CONFIRM, json=money_body(shop.paid("b")))
    assert [receiver.take_status() for _ in range(2)] == ["FORM_SHOWED", "AUTHORIZED"]
    assert receiver.calls.empty()


def test_cancelled_and_expired_are_told_as_failed(
    open_shop: Callable[..., Shop], receiver: Receiver
) -> None:
    shop = open_shop(url=receiver.url)
    cancelled, _ = shop.init("cancelled"), shop.init("expired")
    assert [receiver.take_status() for _ in range(2)] == ["NEW", "NEW"]
    shop.client.post(CANCEL, json=cancel_body(cancelled))
    assert json.loads(receiver.take()[1])["data"]["failure_reason"] == "CANCELLED"
    shop.clock.advance(minutes=30)
    shop.client.get("/simulator/ledger")
    assert json.loads(receiver.take()[1])["data"]["failure_reason"] == "EXPIRED"


def test_a_refused_webhook_is_retried_after_1_2_and_4_s_and_then_given_up(
    open_shop: Callable[..., Shop], receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 404, 503]
    shop = open_shop(url=receiver.url)
    shop.init("first")
    deliveries = [receiver.take() for _ in range(4)]
    assert len({body for _, body in deliveries}) == 1
    assert len({headers["X-Webhook-Delivery"] for headers, _ in deliveries}) == 4
    assert shop.pauses == [1, 2, 4]
    shop.init("second")
    assert receiver.take()[1] != deliveries[0][1]
    assert receiver.calls.empty()


def test_webhooks_can_be_lost_doubled_and_forged(
    open_shop: Callable[..., Shop], receiver: Receiver
) -> None:
    shop = open_shop(url=receiver.url, secret=SECRET)
    shop.turn({"webhooks": {"lost": {"times": 1}}})
    shop.init("lost")
    shop.turn({"webhooks": {"doubled": {"times": 1}, "forged": {"times": 1}}})
    payment_id = shop.init("doubled")
    first, second = receiver.take(), receiver.take()
    assert first[1] == second[1]
    assert json.loads(first[1])["paymentId"] == payment_id
    assert first[0]["X-Webhook-Signature"] != webhooks.sign(first[1], SECRET)
    assert receiver.calls.empty()


def test_webhooks_can_be_reordered_and_late(
    open_shop: Callable[..., Shop], receiver: Receiver
) -> None:
    shop = open_shop(url=receiver.url)
    payment_id = shop.init()
    assert receiver.take_status() == "NEW"
    shop.turn({"webhooks": {"reordered": {"times": 1}}})
    shop.client.post(f"/simulator/payments/{payment_id}/authorize")
    assert [receiver.take_status() for _ in range(2)] == ["AUTHORIZED", "FORM_SHOWED"]
    shop.turn({"webhooks": {"late": {"times": 1}, "late_seconds": 12.5}})
    shop.init("late")
    assert receiver.take_status() == "NEW"
    assert shop.pauses == [12.5]


def test_a_dead_merchant_does_not_disturb_the_gateway(open_shop: Callable[..., Shop]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        shop = open_shop(url=f"http://127.0.0.1:{unused.getsockname()[1]}/hook")
        assert shop.status(shop.paid()) == "AUTHORIZED"
