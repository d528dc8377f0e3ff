"""The way from a booking to money and back, against the gateway simulator and against a puppet."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gevent
import psycopg
import pytest
from gevent.event import Event as Signal
from psycopg.types.json import Jsonb

from tests.conftest import WEBHOOK_SECRET, Caller, Event
from tests.integration.gateway import (
    APPROVED,
    DECLINED,
    Puppet,
    Simulator,
    configured,
    free_port,
    until,
)
from tests.integration.shop import PRICE, Attempt, Records, Shop, for_nothing, work, worked_until


def hint(caller: Caller, which: str, order: int) -> str:
    """Knock as a browser does that comes back from the gateway; returns the sentence."""
    answer = caller.get(f"/api/payments/{which}", orderId=order)
    assert answer.status_code == 200, answer.text
    return answer.json["message"]


def settle(order: int) -> str:
    from app.checkout import service

    return service.settle(order)


def assert_sold(records: Records, event: Event, attempt: Attempt, seats: int = 2) -> None:
    assert records.booking(attempt.booking) == "CONFIRMED"
    assert records.seats(event)["SOLD"] == seats
    assert records.payment(attempt.order) == "COMPLETED"
    assert records.ledger(attempt.order) == [("CHARGE", True, PRICE)] * seats
    assert records.unsound(event) == []


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


# Failure.


def test_a_declined_card_frees_all_seats_and_cancels_the_booking(
    either_gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate(seats=3)
    either_gateway.submit(attempt.location, DECLINED)
    assert hint(shop.anybody, "fail", attempt.order) == "Оплата не прошла, деньги не списаны"
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}
    assert shop.payments(attempt.booking) == ["FAILED"]
    assert shop.ledger(attempt.order) == []
    assert shop.buyer.bookings() == {}
    assert shop.buyer.pay(attempt.booking).status_code == 409
    assert shop.buyer.select(shop.buyer.book(shop.event.id), shop.event.seats[0]).status_code == 200


def test_a_declined_card_leaves_the_booking_payable_where_the_event_wants_it(
    gateway: Simulator, shop: Shop
) -> None:
    event = shop.new_event(retry_failed_payment=True)
    attempt = shop.initiate(event=event)
    gateway.reject(attempt.order)
    worked_until(lambda: shop.payments(attempt.booking) == ["FAILED"])
    assert shop.booking(attempt.booking) == "CREATED"
    assert shop.seats(event)["RESERVED"] == 2
    again = shop.buyer.pay(attempt.booking)
    assert again.status_code == 302
    assert again.headers["Location"] != attempt.location
    first, second = shop.orders(attempt.booking)
    assert first != second
    gateway.authorize(second)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, event, attempt._replace(order=second))
    assert shop.payments(attempt.booking) == ["FAILED", "COMPLETED"]


@pytest.mark.parametrize("retry", [False, True])
@pytest.mark.parametrize(
    ("seen", "owed"),
    [
        ({"amount": 2 * PRICE - 1}, 2 * PRICE - 1),
        ({"amount": 3 * PRICE}, 3 * PRICE),
        ({"amount": 2 * PRICE + 0.5}, 2 * PRICE + 1),
        ({"currency": "USD"}, 2 * PRICE),
    ],
)
def test_another_amount_or_currency_sells_nothing_and_what_came_is_owed(
    puppet: Puppet, shop: Shop, seen: dict[str, Any], owed: int, retry: bool
) -> None:
    event = shop.new_event(retry_failed_payment=retry)
    attempt = shop.initiate(event=event)
    puppet.change(status="AUTHORIZED", **seen)
    hint(shop.anybody, "success", attempt.order)
    assert shop.payments(attempt.booking) == ["REFUND_DUE"]
    assert shop.ledger(attempt.order) == for_nothing(owed)
    assert puppet.bodies("confirm") == []
    # As after any payment that failed: no seat stays with a booking that cannot be paid.
    assert shop.booking(attempt.booking) == ("CREATED" if retry else "CANCELLED")
    assert shop.seats(event) == ({"RESERVED": 2, "FREE": 18} if retry else {"FREE": 20})


def test_an_amount_written_with_decimals_is_the_same_amount(puppet: Puppet, shop: Shop) -> None:
    attempt = shop.initiate()
    puppet.change(status="AUTHORIZED", amount=f"{2 * PRICE}.00")
    hint(shop.anybody, "success", attempt.order)
    assert_sold(shop, shop.event, attempt)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}),
        (200, []),
        (200, b"<html>"),
        (200, {"payments": []}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED"}]}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED", "amount": "much",
                             "currency": "KZT"}]}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED", "amount": -1,
                             "currency": "KZT"}]}),
        (200, {"payments": [{"paymentId": "x", "status": "AUTHORIZED", "amount": 10**30,
                             "currency": "KZT"}]}),
        (200, {"status": "AUTHORIZED", "payments": None}),
        (302, b""),
        (401, {"errorCode": "1001"}),
        (404, b"<html>"),
        (404, {"errorCode": "1404"}),
        (429, {}),
        (500, {}),
        (503, b"busy"),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_decides_nothing(
    puppet: Puppet, shop: Shop, answer: tuple[int, Any]
) -> None:
    attempt = shop.initiate()
    puppet.answers["check"] = answer
    hint(shop.anybody, "success", attempt.order)
    shop.check_now(attempt.order)
    assert work() == 1
    assert shop.payments(attempt.booking) == ["OPEN"]
    assert shop.seats(shop.event)["RESERVED"] == 2
    del puppet.answers["check"]
    puppet.change(status="AUTHORIZED")
    hint(shop.anybody, "success", attempt.order)
    assert_sold(shop, shop.event, attempt)


@pytest.mark.parametrize("status", ["CANCELLED", "EXPIRED", "REFUNDED"])
def test_what_ended_at_the_gateway_without_money_fails_the_payment(
    puppet: Puppet, shop: Shop, status: str
) -> None:
    attempt = shop.initiate()
    puppet.change(status=status)
    hint(shop.anybody, "fail", attempt.order)
    assert shop.payments(attempt.booking) == ["FAILED"]
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}


# A gateway that does not answer.


def test_a_gateway_that_is_down_is_503_and_the_booking_stays_payable(
    gateway: Simulator, shop: Shop
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    gateway.turn(down=True)
    for _ in range(2):
        answer = shop.buyer.pay(booking)
        assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
        assert shop.seats(shop.event)["RESERVED"] == 1
    assert shop.buyer.bookings() == {booking: shop.event.seats[:1]}
    gateway.turn(down=False)
    assert shop.buyer.pay(booking).status_code == 302
    orders = shop.orders(booking)
    assert len(set(orders)) == len(orders) >= 2
    assert shop.payments(booking)[-1] == "OPEN"
    gateway.authorize(orders[-1])
    worked_until(lambda: shop.booking(booking) == "CONFIRMED")
    assert shop.unsound(shop.event) == []


@pytest.mark.parametrize("address", ["nobody listens", ""])
def test_a_gateway_that_cannot_be_reached_is_503_and_another_try_works(
    puppet: Puppet, shop: Shop, address: str
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    with configured(PAYMENT_GATEWAY_URL=address and f"http://127.0.0.1:{free_port()}"):
        assert shop.buyer.pay(booking).status_code == 503
    assert shop.booking(booking) == "CREATED"
    assert shop.seats(shop.event)["RESERVED"] == 1
    assert shop.buyer.pay(booking).status_code == 302
    assert shop.payments(booking) == ["VOIDED", "OPEN"]
    assert len(puppet.bodies("init")) == 1


def test_a_gateway_that_is_silent_costs_no_more_than_the_deadlines(
    puppet: Puppet, shop: Shop
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    never = Signal()
    puppet.answers["init"] = puppet.answers["check"] = lambda _: (never.wait(5), (500, {}))[1]
    with configured(PAYMENT_DEADLINE="0.2"), gevent.Timeout(2):
        assert shop.buyer.pay(booking).status_code == 503
    never.set()
    assert shop.seats(shop.event)["RESERVED"] == 1
    puppet.answers.clear()
    assert shop.buyer.pay(booking).status_code == 302


@pytest.mark.parametrize("status", [400, 401, 402, 408, 409, 422, 429, 500, 502])
def test_a_registration_that_is_refused_is_503_and_can_be_repeated(
    puppet: Puppet, shop: Shop, status: int
) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    puppet.answers["init"] = (status, {"success": False, "errorCode": "1006"})
    assert shop.buyer.pay(booking).status_code == 503
    assert shop.seats(shop.event)["RESERVED"] == 1
    del puppet.answers["init"]
    assert shop.buyer.pay(booking).status_code == 302
    first, second = shop.orders(booking)
    assert first != second


def test_a_lost_answer_of_init_is_recovered_by_asking_for_the_order(
    either_gateway: Simulator, shop: Shop
) -> None:
    either_gateway.turn(init={"drop": {"times": 1}})
    attempt = shop.initiate()
    told = either_gateway.payments()[attempt.order]
    assert attempt.location == (
        f"{either_gateway.base}/api/v1/paymentform/render/{told['paymentId']}"
    )
    assert shop.payments(attempt.booking) == ["OPEN"]
    assert shop.buyer.pay(attempt.booking).headers["Location"] == attempt.location
    # The order was asked for by its own id; what the gateway remembers of that is not asked again.
    either_gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt)


def test_a_late_answer_of_init_is_recovered_too(puppet: Puppet, shop: Shop) -> None:
    def answer_late(body: dict[str, Any]) -> tuple[int, Any]:
        answer = puppet.register(body)
        gevent.sleep(0.5)
        return answer

    puppet.answers["init"] = answer_late
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    with configured(PAYMENT_DEADLINE="0.2"):
        location = shop.buyer.pay(booking).headers["Location"]
    assert location.endswith(next(iter(puppet.payments)))
    assert shop.payments(booking) == ["OPEN"]


def test_an_order_that_the_gateway_knows_already_is_recovered(puppet: Puppet, shop: Shop) -> None:
    def know_already(body: dict[str, Any]) -> tuple[int, Any]:
        puppet.register(body)
        return 409, {"success": False, "errorCode": "1002"}

    puppet.answers["init"] = know_already
    assert shop.initiate().location.endswith(next(iter(puppet.payments)))


def test_a_registration_cut_off_by_a_crash_is_taken_up_by_the_next_request(
    puppet: Puppet, shop: Shop
) -> None:
    attempt = shop.initiate()
    forget = """UPDATE payments SET status = 'INITIATED', gateway_id = NULL, form_url = NULL
                WHERE order_id = %s"""
    shop.sql.execute(forget, [attempt.order])
    assert shop.buyer.pay(attempt.booking).headers["Location"] == attempt.location
    assert shop.payments(attempt.booking) == ["OPEN"]
    # The gateway never heard of this one, and nobody is about to tell it.
    shop.sql.execute(forget, [attempt.order])
    puppet.payments.clear()
    with configured(PAYMENT_DEADLINE="0.2"):
        again = shop.buyer.pay(attempt.booking)
    assert again.status_code == 302
    assert again.headers["Location"] != attempt.location
    assert shop.payments(attempt.booking) == ["VOIDED", "OPEN"]


def test_a_lost_answer_of_confirm_is_settled_by_the_next_check(
    either_gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    either_gateway.turn(confirm={"drop": {"times": 1}}, webhooks={"lost": {"chance": 1.0}})
    either_gateway.authorize(attempt.order)
    assert hint(shop.anybody, "success", attempt.order).startswith("Платёж ещё не подтверждён")
    assert shop.payments(attempt.booking) == ["ACCEPTED"]
    assert either_gateway.payments()[attempt.order]["captured"] == 2 * PRICE
    shop.check_now(attempt.order)
    assert work() == 1
    assert_sold(shop, shop.event, attempt)


def test_a_confirm_that_is_refused_sells_nothing_and_is_tried_again(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    gateway.turn(confirm={"fail": {"times": 1}})
    gateway.authorize(attempt.order)
    hint(shop.anybody, "success", attempt.order)
    assert shop.booking(attempt.booking) == "CONFIRMING"
    hint(shop.anybody, "success", attempt.order)
    assert_sold(shop, shop.event, attempt)


def test_a_sum_above_the_limit_of_confirm_is_confirmed_without_it(
    either_gateway: Simulator, shop: Shop
) -> None:
    event = shop.new_event(price_minor=50_000_001)
    attempt = shop.initiate(event=event, seats=1)
    either_gateway.authorize(attempt.order)
    hint(shop.anybody, "success", attempt.order)
    assert shop.booking(attempt.booking) == "CONFIRMED"
    assert either_gateway.payments()[attempt.order]["captured"] == 50_000_001


def test_one_payment_that_cannot_be_settled_does_not_stop_the_others(
    gateway: Simulator, shop: Shop
) -> None:
    events = [shop.new_event() for _ in range(3)]
    attempts = [shop.initiate(shop.new_user(), event) for event in events]
    gateway.turn(webhooks={"lost": {"chance": 1.0}})
    for attempt in attempts:
        gateway.authorize(attempt.order)
        shop.check_now(attempt.order)
    with psycopg.connect(shop.sql.info.dsn, password=shop.sql.info.password) as blocker:
        blocker.execute("SELECT FROM bookings WHERE id = %s FOR UPDATE", [attempts[0].booking])
        with configured(PAYMENT_POLL_SECONDS="0.05"):
            assert work() == 3
        assert [shop.payment(attempt.order) for attempt in attempts] == [
            "OPEN",
            "COMPLETED",
            "COMPLETED",
        ]
    with configured(PAYMENT_POLL_SECONDS="0.05"):
        worked_until(lambda: shop.payment(attempts[0].order) == "COMPLETED")


# One attempt at a time, and what it is made of.


def test_repeated_initiate_payment_gives_the_same_form(gateway: Simulator, shop: Shop) -> None:
    attempt = shop.initiate()
    for _ in range(3):
        again = shop.buyer.pay(attempt.booking)
        assert (again.status_code, again.headers["Location"]) == (302, attempt.location)
    assert shop.orders(attempt.booking) == [attempt.order]
    assert attempt.order in gateway.payments()


def test_two_initiate_payments_at_once_are_one_attempt(puppet: Puppet, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    under_way, answer = Signal(), Signal()

    def answer_slowly(body: dict[str, Any]) -> tuple[int, Any]:
        under_way.set()
        answer.wait(5)
        return puppet.register(body)

    puppet.answers["init"] = answer_slowly
    first = gevent.spawn(shop.buyer.pay, booking)
    assert under_way.wait(5)
    second = gevent.spawn(shop.buyer.pay, booking)
    second.join(0.3)  # Nothing shows when it waits; the gateway is not to hear of a second order.
    answer.set()
    gevent.joinall([first, second], raise_error=True)
    assert [first.value.status_code, second.value.status_code] == [302, 302]
    assert first.value.headers["Location"] == second.value.headers["Location"]
    assert shop.payments(booking) == ["OPEN"]
    assert len(puppet.bodies("init")) == 1


def test_ten_initiate_payments_at_once_agree(gateway: Simulator, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    calls = [gevent.spawn(shop.buyer.pay, booking) for _ in range(10)]
    gevent.joinall(calls, raise_error=True)
    assert {call.value.status_code for call in calls} == {302}
    assert len({call.value.headers["Location"] for call in calls}) == 1
    assert shop.payments(booking) == ["OPEN"]
    assert set(shop.orders(booking)) <= set(gateway.payments())


def test_when_the_first_of_two_fails_the_second_tries_itself(puppet: Puppet, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    shop.buyer.select(booking, shop.event.seats[0])
    under_way, answer = Signal(), Signal()

    def fail_slowly(_body: dict[str, Any]) -> tuple[int, Any]:
        del puppet.answers["init"]
        under_way.set()
        answer.wait(5)
        return 500, {}

    puppet.answers["init"] = fail_slowly
    first = gevent.spawn(shop.buyer.pay, booking)
    assert under_way.wait(5)
    second = gevent.spawn(shop.buyer.pay, booking)
    second.join(0.1)
    answer.set()
    gevent.joinall([first, second], raise_error=True)
    assert [first.value.status_code, second.value.status_code] == [503, 302]
    assert shop.payments(booking) == ["VOIDED", "OPEN"]


def test_what_the_gateway_is_told_fits_its_fields(puppet: Puppet, shop: Shop) -> None:
    event = shop.new_event(payment_seconds=2_000_000_000)
    title = "Очень длинное название " * 40 + "😀"
    shop.sql.execute("UPDATE events SET title = %s WHERE id = %s", [title, event.id])
    booking = shop.buyer.book(event.id)
    shop.buyer.select(booking, event.seats[0])
    assert shop.buyer.pay(booking).status_code == 302
    (body,) = puppet.bodies("init")
    (order,) = shop.orders(booking)
    assert len(body["description"]) == 140
    assert body["description"].startswith("Билеты: Очень длинное")
    assert (body["orderId"], body["amount"]) == (str(order), PRICE)
    assert type(body["amount"]) is int
    assert body["paymentExpiry"] == 13
    assert "@" in body.get("email", "a@b.kz")
    for name in ("success", "fail"):
        assert body[f"{name}URL"].endswith(f"/api/payments/{name}?orderId={order}")


def test_a_sum_that_the_gateway_does_not_take_is_409(puppet: Puppet, shop: Shop) -> None:
    for price in (0, 999):
        event = shop.new_event(price_minor=price)
        booking = shop.buyer.book(event.id)
        shop.buyer.select(booking, event.seats[0])
        assert shop.buyer.pay(booking).status_code == 409
        assert shop.booking(booking) == "CREATED"
    assert puppet.asked == []


def test_a_booking_without_seats_cannot_be_paid(puppet: Puppet, shop: Shop) -> None:
    booking = shop.buyer.book(shop.event.id)
    assert shop.buyer.pay(booking).status_code == 409
    assert shop.booking(booking) == "CREATED"
    assert puppet.asked == []


def test_an_order_id_that_is_taken_is_drawn_again(
    puppet: Puppet, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.payments import rules

    taken = shop.initiate(shop.new_user(), shop.event, seats=1).order
    draws = iter([taken, taken, taken + 1])
    monkeypatch.setattr(rules, "new_order_id", lambda _now: next(draws))
    buyer = shop.new_user()
    booking = buyer.book(shop.event.id)
    buyer.select(booking, shop.event.seats[1])
    assert buyer.pay(booking).status_code == 302
    assert shop.orders(booking) == [taken + 1]
    assert [body["orderId"] for body in puppet.bodies("init")] == [str(taken), str(taken + 1)]


# Changing one's mind.


def test_release_in_payment_voids_the_attempt_and_late_money_is_owed_back(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    assert shop.buyer.release(shop.event.seats[0]).status_code == 200
    assert shop.booking(attempt.booking) == "CREATED"
    assert shop.payments(attempt.booking) == ["VOIDED"]
    assert shop.buyer.bookings() == {attempt.booking: [shop.event.seats[1]]}
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.ledger(attempt.order) == for_nothing(2 * PRICE)
    assert gateway.payments()[attempt.order]["captured"] == 0
    assert "вернём" in hint(shop.anybody, "success", attempt.order)
    # The booking goes on without that money.
    assert shop.booking(attempt.booking) == "CREATED"
    assert shop.buyer.pay(attempt.booking).status_code == 302
    second = shop.orders(attempt.booking)[-1]
    assert gateway.payments()[second]["amount"] == PRICE
    gateway.authorize(second)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt._replace(order=second), seats=1)


def test_cancel_in_payment_frees_the_seats_and_late_money_is_owed_back(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    assert shop.buyer.cancel(attempt.booking).status_code == 200
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}
    assert shop.buyer.pay(attempt.booking).status_code == 409
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.ledger(attempt.order) == for_nothing(2 * PRICE)
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(shop.event) == {"FREE": 20}


def test_a_voided_attempt_that_is_never_paid_ends_without_a_debt(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    shop.buyer.cancel(attempt.booking)
    gateway.reject(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "FAILED")
    assert shop.ledger(attempt.order) == []


@pytest.mark.parametrize(
    ("policy", "hours", "percent"),
    [
        ([{"hours_before": 12, "percent": 100}], 24, 100),
        ([{"hours_before": 12, "percent": 33}, {"hours_before": 48, "percent": 100}], 24, 33),
    ],
)
def test_cancel_after_payment_frees_the_seats_and_owes_each_line_by_the_policy(
    gateway: Simulator, shop: Shop, policy: list[dict[str, int]], hours: int, percent: int
) -> None:
    event = shop.new_event(price_minor=100_001, refund_policy=Jsonb(policy))
    attempt = shop.initiate(event=event)
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    start_in(shop, event, hours)
    for _ in range(2):
        assert shop.buyer.cancel(attempt.booking).status_code == 200
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert shop.seats(event) == {"FREE": 20}
    assert shop.payments(attempt.booking) == ["REFUND_DUE"]
    owed = 100_001 * percent // 100
    entries = [("CHARGE", True, 100_001)] * 2 + [("REFUND_DUE", True, owed)] * 2
    if owed < 100_001:
        entries += [("FEE", True, 100_001 - owed)] * 2
    assert shop.ledger(attempt.order) == entries
    assert shop.topics(attempt.booking)[-2:] == ["booking.cancelled", "refund.due"]
    assert shop.buyer.bookings() == {}


def test_when_the_refund_period_is_over_cancel_is_409_and_changes_nothing(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    start_in(shop, shop.event, 11)
    answer = shop.buyer.cancel(attempt.booking)
    assert (answer.status_code, answer.json["code"]) == (409, "refund_period_over")
    assert_sold(shop, shop.event, attempt)
    assert shop.buyer.bookings() == {attempt.booking: shop.event.seats[:2]}


def test_sold_seats_cannot_be_released_and_a_paid_booking_not_paid_again(
    gateway: Simulator, shop: Shop
) -> None:
    owner, other = shop.new_user(), shop.new_user()
    attempt = shop.initiate(owner, shop.event)
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert owner.release(shop.event.seats[0]).status_code == 419
    assert other.release(shop.event.seats[0]).status_code == 403
    assert other.select(other.book(shop.event.id), shop.event.seats[0]).status_code == 419
    assert owner.pay(attempt.booking).status_code == 409
    assert_sold(shop, shop.event, attempt)


def start_in(records: Records, event: Event, hours: int) -> None:
    """Move the start of an event."""
    records.sql.execute(
        """UPDATE events SET starts_at = now() + %s * interval '1 hour' + interval '1 minute'
           WHERE id = %s""",
        [hours, event.id],
    )


# Money that comes too late.


def test_money_for_a_seat_that_somebody_else_has_by_now_is_owed_back(
    gateway: Simulator, shop: Shop
) -> None:
    slow, quick = shop.new_user(), shop.new_user()
    attempt = shop.initiate(slow, shop.event)
    shop.run_out(attempt.booking)
    second = quick.book(shop.event.id)
    assert quick.select(second, shop.event.seats[1]).status_code == 200
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.ledger(attempt.order) == for_nothing(2 * PRICE)
    assert shop.booking(attempt.booking) == "CANCELLED"
    assert quick.bookings() == {second: [shop.event.seats[1]]}
    assert shop.seats(shop.event) == {"RESERVED": 1, "FREE": 19}
    assert quick.pay(second).status_code == 302


def test_money_for_a_hold_that_ran_out_but_nobody_took_still_buys(
    gateway: Simulator, shop: Shop
) -> None:
    attempt = shop.initiate()
    shop.run_out(attempt.booking)
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    assert_sold(shop, shop.event, attempt)
    assert shop.buyer.bookings() == {attempt.booking: shop.event.seats[:2]}


def test_money_for_a_booking_that_was_swept_is_owed_back(gateway: Simulator, shop: Shop) -> None:
    from app.bookings import service

    attempt = shop.initiate()
    shop.run_out(attempt.booking)
    until(lambda: service.expire_due() or shop.booking(attempt.booking) == "EXPIRED")
    assert shop.payments(attempt.booking) == ["VOIDED"]
    gateway.authorize(attempt.order)
    worked_until(lambda: shop.payment(attempt.order) == "REFUND_DUE")
    assert shop.booking(attempt.booking) == "EXPIRED"
    assert shop.seats(shop.event) == {"FREE": 20}


def test_the_form_of_a_booking_that_ran_out_is_not_shown_again(
    gateway: Simulator,  # noqa: ARG001 - it answers
    shop: Shop,
) -> None:
    attempt = shop.initiate()
    shop.run_out(attempt.booking)
    answer = shop.buyer.pay(attempt.booking)
    assert (answer.status_code, answer.json["code"]) == (409, "booking_expired")


def test_money_for_a_booking_that_a_reset_erased_is_owed_back_and_order_ids_are_kept(
    gateway: Simulator, shop: Shop
) -> None:
    paid, open_ = shop.new_event(), shop.new_event()
    done = shop.initiate(shop.new_user(), paid)
    gateway.authorize(done.order)
    worked_until(lambda: shop.booking(done.booking) == "CONFIRMED")
    buyer = shop.new_user()
    late = shop.initiate(buyer, open_)
    assert shop.anybody.post("/api/reset").status_code == 200
    assert shop.payment(done.order) == "REFUND_DUE"
    charged, owed = ("CHARGE", True, PRICE), ("REFUND_DUE", True, PRICE)
    assert shop.ledger(done.order) == [charged] * 2 + [owed] * 2
    assert shop.payment(late.order) == "VOIDED"
    gateway.authorize(late.order)
    worked_until(lambda: shop.payment(late.order) == "REFUND_DUE")
    assert shop.ledger(late.order) == for_nothing(2 * PRICE)
    assert shop.seats(open_) == {"FREE": 20}
    again = shop.initiate(buyer, open_)
    assert again.order not in {done.order, late.order}
    assert again.booking not in {done.booking, late.booking}


# Races.


def test_settling_five_times_at_once_completes_once(either_gateway: Simulator, shop: Shop) -> None:
    either_gateway.turn(webhooks={"lost": {"chance": 1.0}})
    attempt = shop.initiate()
    either_gateway.authorize(attempt.order)
    calls = [gevent.spawn(hint, shop.buyer, "success", attempt.order) for _ in range(5)]
    gevent.joinall(calls, raise_error=True)
    assert {call.value for call in calls} == {"Оплата прошла, места проданы"}
    assert_sold(shop, shop.event, attempt)
    assert shop.topics(attempt.booking).count("payment.succeeded") == 1
    assert shop.topics(attempt.booking).count("booking.confirmed") == 1


@dataclass
class Race:
    """A payment that is being settled, and what happens to its booking at the worst moment."""

    owner: Caller
    other: Caller
    event: Event
    attempt: Attempt
    second: int
    """The other buyer's booking."""
    records: Records

    def release_and_take(self) -> None:
        self.owner.release(self.event.seats[0])
        self.other.select(self.second, self.event.seats[0])

    def cancel_and_take(self) -> None:
        self.owner.cancel(self.attempt.booking)
        self.other.select(self.second, self.event.seats[0])

    def run_out_and_take(self) -> None:
        self.other.select(self.second, self.event.seats[0])

    def outcome(self) -> tuple[str, str, bool]:
        """The payment, the first seat, and whether the other buyer has it."""
        seat, holder = self.records.sql.execute(
            "SELECT status, holder_id FROM seats WHERE id = %s", [self.event.seats[0]]
        ).fetchone()
        return self.records.payment(self.attempt.order), seat, holder == self.second


