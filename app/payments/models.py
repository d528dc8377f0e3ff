"""The words of payments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class PaymentStatus(StrEnum):
    INITIATED = "INITIATED"
    """Stored, but the gateway's answer to its registration is not known."""
    OPEN = "OPEN"
    """Registered; the buyer may pay."""
    VOIDED = "VOIDED"
    """No longer wanted. Money that comes all the same is owed back."""
    ACCEPTED = "ACCEPTED"
    """Authorised, and the seats are fixed for it: now the money is taken, or it goes back."""
    CAPTURED = "CAPTURED"
    """The money has been taken."""
    COMPLETED = "COMPLETED"
    """Something of it is sold, even if lines of it were given back."""
    FAILED = "FAILED"
    REFUND_DUE = "REFUND_DUE"
    """Nothing of it is sold, or is any more."""
    REFUNDED = "REFUNDED"


class RefundStatus(StrEnum):
    DUE = "DUE"
    """A worker tries it, ever more rarely."""
    STUCK = "STUCK"
    """As that, but somebody should look."""
    UNCLEAR = "UNCLEAR"
    """A part may have gone back, and only a person can find out. It is not tried, and nothing else
    of its order is."""
    PAID = "PAID"


class Decision(StrEnum):
    """What the gateway's answer means for us."""

    PAID = "PAID"
    FAILED = "FAILED"
    OPEN = "OPEN"
    MISMATCH = "MISMATCH"
    """Paid, but not this amount in this currency."""


HAS_MONEY = frozenset({"AUTHORIZED", "CONFIRMED"})
"""The gateway's words for a payment that has been made."""
GAVE_BACK = frozenset({"CANCELLED", "REFUNDED"})
"""Its words for one whose money went back, or was never taken."""
# What was refunded before we had decided anything is as good as never paid.
CAME_TO_NOTHING = GAVE_BACK | {"REJECTED", "EXPIRED", "FAILED"}
"""Its words for one that can no longer be made."""


class Payment(NamedTuple):
    """One attempt to pay a booking; its amount and lines were frozen before the gateway knew."""

    order_id: int
    booking_id: int
    user_id: int
    event_id: int
    amount_minor: int
    currency: str
    line_ids: list[int]
    status: PaymentStatus
    gateway_id: str | None
    form_url: str | None
    created_at: datetime


class GatewayPayment(NamedTuple):
    """A payment as the gateway sees it."""

    gateway_id: str
    status: str
    amount_minor: Decimal | int
    """A gateway may write 1500.00, and only a whole number of tiyn can be what we asked for."""
    currency: str


class Due(NamedTuple):
    """What of one line's price goes back, and what the event's policy keeps."""

    line_id: int | None
    """None: money that came for nothing."""
    refund_minor: int
    fee_minor: int


class Share(NamedTuple):
    """What was agreed on when a line was given back."""

    refund_minor: int
    fee_minor: int
    refund_id: int | None
    """None: nothing of its price goes back."""


class OwnRefund(NamedTuple):
    """A refund as its buyer sees it."""

    id: int
    booking_id: int
    amount_minor: int
    currency: str
    status: RefundStatus
    created_at: datetime
    paid_at: datetime | None
    payment_status: PaymentStatus
    seat_ids: list[int]


class Refund(NamedTuple):
    """The duty to pay back some lines of an order."""

    id: int
    order_id: int
    amount_minor: int
    currency: str
    status: RefundStatus
    attempts: int
    last_error: str
    try_at: datetime
    created_at: datetime
    paid_at: datetime | None
    note: str
