"""What an operator does with the gateway's simulator: turns knobs, reads books, pays by hand."""

from typing import Any

import pytest

from tests.integration import merchant
from tests.integration.merchant import (
    CANCEL,
    CHECK,
    CONFIRM,
    INIT,
    SUBMIT_PATH,
    Shop,
    check_body,
    init_body,
    money_body,
)

# This file's, instead of the folder's fixture of this name.
shop = merchant.shop


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
        ("submit", SUBMIT_PATH, 502, "9998"),
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