RIVALS = [Race.release_and_take, Race.cancel_and_take, Race.run_out_and_take]


@pytest.fixture
def new_race(puppet: Puppet, shop: Shop) -> Callable[..., Race]:
    """Makes a paid attempt that nobody has settled yet."""

    def make(rival: Callable[[Race], None]) -> Race:
        event = shop.new_event()
        owner, other = shop.new_user(), shop.new_user()
        attempt = shop.initiate(owner, event, seats=1)
        if rival is Race.run_out_and_take:
            shop.run_out(attempt.booking)
        puppet.change(status="AUTHORIZED")
        return Race(owner, other, event, attempt, other.book(event.id), shop)

    return make


def meet_in_the_middle(race: Race, rival: Callable[[Race], None]) -> None:
    """Settle; the rival comes when the booking has been read and before its seats are fixed."""
    from app.bookings import service as bookings

    fix = bookings.start_confirming
    running: list[gevent.Greenlet] = []

    def fix_late(*arguments: Any) -> Any:
        running.append(gevent.spawn(rival, race))
        running[0].join(0.3)  # Whoever is kept out by a lock is still waiting then.
        return fix(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bookings, "start_confirming", fix_late)
        settle(race.attempt.order)
    gevent.joinall(running, raise_error=True)


SOLD_TO_US = ("COMPLETED", "SOLD", False)
TAKEN_FROM_US = ("REFUND_DUE", "RESERVED", True)


