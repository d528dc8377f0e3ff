"""The payment gateway's simulator keeps the gateway's contract, and misbehaves when told to."""

import hashlib
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask.testing import FlaskClient

from app.simulators.gateway import rules, webhooks
from app.simulators.gateway.knobs import CardKnobs, Knobs, Panel
from app.simulators.gateway.rules import Mode
from app.simulators.gateway.service import Gateway
from app.simulators.gateway.store import Store
from app.simulators.gateway.web import create_app, format_money

SLUG = "my-team"
PASSWORD = "MyPassword123"
SECRET = "webhook-secret"
ROOT = Path(__file__).resolve().parents[2]
INIT = "/api/v1/PaymentInit/init"
CHECK = "/api/v1/PaymentCheck/check"
CONFIRM = "/api/v1/PaymentConfirm/confirm"
CANCEL = "/api/v1/PaymentCancel/cancel"
SUBMIT = "/api/v1/paymentform/submit"


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

    def pay(self, payment_id: str, card: str = "4111111111111111", **extra: str) -> Any:
        fields = {
            "PaymentId": payment_id,
            "CardNumber": card,
            "ExpiryDate": "12/30",
            "Cvv": "123",
            "CardholderName": "AIGERIM SAPAROVA",
            "Email": "buyer@example.com",
            "TermsAgreement": "true",
        }
        return self.client.post(SUBMIT, data=fields | extra)

    def status(self, payment_id: str) -> str:
        answer = self.client.post(CHECK, json=check_body(paymentId=payment_id))
        assert answer.status_code == 200, answer.text
        return str(answer.json["payments"][0]["status"])

    def turn(self, knobs: dict[str, Any]) -> None:
        assert self.client.post("/simulator/knobs", json=knobs).status_code == 200


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


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            (150000, "KZT", "order-123", PASSWORD, SLUG),
            "053a7e3f397220eb68467e158fcdaec17242fd2b1bdd23521e98d8b00f179f7b",
        ),
        (
            ("17554321987654", PASSWORD, SLUG),
            "a484ae8419d25defe91cabdc9bc5a66226e101bc6476b2f9226749e2dd3399d2",
        ),
        (
            (150000, PASSWORD, "17554321987654", SLUG),
            "3cd6fdf2cd6329a6cbec60524e9181108c72f904db26d2a58e4fed163d054a53",
        ),
    ],
    ids=["init", "check", "confirm"],
)
def test_tokens_match_the_vectors_of_the_contract(
    values: tuple[str | int, ...], expected: str
) -> None:
    assert rules.token(*values) == expected


def test_luhn_finds_a_mistyped_digit() -> None:
    assert rules.is_luhn_valid("5555555555554444")
    assert not rules.is_luhn_valid("5555555555554445")
    assert not rules.is_luhn_valid("٤١١١١١١١١١١١١١١١")


def test_money_is_shown_in_tenge() -> None:
    assert format_money(123_456_705) == "1\u00a0234\u00a0567,05\u00a0₸"


def test_nine_of_ten_unknown_cards_are_approved_and_a_seed_repeats_them() -> None:
    first, second = Panel(seed=3), Panel(seed=3)
    answers = [first.approves("5555555555554444") for _ in range(1000)]
    assert 870 < sum(answers) < 930
    assert answers == [second.approves("5555555555554444") for _ in range(1000)]


def test_init_answers_a_new_payment_with_the_address_of_its_form(shop: Shop) -> None:
    body = init_body(successURL="https://shop.kz/ok?orderId=order-1", failURL="https://shop.kz/no")
    answer = shop.client.post(INIT, json=body).json
    assert answer["success"] is True
    assert answer["errorCode"] == "0"
    assert answer["status"] == "NEW"
    assert answer["amount"] == 150_000
    assert answer["currency"] == "KZT"
    assert answer["successURL"] == "https://shop.kz/ok?orderId=order-1"
    path = f"/api/v1/paymentform/render/{answer['paymentId']}"
    assert answer["paymentURL"] == f"http://localhost{path}"
    assert answer["paymentId"].isdigit()
    assert len(answer["paymentId"]) == 14


