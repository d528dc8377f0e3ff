"""What the gateway's words mean, how its tokens are made, and how an order id is chosen.

Source: the gateway's documentation and code; where they differ both are survived.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from app.kernel import errors
from app.payments.models import (
    CAME_TO_NOTHING,
    GAVE_BACK,
    HAS_MONEY,
    Decision,
    GatewayPayment,
    Payment,
    PaymentStatus,
)

_S = PaymentStatus

TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.INITIATED: frozenset({_S.OPEN, _S.VOIDED, _S.ACCEPTED, _S.FAILED, _S.REFUND_DUE}),
    _S.OPEN: frozenset({_S.VOIDED, _S.ACCEPTED, _S.FAILED, _S.REFUND_DUE}),
    _S.ACCEPTED: frozenset({_S.VOIDED, _S.CAPTURED, _S.FAILED, _S.REFUND_DUE}),
    _S.CAPTURED: frozenset({_S.VOIDED, _S.COMPLETED, _S.REFUND_DUE}),
    _S.VOIDED: frozenset({_S.FAILED, _S.REFUND_DUE}),
    _S.COMPLETED: frozenset({_S.REFUND_DUE}),
    # The gateway has taken its own word back: there is money after all.
    _S.FAILED: frozenset({_S.REFUND_DUE}),
    _S.REFUND_DUE: frozenset({_S.REFUNDED}),
    _S.REFUNDED: frozenset(),
}

DECIDED = frozenset({_S.COMPLETED, _S.FAILED, _S.REFUND_DUE, _S.REFUNDED})

_CAPTURED = "CONFIRMED"

MIN_AMOUNT = 1_000
"""Fewer tiyn the gateway does not take."""

MAX_CONFIRM_AMOUNT = 50_000_000
"""Above this many tiyn the gateway wants no amount in its confirm call."""
_RANDOM_BITS = 21


def advance(status: PaymentStatus, *, to: PaymentStatus) -> PaymentStatus:
    """The new status. Raises Conflict when the step is not in the table."""
    if to not in TRANSITIONS[status]:
        raise errors.Conflict(
            f"Платёж в состоянии {status} не может стать {to}.", code="illegal_transition"
        )
    return to


def decide(payment: Payment, seen: GatewayPayment) -> Decision:
    """What to do, from the status inside the check's answer; money counts only when it agrees."""
    if seen.status in CAME_TO_NOTHING:
        return Decision.FAILED
    if seen.status not in HAS_MONEY:
        return Decision.OPEN
    agrees = (seen.amount_minor, seen.currency) == (payment.amount_minor, payment.currency)
    return Decision.PAID if agrees else Decision.MISMATCH


def shown_status(
    status: PaymentStatus,
) -> Literal["PARTIAL_REFUND", "REFUND_DUE", "REFUNDED"]:
    """What a buyer to whom money goes back is told of the payment as a whole."""
    if status is _S.COMPLETED:
        return "PARTIAL_REFUND"
    return "REFUNDED" if status is _S.REFUNDED else "REFUND_DUE"


def needs_capture(seen: GatewayPayment) -> bool:
    """Whether the money still has to be taken; the gateway refuses to take it twice."""
    return seen.status != _CAPTURED


def is_returned(seen: GatewayPayment) -> bool:
    """Whether all of the money has gone back, or was never taken."""
    return seen.status in GAVE_BACK


def new_order_id(now: datetime) -> int:
    """A decimal int64 that hardly ever comes twice; that it never does is the table's last word.

    The time in milliseconds fills the upper 42 bits, chance the lower 21; so neither a reset nor
    a database made anew can come back to one that the gateway has seen.
    """
    milliseconds = int(now.timestamp() * 1000)
    return milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)


def token(*values: object) -> str:
    """The gateway's token: SHA-256 over the values, concatenated in the order of the call's row."""
    return hashlib.sha256("".join(str(value) for value in values).encode()).hexdigest()


def signature(secret: str, body: bytes) -> str:
    """What X-Webhook-Signature has to say for these bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signature_matches(secret: str, body: bytes, given: str) -> bool:
    """Whether a webhook's signature is right, in constant time."""
    return hmac.compare_digest(signature(secret, body).encode(), given.encode("utf-8", "replace"))