@pytest.mark.parametrize("rival", RIVALS)
def test_a_rival_in_the_middle_of_settling_leaves_one_outcome(
    shop: Shop, new_race: Callable[..., Race], rival: Callable[[Race], None]
) -> None:
    race = new_race(rival)
    meet_in_the_middle(race, rival)
    expected = {
        Race.release_and_take: [SOLD_TO_US],  # Release waits, and then the seats are fixed.
        # So does cancel; should it come after the sale only, it owes a refund.
        Race.cancel_and_take: [SOLD_TO_US, TAKEN_FROM_US],
        Race.run_out_and_take: [TAKEN_FROM_US],  # Nobody is asked when a hold has run out.
    }
    assert race.outcome() in expected[rival]
    assert shop.unsound(race.event) == []


@pytest.mark.parametrize("rival", RIVALS)
def test_settling_against_a_rival_leaves_one_outcome_whoever_is_faster(
    shop: Shop, new_race: Callable[..., Race], rival: Callable[[Race], None]
) -> None:
    for head_start in (0.0, 0.002, 0.005, 0.01, 0.02):
        race = new_race(rival)
        settling = gevent.spawn_later(0.01, settle, race.attempt.order)
        gevent.joinall([settling, gevent.spawn_later(head_start, rival, race)], raise_error=True)
        assert race.outcome() in (SOLD_TO_US, TAKEN_FROM_US)
        assert shop.unsound(race.event) == []
        payment = shop.payment(race.attempt.order)
        kinds = {kind for kind, _, _ in shop.ledger(race.attempt.order)}
        assert ("REFUND_DUE" in kinds) == (payment == "REFUND_DUE")