def test_an_order_id_is_used_once_and_its_repeat_has_no_form(shop: Shop) -> None:
    payment_id = shop.init()
    answer = shop.client.post(INIT, json=init_body())
    assert answer.status_code == 409
    assert answer.json["errorCode"] == "1002"
    assert "paymentURL" not in answer.json
    found = shop.client.post(CHECK, json=check_body(orderId="order-1")).json
    assert found["payments"][0]["paymentId"] == payment_id


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"amount": 999}, "Amount"),
        ({"amount": "150000"}, "Amount"),
        ({"orderId": "заказ"}, "OrderId"),
        ({"orderId": "x" * 37}, "OrderId"),
        ({"orderId": "x\n"}, "OrderId"),
        ({"teamSlug": None}, "TeamSlug"),
        ({"description": "x" * 141}, "Description"),
        ({"language": "kk"}, "Language"),
        ({"successURL": "javascript:alert(1)"}, "SuccessURL"),
        ({"paymentExpiry": 0}, "PaymentExpiry"),
        ({"paymentExpiry": 43_201}, "PaymentExpiry"),
        ({"currency": "тенге"}, "Currency"),
    ],
)
def test_bad_fields_are_a_problem_document_before_the_token_is_looked_at(
    shop: Shop, change: dict[str, Any], named: str
) -> None:
    answer = shop.client.post(INIT, json=init_body() | {"token": "wrong"} | change)
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert answer.json["title"] == "One or more validation errors occurred."
    assert list(answer.json["errors"]) == [named]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"\xff"'])
