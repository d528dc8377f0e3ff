"""Whatever is sent to the webhook, a wrong one is a 4xx problem and changes nothing."""

from __future__ import annotations

import pytest

from tests.conftest import WEBHOOK_SECRET
from tests.integration.bad_input import DEEP, WRONG_BODIES, WRONG_VALUES, Reply, Send, faults


@pytest.fixture
def notify(send: Send) -> Send:
    """Sends a notification with the right signature."""

    def call(body: bytes, **headers: str) -> Reply:
        signature = {"HTTP_X_WEBHOOK_SIGNATURE": signed(body)}
        return send("POST", "/api/payments/notifications", body=body, **(signature | headers))

    return call


def signed(body: bytes) -> str:
    from app.payments import rules

    return rules.signature(WEBHOOK_SECRET, body)


@pytest.mark.usefixtures("unchanged")
def test_a_notification_that_cannot_be_read_is_400_although_it_is_signed(notify: Send) -> None:
    wrong = [
        *(body for body in WRONG_BODIES if body != b"{}"),
        *(f'{{"paymentId": {value}}}'.encode() for value in WRONG_VALUES if is_no_string(value)),
        *(f'{{"status": {value}}}'.encode() for value in WRONG_VALUES if is_no_string(value)),
        b'{"paymentId": "' + b"a" * 101 + b'"}',
        b'{"paymentId": "\xff"}',
        b'{"data": {"a": "\xff"}}',
        b'{"data": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"data": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    ]
    assert faults(((body[:40], notify(body)) for body in wrong), 400) == []


def is_no_string(value: str) -> bool:
    return value != "null" and not value.startswith('"')


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"paymentId": null}',
        '{"paymentId": "\\u0000"}',
        '{"paymentId": "нет такого", "status": "CONFIRMED", "teamSlug": "x", "timestamp": "?"}',
        '{"paymentId": "", "data": {"a": [1, 2.5, null, true, "\\u0000", {"b": 1e300}]}}',
        '{"data": 1}',
        '{"data": "text", "more": []}',
    ],
)
def test_a_signed_notification_may_hold_any_json(notify: Send, text: str) -> None:
    assert notify(text.encode()).status == 200


@pytest.mark.usefixtures("unchanged")
def test_an_unsigned_notification_is_400_and_a_wrongly_signed_one_401(notify: Send) -> None:
    body = b'{"paymentId": "1", "status": "CONFIRMED"}'
    assert faults([("none", notify(body, HTTP_X_WEBHOOK_SIGNATURE=""))], 400) == []
    right = signed(body)
    wrong = [
        *(right[:-1], right + "0", right.upper(), right.removeprefix("sha256="), "sha256="),
        *("0" * 71, "Ð¿", "\x80", "a" * 10_000, signed(body + b" ")),
    ]
    cases = ((given, notify(body, HTTP_X_WEBHOOK_SIGNATURE=given)) for given in wrong)
    assert faults(cases, 401) == []
