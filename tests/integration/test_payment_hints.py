"""How we learn that somebody has paid: the browser comes back, a webhook does, or we ask."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import WEBHOOK_SECRET, Caller
from tests.integration.gateway import APPROVED, Puppet, Simulator, configured
from tests.integration.shop import PRICE, Shop, assert_sold, hint, work, worked_until

# The gateway's ways to tell us.


def test_the_form_is_where_the_buyer_is_sent_and_nothing_is_sold_yet(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    assert attempt.location.startswith(f"{gateway.base}/api/v1/paymentform/render/")
    told = gateway.payments()[attempt.order]
    assert (told["amount"], told["currency"], told["status"]) == (2 * PRICE, "KZT", "NEW")
    assert attempt.location.endswith(told["paymentId"])
    assert shop.booking(attempt.booking) == "PAYMENT_INITIATED"
    assert shop.payments(attempt.booking) == ["OPEN"]
    assert shop.seats(shop.event)["RESERVED"] == 2
    assert shop.buyer.select(attempt.booking, shop.event.seats[5]).status_code == 419


def test_a_signed_webhook_makes_the_worker_sell_the_seats(
    either_gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    either_gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt)
    assert either_gateway.payments()[attempt.order]["captured"] == 2 * PRICE
    assert shop.buyer.bookings() == {attempt.booking: shop.event.seats[:2]}
    assert shop.topics(attempt.booking) == [
        "booking.created",
        "booking.payment_initiated",
        "payment.initiated",
        "booking.confirmed",
        "payment.succeeded",
    ]


def test_the_browser_that_comes_back_makes_us_ask_and_sell(gateway: Simulator, shop: Shop) -> None:
    gateway.turn(webhooks={"lost": {"chance": 1.0}})
    attempt = shop.initiate()
    back = urlsplit(gateway.submit(attempt.location, APPROVED))
    assert (back.path, parse_qs(back.query)) == (
        "/api/payments/success",
        {"orderId": [str(attempt.order)]},
    )
    assert hint(shop.anybody, "success", attempt.order) == "Оплата прошла, места проданы"
    assert_sold(shop, shop.event, attempt)
    assert hint(shop.anybody, "success", attempt.order) == "Оплата прошла, места проданы"
    assert hint(shop.anybody, "fail", attempt.order) == "Оплата прошла, места проданы"
    assert_sold(shop, shop.event, attempt)


def test_a_browser_gets_a_page_and_not_json(gateway: Simulator, shop: Shop) -> None:
    attempt = shop.initiate()
    gateway.authorize(attempt.order)
    page = shop.anybody(
        "GET",
        "/api/payments/success",
        query_string={"orderId": attempt.order},
        headers={"Accept": "text/html,*/*"},
    )
    assert page.status_code == 200
    assert page.content_type.startswith("text/html")
    assert "Оплата прошла, места проданы" in page.text


def test_polling_alone_sells_when_no_webhook_and_no_browser_comes(
    either_gateway: Simulator, shop: Shop
) -> None:
    either_gateway.turn(webhooks={"lost": {"chance": 1.0}})
    with configured(PAYMENT_POLL_SECONDS="0.05"):
        attempt = shop.initiate()
        either_gateway.authorize(attempt.order)
        worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt)
    assert work() == 0


def test_an_open_payment_is_asked_about_as_often_in_its_last_minute_as_in_its_first(
    puppet: Puppet, shop: Shop
) -> None:
    attempt = shop.initiate()
    shop.sql.execute(
        """UPDATE payments SET created_at = now() - interval '14 minutes', check_due_at = now()
           WHERE order_id = %s""",
        [attempt.order],
    )
    assert work() == 1
    pause = "SELECT check_due_at - now() <= interval '15 seconds' FROM payments WHERE order_id = %s"
    assert shop.sql.execute(pause, [attempt.order]).fetchone() == (True,)
    assert [call for call, _ in puppet.asked] == ["init", "check"]


# Hints are no proof.


@pytest.mark.parametrize("which", ["success", "fail"])
def test_a_hint_without_a_payment_changes_nothing(
    gateway: Simulator,  # noqa: ARG001 - it answers
    shop: Shop,
    which: str,
) -> None:
    attempt = shop.initiate()
    assert hint(shop.anybody, which, attempt.order).startswith("Платёж ещё не подтверждён")
    assert shop.booking(attempt.booking) == "PAYMENT_INITIATED"
    assert shop.payments(attempt.booking) == ["OPEN"]
    assert shop.seats(shop.event) == {"RESERVED": 2, "FREE": 18}


def test_a_fail_hint_after_real_payment_still_ends_confirmed(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    gateway.authorize(attempt.order)
    hint(shop.anybody, "fail", attempt.order)
    assert_sold(shop, shop.event, attempt)


@pytest.mark.parametrize("which", ["success", "fail"])
def test_an_unknown_order_is_404_and_a_malformed_one_400(shop: Shop, which: str) -> None:
    path = f"/api/payments/{which}"
    for unknown in ("1", "-5", str(2**63 - 1)):
        assert shop.anybody.get(path, orderId=unknown).status_code == 404
    for malformed in ("", "x", "1.5", "1e3", str(2**63), "1\0", "9" * 500):
        assert shop.anybody.get(path, orderId=malformed).status_code == 400
    assert shop.anybody.get(path).status_code == 400
    assert shop.anybody("GET", f"{path}?orderId=%ff").status_code == 400


# The webhook.


def notify(caller: Caller, body: bytes, signature: str | None = "right") -> Any:
    """Send a webhook; its signature is made here, past the application's code."""
    headers = {"Content-Type": "application/json"}
    if signature == "right":
        digest = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers["X-Webhook-Signature"] = f"sha256={digest}"
    elif signature is not None:
        headers["X-Webhook-Signature"] = signature
    return caller("POST", "/api/payments/notifications", data=body, headers=headers)