def test_a_body_that_is_no_json_object_is_a_problem_document(shop: Shop, body: bytes) -> None:
    answer = shop.client.post(INIT, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["status"] == 400


def test_a_missing_field_is_named(shop: Shop) -> None:
    answer = shop.client.post(INIT, json={"teamSlug": SLUG, "amount": 1000})
    assert list(answer.json["errors"]) == ["OrderId"]


def test_a_bad_or_missing_token_is_401(shop: Shop) -> None:
    bad = shop.client.post(INIT, json=init_body() | {"token": "0" * 64})
    assert (bad.status_code, bad.json["errorCode"]) == (401, "TOKEN_INVALID")
    missing = shop.client.post(INIT, json=init_body() | {"token": None})
    assert (missing.status_code, missing.json["errorCode"]) == (401, "TOKEN_MISSING")
    stranger = shop.client.post(INIT, json=init_body() | {"teamSlug": "other"})
    assert stranger.status_code == 401


def test_an_unknown_currency_is_refused_with_1006(shop: Shop) -> None:
    for_tests = "XTS"  # So says ISO 4217.
    answer = shop.client.post(INIT, json=init_body(currency=for_tests))
    assert (answer.status_code, answer.json["errorCode"]) == (400, "1006")


def test_the_form_shows_the_amount_and_the_test_cards(shop: Shop) -> None:
    payment_id = shop.init(description="Концерт <b>")
    page = shop.client.get(f"/api/v1/paymentform/render/{payment_id}")
    assert page.status_code == 200
    assert "1\u00a0500,00\u00a0₸" in page.text
    assert "Концерт &lt;b&gt;" in page.text
    assert all(f'data-number="{card}"' in page.text for card in rules.TEST_CARDS)
    assert "http" not in page.text.replace("http-equiv", "")


def test_an_approved_card_authorizes_and_leads_back_to_the_shop(shop: Shop) -> None:
    payment_id = shop.init(successURL="https://shop.kz/ok?orderId=1", failURL="https://shop.kz/no")
    answer = shop.pay(payment_id, "4111 1111 1111 1111")
    assert answer.status_code == 302
    assert answer.location == "https://shop.kz/ok?orderId=1"
    assert shop.status(payment_id) == "AUTHORIZED"


@pytest.mark.parametrize("card", ["4000000000000002", "4000000000000119"])
def test_a_refused_card_rejects_and_leads_to_the_fail_url(shop: Shop, card: str) -> None:
    payment_id = shop.init(successURL="https://shop.kz/ok", failURL="https://shop.kz/no")
    assert shop.pay(payment_id, card).location == "https://shop.kz/no"
    assert shop.status(payment_id) == "REJECTED"


def test_as_coded_the_buyer_ends_on_the_gateways_own_result_page(coded: Shop) -> None:
    payment_id = coded.init(successURL="https://shop.kz/ok?orderId=1")
    answer = coded.pay(payment_id)
    assert answer.location == f"/api/v1/paymentform/result/{payment_id}"
    page = coded.client.get(answer.location).text
    assert "Оплата прошла" in page
    assert 'href="https://shop.kz/ok?orderId=1">Вернуться в магазин' in page


def test_a_payment_has_one_attempt(shop: Shop) -> None:
    payment_id = shop.init()
    shop.pay(payment_id, "4000000000000002")
    again = shop.pay(payment_id)
    assert again.location == f"/api/v1/paymentform/result/{payment_id}"
    assert shop.status(payment_id) == "REJECTED"
    form = shop.client.get(f"/api/v1/paymentform/render/{payment_id}")
    assert form.location == f"/api/v1/paymentform/result/{payment_id}"


def test_a_second_submit_while_the_bank_thinks_is_no_second_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = shop.init()
    locations: list[str] = []

    def submit_again(_: float) -> None:
        assert shop.status(payment_id) == "FORM_SHOWED"
        locations.append(shop.pay(payment_id, "4000000000000002").location)

    monkeypatch.setattr("app.simulators.gateway.pages.time.sleep", submit_again)
    shop.pay(payment_id)
    assert locations == [f"/api/v1/paymentform/result/{payment_id}"]
    assert shop.status(payment_id) == "AUTHORIZED"


@pytest.mark.parametrize(
    "bad",
    [
        {"CardNumber": "4111111111111112"},
        {"ExpiryDate": "07/25"},
        {"ExpiryDate": "13/30"},
        {"Cvv": "12"},
        {"CardholderName": " "},
        {"Email": "buyer"},
        {"TermsAgreement": ""},
    ],
)
def test_a_mistyped_form_is_shown_again_and_the_attempt_is_kept(
    shop: Shop, bad: dict[str, str]
) -> None:
    payment_id = shop.init()
    answer = shop.pay(payment_id, **bad)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert shop.status(payment_id) == "NEW"


def test_the_form_of_an_unknown_payment_is_404(shop: Shop) -> None:
    assert shop.client.get("/api/v1/paymentform/render/1").status_code == 404
    assert shop.pay("1").status_code == 404


def test_check_puts_the_status_inside_payments(shop: Shop) -> None:
    payment_id = shop.init()
    body = check_body(paymentId=payment_id) | {"orderId": "order-1"}
    answer = shop.client.post(CHECK, json=body).json
    assert "status" not in answer
    assert answer["totalCount"] == 1
    assert answer["orderId"] == "order-1"
    (payment,) = answer["payments"]
    assert payment["status"] == "NEW"
    assert (payment["amount"], payment["currency"]) == (150_000, "KZT")


def test_check_of_an_unknown_payment_is_1404_and_of_nothing_a_problem(shop: Shop) -> None:
    unknown = shop.client.post(CHECK, json=check_body(orderId="nobody"))
    assert (unknown.status_code, unknown.json["errorCode"]) == (404, "1404")
    nothing = shop.client.post(CHECK, json={"teamSlug": SLUG, "token": "x"})
    assert nothing.mimetype == "application/problem+json"
    bad = shop.client.post(CHECK, json=check_body(orderId="nobody") | {"token": "x"})
    assert bad.status_code == 401


def test_as_coded_check_answers_are_30_s_old_and_final_ones_5_min(coded: Shop) -> None:
    payment_id = coded.init()
    assert coded.status(payment_id) == "NEW"
    coded.client.post(f"/simulator/payments/{payment_id}/reject")
    coded.clock.advance(seconds=29)
    assert coded.status(payment_id) == "NEW"
    by_order = coded.client.post(CHECK, json=check_body(orderId="order-1")).json
    assert by_order["payments"][0]["status"] == "REJECTED"
    coded.clock.advance(seconds=1)
    assert coded.status(payment_id) == "REJECTED"
    (_, until), *_ = [
        (key, value[0])
        for key, value in coded.client.application.extensions["gateway"]._answers.items()
        if key[0] == payment_id
    ]
    assert until == coded.clock.now + timedelta(minutes=5)


def test_confirm_captures_once_and_a_repeat_is_2409(shop: Shop) -> None:
    payment_id = shop.paid()
    answer = shop.client.post(CONFIRM, json=money_body(payment_id, 150_000))
    assert answer.json["status"] == "CONFIRMED"
    assert answer.json["confirmedAmount"] == 150_000
    assert shop.status(payment_id) == "CONFIRMED"
    again = shop.client.post(CONFIRM, json=money_body(payment_id))
    assert (again.status_code, again.json["errorCode"]) == (409, "2409")


def test_as_coded_confirm_is_a_repeatable_no_op_without_a_look_at_the_token(coded: Shop) -> None:
    payment_id = coded.paid()
    for _ in range(2):
        answer = coded.client.post(CONFIRM, json=money_body(payment_id) | {"token": "x"})
        assert answer.json["success"] is True
        assert answer.json["status"] == "AUTHORIZED"
    assert coded.status(payment_id) == "AUTHORIZED"


def test_confirm_refuses_what_the_contract_refuses(shop: Shop) -> None:
    def confirm(payment_id: str, amount: int | None = None) -> tuple[int, str]:
        answer = shop.client.post(CONFIRM, json=money_body(payment_id, amount))
        return answer.status_code, answer.json["errorCode"]

    assert confirm("17554321987654") == (404, "2404")
    assert confirm(shop.init("new")) == (409, "2409")
    payment_id = shop.paid()
    assert confirm(payment_id, 149_999) == (400, "2100")
    unsigned = shop.client.post(CONFIRM, json=money_body(payment_id) | {"token": "x"})
    assert unsigned.status_code == 401
    dear = shop.paid("dear", amount=50_000_001)
    assert confirm(dear, 50_000_001) == (400, "2100")
    assert confirm(dear) == (200, "0")
    shop.clock.advance(minutes=15)
    assert confirm(payment_id) == (200, "0")
    late = shop.paid("late", paymentExpiry=60)
    shop.clock.advance(minutes=15, seconds=1)
    assert confirm(late) == (400, "2100")


def test_cancel_releases_or_refunds_by_state(shop: Shop) -> None:
    def cancel(payment_id: str) -> tuple[str, str]:
        answer = shop.client.post(CANCEL, json=cancel_body(payment_id)).json
        return answer["status"], answer["cancellationType"]

    assert cancel(shop.init("new")) == ("CANCELLED", "FULL_CANCELLATION")
    assert cancel(shop.paid("paid")) == ("CANCELLED", "FULL_REVERSAL")
    confirmed = shop.paid("confirmed")
    shop.client.post(CONFIRM, json=money_body(confirmed))
    assert cancel(confirmed) == ("REFUNDED", "FULL_REFUND")
    again = shop.client.post(CANCEL, json=cancel_body(confirmed))
    assert (again.status_code, again.json["errorCode"]) == (409, "3409")
    unknown = shop.client.post(CANCEL, json=cancel_body("1"))
    assert (unknown.status_code, unknown.json["errorCode"]) == (404, "3404")


def test_a_refund_can_be_made_in_parts_but_never_exceeds_what_was_captured(shop: Shop) -> None:
    payment_id = shop.paid()
    partly = shop.client.post(CANCEL, json=cancel_body(payment_id, 50_000))
    assert (partly.status_code, partly.json["errorCode"]) == (422, "3422")
    shop.client.post(CONFIRM, json=money_body(payment_id))
    part = shop.client.post(CANCEL, json=cancel_body(payment_id, 50_000)).json
    assert (part["status"], part["cancellationType"]) == ("CONFIRMED", "PARTIAL_REFUND")
    assert part["remainingAmount"] == 100_000
    too_much = shop.client.post(CANCEL, json=cancel_body(payment_id, 100_001))
    assert (too_much.status_code, too_much.json["errorCode"]) == (400, "3100")
    rest = shop.client.post(CANCEL, json=cancel_body(payment_id)).json
    assert (rest["status"], rest["cancelledAmount"]) == ("REFUNDED", 100_000)
    ledger = shop.client.get("/simulator/ledger").json
    assert ledger["totals"] == {"authorized": 150_000, "captured": 150_000, "refunded": 150_000}


def test_as_coded_cancel_is_always_3001(coded: Shop) -> None:
    payment_id = coded.paid()
    answer = coded.client.post(CANCEL, json=cancel_body(payment_id))
    assert (answer.status_code, answer.json["errorCode"]) == (401, "3001")
    assert coded.status(payment_id) == "AUTHORIZED"


def test_an_unpaid_payment_expires_and_a_paid_one_does_not(shop: Shop) -> None:
    unpaid, paid = shop.init("unpaid", paymentExpiry=5), shop.paid("paid", paymentExpiry=5)
    shop.clock.advance(minutes=4, seconds=59)
    assert shop.status(unpaid) == "NEW"
    shop.clock.advance(seconds=1)
    assert shop.status(unpaid) == "EXPIRED"
    assert shop.status(paid) == "AUTHORIZED"
    assert shop.pay(unpaid).location == f"/api/v1/paymentform/result/{unpaid}"
    assert shop.status(unpaid) == "EXPIRED"


def test_as_coded_nothing_expires(coded: Shop) -> None:
    payment_id = coded.init(paymentExpiry=1)
    coded.clock.advance(hours=1)
    coded.pay(payment_id)
    assert coded.status(payment_id) == "AUTHORIZED"


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


def test_a_dropped_answer_comes_after_the_deed(shop: Shop) -> None:
    shop.turn({"init": {"drop": {"times": 1}}})
    assert shop.client.post(INIT, json=init_body()).status_code == 502
    assert shop.client.post(INIT, json=init_body()).json["errorCode"] == "1002"
    found = shop.client.post(CHECK, json=check_body(orderId="order-1"))
    assert found.json["payments"][0]["status"] == "NEW"


def test_a_failing_call_does_nothing(shop: Shop) -> None:
    shop.turn({"init": {"fail": {"times": 1}, "limit": {"times": 1}, "retry_after": 7}})
    limited = shop.client.post(INIT, json=init_body())
    assert (limited.status_code, limited.json["errorCode"]) == (429, "1429")
    assert limited.headers["Retry-After"] == "7"
    failed = shop.client.post(INIT, json=init_body())
    assert (failed.status_code, failed.json["errorCode"]) == (500, "9999")
    assert shop.client.post(INIT, json=init_body()).status_code == 200


@pytest.mark.parametrize(
    ("call", "path", "status", "code"),
    [
        ("init", INIT, 402, "1007"),
        ("init", INIT, 422, "1422"),
        ("check", CHECK, 408, "1408"),
        ("confirm", CONFIRM, 408, "2408"),
        ("cancel", CANCEL, 503, "9998"),
        ("submit", SUBMIT, 502, "9998"),
    ],
)
def test_a_call_can_fail_with_each_status(
    shop: Shop, call: str, path: str, status: int, code: str
) -> None:
    shop.turn({call: {"fail": {"chance": 1}, "fail_status": status}})
    for _ in range(2):
        answer = shop.client.post(path)
        assert (answer.status_code, answer.json["errorCode"]) == (status, code)


def test_a_chance_strikes_about_as_often_as_it_says(shop: Shop) -> None:
    shop.turn({"render": {"fail": {"chance": 0.3}}})
    path = f"/api/v1/paymentform/render/{shop.init()}"
    failures = sum(shop.client.get(path).status_code == 500 for _ in range(200))
    assert 35 < failures < 85


def test_a_card_the_bank_would_take_can_be_declined(shop: Shop) -> None:
    shop.turn({"cards": {"decline": {"times": 1}}})
    payment_id = shop.init()
    shop.pay(payment_id)
    assert shop.status(payment_id) == "REJECTED"


def test_latency_is_slept_before_and_after_the_deed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr("app.simulators.gateway.calls.time.sleep", naps.append)
    shop.turn({"check": {"latency_ms": 250, "answer_latency_ms": 1500}})
    shop.status(shop.init())
    assert naps == [0.25, 1.5]


def test_a_gateway_that_is_down_answers_503_until_it_is_turned_on(shop: Shop) -> None:
    payment_id = shop.init()
    shop.turn({"down": True})
    assert shop.client.post(INIT, json=init_body("b")).status_code == 503
    assert shop.client.get(f"/api/v1/paymentform/render/{payment_id}").status_code == 503
    assert shop.client.get("/nothing").status_code == 503
    assert shop.client.get("/simulator/health").status_code == 200
    assert shop.client.delete("/simulator/knobs").json["down"] is False
    assert shop.status(payment_id) == "NEW"


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"init": {"unknown": 1}},
        {"init": {"drop": {"chance": 1.1}}},
        {"init": {"drop": {"times": -1}}},
        {"init": {"fail_status": 200}},
        {"init": 5},
        {"down": "yes"},
        [],
    ],
)
def test_an_unknown_or_wrong_knob_is_400_and_turns_nothing(shop: Shop, change: Any) -> None:
    before = shop.client.get("/simulator/knobs").json
    answer = shop.client.post("/simulator/knobs", json=change)
    assert answer.status_code == 400
    assert answer.json["error"]
    assert shop.client.get("/simulator/knobs").json == before


