"""The gateway's simulator keeps the contract of init, check, confirm and cancel."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from app.simulators.gateway import rules
from tests.integration import merchant
from tests.integration.merchant import (
    CANCEL,
    CHECK,
    CONFIRM,
    INIT,
    PASSWORD,
    SLUG,
    Shop,
    cancel_body,
    check_body,
    init_body,
    money_body,
)

# This file's, instead of the folder's fixtures of these names.
shop, coded = merchant.shop, merchant.coded


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
