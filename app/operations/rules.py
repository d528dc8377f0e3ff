"""What agrees with the services outside, and what is made of the rest.

Payments (`judge_payment`). What the gateway says is late by up to five minutes, its cache of final
states; so what differs is listed when it is seen again after that, unchanged.

| Ours | The gateway says | It is |
|---|---|---|
| COMPLETED, CAPTURED | authorised or confirmed, our sum | right (as coded, AUTHORIZED for ever) |
| COMPLETED, CAPTURED | anything else | `payment_unpaid_there`: sold, and the money is not there |
| COMPLETED … REFUNDED | another sum or currency than came | `payment_of_other_sum` |
| FAILED | authorised or confirmed | `payment_unclaimed`: healed, the money is owed back |
| REFUND_DUE, REFUNDED | never paid, unknown | `payment_unpaid_there`: we owe it all the same |
| REFUNDED by the gateway, in full | authorised or confirmed | `payment_not_returned` |
| any other | a word that decides | `payment_not_followed`: a worker is told to ask |
| VOIDED for a day | unknown | `payment_unknown_there`: healed, FAILED |

A refund that a person paid, or a part of one, changes nothing at the gateway, so there is no
difference. As coded the gateway pays nothing back, and no refund is PAID by itself.

Places (`judge_place`). What comes into being or goes at the provider travels; so a difference is
listed, or healed, when it is seen again, unchanged. Only the first cannot be ours under way: we
store what we ask for before we ask.

| The seat here | Our orders' last word | The provider says | It is |
|---|---|---|---|
| FREE | none, or REFUSED | taken | `seat_sold_elsewhere`: healed at once, SOLD to the PROVIDER |
| FREE | FREED | taken | `place_not_freed` |
| SOLD to the PROVIDER | | free | `seat_free_elsewhere`: healed, FREE |
| | SELECTED, BOUGHT | free, or unknown | `place_not_ours` |
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from app.operations.models import DifferenceKind
from app.payments.models import (
    CAME_TO_NOTHING,
    GAVE_BACK,
    HAS_MONEY,
    GatewayPayment,
    Payment,
    PaymentStatus,
)
from app.provider.models import PlaceStatus, Status

_K = DifferenceKind
_S = PaymentStatus
_P = PlaceStatus

GATEWAY_PATIENCE = 300.0
"""Seconds for which the gateway may repeat what is no longer so."""

_OWED = frozenset({_S.REFUND_DUE, _S.REFUNDED})
_TAKEN = frozenset({_S.COMPLETED, _S.CAPTURED})
_LONG = timedelta(days=1)


def judge_payment(  # noqa: PLR0911 - one for each row of the table
    payment: Payment,
    seen: GatewayPayment | None,
    *,
    came_minor: int,
    is_returned_there: bool,
    age: timedelta,
) -> DifferenceKind | None:
    """What of a payment does not agree, by the first table above.

    `came_minor` is what the ledger says of it; `is_returned_there`: all of that went back, by the
    gateway.
    """
    said = seen.status if seen else ""
    if payment.status in _TAKEN:
        return _K.PAYMENT_UNPAID_THERE if said not in HAS_MONEY else _other_sum(payment, seen)
    if payment.status is _S.FAILED:
        return _K.PAYMENT_UNCLAIMED if said in HAS_MONEY else None
    if payment.status in _OWED:
        if said not in HAS_MONEY | GAVE_BACK:
            return _K.PAYMENT_UNPAID_THERE
        if is_returned_there and said not in GAVE_BACK:
            return _K.PAYMENT_NOT_RETURNED
        return _other_sum(payment._replace(amount_minor=came_minor), seen, with_currency=False)
    if payment.status is _S.VOIDED and seen is None:
        return _K.PAYMENT_UNKNOWN_THERE if age > _LONG else None
    followed = CAME_TO_NOTHING if payment.status is _S.ACCEPTED else CAME_TO_NOTHING | HAS_MONEY
    return _K.PAYMENT_NOT_FOLLOWED if said in followed else None


def _other_sum(
    payment: Payment, seen: GatewayPayment | None, *, with_currency: bool = True
) -> DifferenceKind | None:
    if seen is None:
        return None
    is_same_sum = _whole(seen.amount_minor) == payment.amount_minor
    # Money that came in another currency is owed in that, and the ledger says so.
    is_same_currency = seen.currency == payment.currency or not with_currency
    return None if is_same_sum and is_same_currency else _K.PAYMENT_OF_OTHER_SUM


def _whole(amount: Decimal | int) -> int:
    return math.ceil(amount)


def judge_place(
    *, is_free_here: bool, is_providers: bool, states: Sequence[str], is_free_there: bool | None
) -> DifferenceKind | None:
    """What of a place does not agree, by the second table above.

    `states` are those in all our orders, the latest first; `is_free_there` is None for a place that
    the provider does not list.
    """
    if is_free_there is False:
        if not is_free_here or any(state not in (_P.REFUSED, _P.FREED) for state in states):
            return None
        is_given_back = bool(states) and states[0] == _P.FREED
        return _K.PLACE_NOT_FREED if is_given_back else _K.SEAT_SOLD_ELSEWHERE
    if is_providers:
        return _K.SEAT_FREE_ELSEWHERE if is_free_there else None
    return _K.PLACE_NOT_OURS if _P.SELECTED in states or _P.BOUGHT in states else None


_AGREES: Mapping[Status, frozenset[str]] = {
    Status.WANTED: frozenset({"STARTED"}),
    Status.REFUSED: frozenset({"STARTED"}),
    Status.HELD: frozenset({"STARTED"}),
    Status.SUBMITTING: frozenset({"STARTED", "SUBMITTED"}),
    Status.SUBMITTED: frozenset({"SUBMITTED"}),
    Status.CONFIRMING: frozenset({"SUBMITTED", "CONFIRMED"}),
    Status.CONFIRMED: frozenset({"CONFIRMED"}),
    # A submit whose answer was lost shows when a worker looks; an empty order is cancelled.
    Status.RETURNING: frozenset({"STARTED", "SUBMITTED", "CANCELLED"}),
    Status.CANCELLING: frozenset({"STARTED", "SUBMITTED", "CANCELLED"}),
}


def judge_order(
    ours: Status, theirs: str | None, *, count: int, count_there: int
) -> DifferenceKind | None:
    """What of an order does not agree; `theirs` is None for one that the provider does not show.

    A count too high is known after a restart of the provider, and no difference.
    """
    if theirs is None:
        return _K.ORDER_STATUS if count else None
    if ours in _AGREES and theirs not in _AGREES[ours]:
        return _K.ORDER_STATUS
    return _K.ORDER_PLACES if count_there < count else None