def test_knobs_keep_what_is_not_named_and_reset_to_the_start(shop: Shop) -> None:
    shop.turn({"init": {"latency_ms": 5}})
    shop.turn({"init": {"drop": {"times": 2}}})
    knobs = shop.client.get("/simulator/knobs").json
    assert knobs["init"]["latency_ms"] == 5
    assert knobs["init"]["drop"] == {"times": 2, "chance": 0.0}
    reset = shop.client.delete("/simulator/knobs").json
    assert reset["init"]["latency_ms"] == 0
    assert reset["cards"]["max_seconds"] == 0


def test_the_operators_page_shows_payments_and_turns_every_knob(shop: Shop) -> None:
    payment_id = shop.paid()
    page = shop.client.get("/simulator").text
    assert payment_id in page
    assert "AUTHORIZED" in page
    assert 'name="webhooks.lost.chance"' in page
    answer = shop.client.post("/simulator", data={"down": "true", "init.drop.times": "3"})
    assert answer.status_code == 303
    knobs = shop.client.get("/simulator/knobs").json
    assert knobs["down"] is True
    assert knobs["init"]["drop"]["times"] == 3
    wrong = shop.client.post("/simulator", data={"init.drop.chance": "2"})
    assert wrong.status_code == 400
    assert 'role="alert"' in wrong.text