def test_an_unsigned_webhook_is_400_and_a_wrong_signature_401(shop: Shop) -> None:
    body = b'{"paymentId": "17554321987654", "status": "AUTHORIZED"}'
    assert notify(shop.anybody, body, None).status_code == 400
    for wrong in ("sha256=", "sha256=" + "0" * 64, "ключ".encode().decode("latin-1"), "x" * 5000):
        answer = notify(shop.anybody, body, wrong)
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert notify(shop.anybody, body).status_code == 200


def test_without_a_secret_an_unsigned_webhook_is_a_hint(puppet: Puppet, shop: Shop) -> None:
    with configured(PAYMENT_WEBHOOK_SECRET=""):
        attempt = shop.initiate()
        puppet.change(status="AUTHORIZED")
        (payment_id,) = puppet.payments
        body = json.dumps({"paymentId": payment_id, "status": "nonsense"}).encode()
        assert notify(shop.anybody, body, None).status_code == 200
        assert work() == 1
    assert_sold(shop, shop.event, attempt)


def test_a_webhook_about_an_unknown_payment_is_200(shop: Shop) -> None:
    for payment_id in ("nobody-knows-me", "", "\u0000", "😀"):
        body = json.dumps({"paymentId": payment_id, "status": "AUTHORIZED", "data": {}}).encode()
        assert notify(shop.anybody, body).status_code == 200


@pytest.mark.parametrize(
    "data", ["null", "1", '"x"', "[]", "{}", '{"a": [1, {"b": null}]}', "1e999", '"\\u0000"']
)
def test_the_data_of_a_webhook_may_be_any_json(shop: Shop, data: str) -> None:
    body = f'{{"paymentId": "p", "status": "AUTHORIZED", "more": 1, "data": {data}}}'.encode()
    assert notify(shop.anybody, body).status_code in ({200, 400} if data == "1e999" else {200})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"paymentId": 5}',
        b'{"paymentId": "\xed\xa0\x80"}',
        b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        json.dumps({"paymentId": "9" * 1000}).encode(),
    ],
)
def test_a_webhook_that_is_no_notification_is_400(shop: Shop, body: bytes) -> None:
    assert notify(shop.anybody, body).status_code == 400


def test_half_a_surrogate_pair_is_no_error_of_ours(shop: Shop) -> None:
    assert notify(shop.anybody, b'{"paymentId": "\\ud800"}').status_code in {200, 400}


def test_webhooks_doubled_late_and_out_of_order_sell_once(gateway: Simulator, shop: Shop) -> None:
    gateway.turn(webhooks={"doubled": {"chance": 1.0}, "reordered": {"chance": 1.0}})
    attempt = shop.initiate()
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    worked_until(lambda: gateway.payments()[attempt.order]["status"] == "CONFIRMED")
    assert_sold(shop, shop.event, attempt)
