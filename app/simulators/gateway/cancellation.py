"""What a cancel call makes of a payment, by its state."""

from dataclasses import dataclass, replace

from app.simulators.gateway import rules
from app.simulators.gateway.rules import Refusal, Status
from app.simulators.gateway.store import Payment

_CANCELLATIONS = {
    Status.NEW: "FULL_CANCELLATION",
    Status.FORM_SHOWED: "FULL_CANCELLATION",
    Status.AUTHORIZED: "FULL_REVERSAL",
}


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What a cancel call did, and with how many tiyn."""

    payment: Payment
    kind: str
    amount: int


def refund(payment: Payment, wanted: int | None) -> Cancellation:
    """Give captured money back, wanted tiyn or all that is left."""
    left = payment.captured - payment.refunded
    amount = left if wanted is None else wanted
    if amount > left:
        raise Refusal(400, "3100", f"Only {left} tiyn are left to refund.")
    refunded = payment.refunded + amount
    if refunded < payment.captured:
        return Cancellation(replace(payment, refunded=refunded), "PARTIAL_REFUND", amount)
    status = rules.advance(payment.status, to=Status.REFUNDED)
    return Cancellation(replace(payment, status=status, refunded=refunded), "FULL_REFUND", amount)


def release(payment: Payment, wanted: int | None) -> Cancellation:
    """Cancel a payment whose money is not captured."""
    if Status.CANCELLED not in rules.TRANSITIONS[payment.status]:
        raise Refusal(409, "3409", f"The payment is {payment.status}.")
    if wanted is not None and wanted != payment.amount:
        raise Refusal(422, "3422", "Money that is not captured can only be released as a whole.")
    status = rules.advance(payment.status, to=Status.CANCELLED)
    kind = _CANCELLATIONS[payment.status]
    return Cancellation(replace(payment, status=status), kind, payment.amount)