def test_the_ledger_accounts_for_every_payment(shop: Shop) -> None:
    shop.client.post(CONFIRM, json=money_body(shop.paid("sold")))
    shop.init("open", amount=2000)
    ledger = shop.client.get("/simulator/ledger").json
    lines = {line["orderId"]: line for line in ledger["payments"]}
    assert lines["sold"]["captured"] == 150_000
    assert lines["sold"]["refunded"] == 0
    assert lines["open"]["authorized"] == 0
    assert ledger["totals"] == {"authorized": 150_000, "captured": 150_000, "refunded": 0}


def test_a_test_can_pay_or_be_refused_without_a_form(shop: Shop) -> None:
    payment_id = shop.init()
    answer = shop.client.post(f"/simulator/payments/{payment_id}/reject")
    assert answer.json == {"paymentId": payment_id, "status": "REJECTED"}
    again = shop.client.post(f"/simulator/payments/{payment_id}/authorize")
    assert again.status_code == 409
    assert shop.client.post("/simulator/payments/1/authorize").status_code == 404


def test_one_order_of_many_at_once_is_registered(shop: Shop) -> None:
    statuses: list[int] = []

    def register() -> None:
        client = shop.client.application.test_client()
        statuses.append(client.post(INIT, json=init_body()).status_code)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 7


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(port: int, data: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the real program; it is ready when it says where it is."""
    command = [sys.executable, "-m", "app.simulators.gateway", f"--port={port}", f"--data={data}"]
    command += [f"--team-slug={SLUG}", f"--password={PASSWORD}", "--delay=0"]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_a_killed_gateway_forgets_nothing_and_ends_cleanly_when_asked(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "deep" / "gateway.sqlite"
    base = f"http://127.0.0.1:{port}"
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        with program(port, data) as process:
            knobs = {"init": {"drop": {"times": 1}}}
            assert http.request("POST", f"{base}/simulator/knobs", json=knobs).status == 200
            with pytest.raises(urllib3.exceptions.ProtocolError):
                http.request("POST", base + INIT, json=init_body())
            process.send_signal(signal.SIGKILL)
            assert process.wait(timeout=10) == -signal.SIGKILL
            assert process.stderr is not None
            assert process.stderr.read() == ""
        http.clear()
        with program(port, data) as process:
            found = http.request("POST", base + CHECK, json=check_body(orderId="order-1")).json()
            payment_id = found["payments"][0]["paymentId"]
            again = http.request("POST", base + INIT, json=init_body())
            assert again.status == 409
            paid = http.request("POST", f"{base}/simulator/payments/{payment_id}/authorize")
            assert paid.json()["status"] == "AUTHORIZED"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with program(port, tmp_path / "gateway.sqlite") as process:
            assert process.wait(timeout=10) == 1
            assert process.stderr is not None
            message = process.stderr.read()
    assert message == (
        f"The payment gateway cannot start: port {port} is taken by another program.\n"
    )
