"""The words of bookings."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class BookingStatus(StrEnum):
    CREATED = "CREATED"
    PAYMENT_INITIATED = "PAYMENT_INITIATED"
    CONFIRMING = "CONFIRMING"
    """The buyer's payment is accepted; now only it decides what becomes of the booking."""
    CONFIRMED = "CONFIRMED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


OVER = frozenset({BookingStatus.CANCELLED, BookingStatus.EXPIRED})
"""It has given its seats back."""


class LineStatus(StrEnum):
    HELD = "HELD"
    RELEASED = "RELEASED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    SOLD = "SOLD"
    REFUNDED = "REFUNDED"


class Booking(NamedTuple):
    """One booking as it stands, with what its event says about money."""

    id: int
    user_id: int
    event_id: int
    status: BookingStatus
    expires_at: datetime
    has_run_out: bool
    """The hold ended by the database's clock, whether or not a worker has noticed yet."""


class Line(NamedTuple):
    """One seat of a booking, at the price that was frozen when it was selected."""

    id: int
    seat_id: int
    price_minor: int
    currency: str
    seat_is_held: bool
    """The seat row still names this booking as its holder."""
    place_id: UUID | None
    """The event provider's place that the seat stands for, where it has one."""


class PaidLine(NamedTuple):
    """One seat of a booking that was paid, whether or not it has been given back since."""

    id: int
    seat_id: int
    price_minor: int
    """What was really paid: the price without the discount."""
    currency: str
    status: LineStatus