@pytest.mark.parametrize("rival", RIVALS)
def test_without_the_guards_the_same_race_sells_what_is_not_ours(
    shop: Shop,
    new_race: Callable[..., Race],
    rival: Callable[[Race], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control of the two tests above."""
    from app.bookings import place_queries
    from app.bookings import queries as bookings
    from app.payments import queries as payments

    ours = "AND s.status = 'RESERVED' AND s.holder_kind = 'BOOKING' AND s.holder_id = l.booking_id"
    for module, statement, guards in (
        (bookings, "_SELL", (ours, "AND l.status = 'HELD'", "AND status = 'CONFIRMING'")),
        (bookings, "_LINES", ("AND l.status IN ('HELD', 'SOLD')", "FOR NO KEY UPDATE OF s")),
        (place_queries, "_CONFIRMING", ("AND s.holder_kind = 'BOOKING' AND s.holder_id = b.id",)),
    ):
        naive = getattr(module, statement)
        for guard in guards:
            assert guard in naive
            naive = naive.replace(guard, "")
        monkeypatch.setattr(module, statement, naive)
    monkeypatch.setattr(bookings.Line, "seat_is_held", property(lambda _: True))
    for module in (bookings, payments):
        assert "FOR NO KEY UPDATE" in module._LOCK
        monkeypatch.setattr(module, "_LOCK", module._LOCK.replace("FOR NO KEY UPDATE", ""))
    race = new_race(rival)
    meet_in_the_middle(race, rival)
    assert shop.unsound(race.event) != []
