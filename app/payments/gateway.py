"""The client of the payment gateway. Only a check is repeated here.

A confirm may be repeated, too, but as documented the second one is answered 409, which says nothing
of the first: whoever wants another try checks before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from app.kernel import errors, outside
from app.kernel.config import settings
from app.payments import rules
from app.payments.models import GatewayPayment, Payment

log = logging.getLogger(__name__)

T = TypeVar("T")

OutcomeUnknown = outside.OutcomeUnknown
Refused = outside.Refused

_NOT_FOUND = 404
_DUPLICATE = 409
_CLIENT_ERROR = 400
_LONGEST_EXPIRY = 13
"""Minutes. The gateway captures nothing that is older than 15; the last buyer has two of them."""
_AMOUNT_LIMIT = 2**63
_CURRENCY_LENGTH = 3

SERVICE = outside.Outside(
    "payment_gateway",
    url=lambda: settings().payment_gateway_url,
    deadline=lambda: settings().payment_deadline,
    most=50,
)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Registration(NamedTuple):
    """Where the buyer goes to pay."""

    gateway_id: str
    form_url: str


def register(payment: Payment, *, description: str, minutes: int) -> Registration:
    """Make the payment known to the gateway.

    Raises Refused when it certainly is not, OutcomeUnknown when it may be.
    """
    config = settings()
    amount, order = payment.amount_minor, str(payment.order_id)
    returns = f"{config.public_url}/api/payments"
    gateway_id = _post(
        "PaymentInit/init",
        {
            "teamSlug": config.payment_team_slug,
            "token": rules.token(
                amount, payment.currency, order, config.payment_password, config.payment_team_slug
            ),
            "amount": amount,
            "orderId": order,
            "currency": payment.currency,
            "description": description,
            "language": "ru",
            # As coded the gateway never calls these two: they are hints wherever they come from.
            "successURL": f"{returns}/success?orderId={order}",
            "failURL": f"{returns}/fail?orderId={order}",
            "notificationURL": f"{returns}/notifications",
            "paymentExpiry": min(minutes, _LONGEST_EXPIRY),
        },
        _read_registration,
    )
    return Registration(gateway_id, form_url(gateway_id))


def form_url(gateway_id: str) -> str:
    """The address of a payment's form, which the gateway does not tell twice."""
    base = settings().payment_gateway_form_url or settings().payment_gateway_url
    return f"{base}/api/v1/paymentform/render/{gateway_id}"


def check(payment: Payment) -> GatewayPayment | None:
    """The payment as the gateway sees it, or None if it knows no such one.

    Raises OutcomeUnknown, Refused when there is no usable answer.
    """
    config = settings()
    if payment.gateway_id is not None:
        key = {"paymentId": payment.gateway_id}
    else:
        key = {"orderId": str(payment.order_id)}
    token = rules.token(*key.values(), config.payment_password, config.payment_team_slug)
    return _post(
        "PaymentCheck/check",
        {"teamSlug": config.payment_team_slug, "token": token, **key},
        _read_payment,
        is_repeatable=True,
    )


def capture(payment: Payment) -> None:
    """Take the authorised money; may be repeated. Raises Refused, OutcomeUnknown."""
    config = settings()
    # What is left out of the body is left out of the token too.
    amount = payment.amount_minor if payment.amount_minor <= rules.MAX_CONFIRM_AMOUNT else ""
    body: dict[str, Any] = {
        "teamSlug": config.payment_team_slug,
        "paymentId": payment.gateway_id,
        "token": rules.token(
            amount, config.payment_password, payment.gateway_id, config.payment_team_slug
        ),
    }
    if amount:
        body["amount"] = amount
    _post("PaymentConfirm/confirm", body, partial(_require_consent, "confirm"))


def cancel(payment: Payment, *, amount_minor: int | None) -> None:
    """Give the money back, all of it or a part. Raises Refused, OutcomeUnknown.

    All of it may be asked for again, a part may not: the gateway would pay it twice.
    """
    config = settings()
    body: dict[str, Any] = {
        "teamSlug": config.payment_team_slug,
        "paymentId": payment.gateway_id,
        "reason": "Возврат билетов",
    }
    # The order of the values is not the same in both.
    if amount_minor is None:
        signed: tuple[object, ...] = (payment.gateway_id, config.payment_password)
    else:
        signed = (amount_minor, config.payment_password, payment.gateway_id)
        body["amount"] = amount_minor
    body["token"] = rules.token(*signed, config.payment_team_slug)
    _post("PaymentCancel/cancel", body, partial(_require_consent, "cancel"))


def unavailable(error: Exception) -> errors.Unavailable:
    """What a buyer is told when the gateway could not be used."""
    log.warning("payment gateway unavailable", extra={"error": str(error)})
    return errors.Unavailable("Платёжный шлюз временно недоступен, места остаются за вами.")


def _read_registration(status: int, answer: dict[str, Any]) -> str:
    if status == _DUPLICATE:
        raise OutcomeUnknown("The order is known there already.", status=status)
    _require_consent("init", status, answer)
    if not answer.get("paymentId"):
        raise outside.Unreadable("The answer to init cannot be read.", status=status)
    return str(answer["paymentId"])


def _read_payment(status: int, answer: dict[str, Any]) -> GatewayPayment | None:
    if status == _NOT_FOUND:
        return None
    _require_consent("check", status, answer)
    try:
        found = answer["payments"][0]
        seen = GatewayPayment(
            str(found["paymentId"]),
            str(found["status"]),
            Decimal(str(found["amount"])),
            str(found["currency"]),
        )
        is_money = 0 < seen.amount_minor < _AMOUNT_LIMIT and len(seen.currency) == _CURRENCY_LENGTH
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError):
        raise outside.Unreadable("The answer to check cannot be read.", status=status) from None
    if not is_money:
        raise outside.Unreadable("The answer to check names no sum of money.", status=status)
    return seen


def _require_consent(call: str, status: int, answer: dict[str, Any]) -> None:
    if status >= _CLIENT_ERROR:
        raise Refused(f"{call} answered {status} {answer.get('errorCode', '')}", status=status)


def _post(
    call: str,
    body: dict[str, Any],
    read: Callable[[int, dict[str, Any]], T],
    *,
    is_repeatable: bool = False,
) -> T:
    return SERVICE.call(
        call,
        "POST",
        f"/api/v1/{call}",
        lambda status, raw: read(status, _decode(raw or b"{}")),
        body=body,
        is_repeatable=is_repeatable,
    )
