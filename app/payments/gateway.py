"""The client of the payment gateway. Every call has a deadline; none is repeated here."""

from __future__ import annotations

import functools
import logging
from decimal import Decimal
from typing import Any, NamedTuple

import gevent
import msgspec
import urllib3

from app.kernel import errors, metrics
from app.kernel.config import settings
from app.payments import rules
from app.payments.models import GatewayPayment, Payment

log = logging.getLogger(__name__)

_NOT_FOUND = 404
_DUPLICATE = 409
_CLIENT_ERROR = 400
_SERVER_ERROR = 500
_TIMED_OUT = 408
_TOO_MANY = 429
_LONGEST_EXPIRY = 43_200
_AMOUNT_LIMIT = 2**63
_CURRENCY_LENGTH = 3
_CONNECTIONS = 50


class OutcomeUnknown(Exception):
    """The call may or may not have had its effect; ask before anything else is done."""


class Refused(Exception):
    """The gateway said no, and nothing has happened there."""


class Registration(NamedTuple):
    """Where the buyer goes to pay."""

    gateway_id: str
    form_url: str


class _Deadline(BaseException):
    """The time for a call is over."""


def register(payment: Payment, *, description: str, minutes: int) -> Registration:
    """Make the payment known to the gateway.

    Raises Refused when it certainly is not, OutcomeUnknown when it may be.
    """
    config = settings()
    amount, order = payment.amount_minor, str(payment.order_id)
    returns = f"{config.public_url}/api/payments"
    status, answer = _post(
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
    )
    if status == _DUPLICATE:
        raise OutcomeUnknown("The order is known there already.")
    if status >= _CLIENT_ERROR:
        raise Refused(f"init answered {status} {answer.get('errorCode', '')}")
    if not answer.get("paymentId"):
        raise OutcomeUnknown("The answer to init cannot be read.")
    gateway_id = str(answer["paymentId"])
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
    status, answer = _post(
        "PaymentCheck/check", {"teamSlug": config.payment_team_slug, "token": token, **key}
    )
    if status == _NOT_FOUND:
        return None
    if status >= _CLIENT_ERROR:
        raise Refused(f"check answered {status} {answer.get('errorCode', '')}")
    try:
        found = answer["payments"][0]
        seen = GatewayPayment(
            str(found["paymentId"]),
            str(found["status"]),
            Decimal(str(found["amount"])),
            str(found["currency"]),
        )
        is_money = 0 < seen.amount_minor < _AMOUNT_LIMIT and len(seen.currency) == _CURRENCY_LENGTH
    except (KeyError, IndexError, TypeError, ArithmeticError):
        raise OutcomeUnknown("The answer to check cannot be read.") from None
    if not is_money:
        raise OutcomeUnknown("The answer to check names no sum of money.")
    return seen


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
    status, answer = _post("PaymentConfirm/confirm", body)
    if status >= _CLIENT_ERROR:
        raise Refused(f"confirm answered {status} {answer.get('errorCode', '')}")


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
    status, answer = _post("PaymentCancel/cancel", body)
    if status >= _CLIENT_ERROR:
        raise Refused(f"cancel answered {status} {answer.get('errorCode', '')}")


def _post(call: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    config = settings()
    if not config.payment_gateway_url:
        raise Refused("PAYMENT_GATEWAY_URL is not set.")
    outcome = "unknown"
    try:
        # The socket's timeout is per read; this one is for the whole call.
        with gevent.Timeout(config.payment_deadline, _Deadline()):
            response = _pool().request(
                "POST",
                f"{config.payment_gateway_url}/api/v1/{call}",
                body=msgspec.json.encode(body),
                headers={"Content-Type": "application/json"},
                timeout=config.payment_deadline,
                retries=False,
                redirect=False,
            )
        if response.status == _TOO_MANY:
            outcome = "refused"
            raise Refused(f"{call} answered {response.status}")
        if response.status == _TIMED_OUT or response.status >= _SERVER_ERROR:
            raise OutcomeUnknown(f"{call} answered {response.status}")
        outcome = "answered"
        answer = msgspec.json.decode(response.data or b"{}")
        return response.status, answer if isinstance(answer, dict) else {}
    except urllib3.exceptions.NewConnectionError:
        outcome = "refused"
        raise Refused(f"{call}: no connection") from None
    except (_Deadline, urllib3.exceptions.HTTPError, msgspec.DecodeError) as error:
        raise OutcomeUnknown(f"{call}: {type(error).__name__}") from None
    finally:
        metrics.GATEWAY_CALLS.labels(call, outcome).inc()


@functools.cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=_CONNECTIONS, block=False)


def unavailable(error: Exception) -> errors.Unavailable:
    """What a buyer is told when the gateway could not be used."""
    log.warning("payment gateway unavailable", extra={"error": str(error)})
    return errors.Unavailable("Платёжный шлюз временно недоступен, места остаются за вами.")
