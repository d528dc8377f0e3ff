"""The words of bookings."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class BookingStatus(StrEnum):
    CREATED = "CREATED"
    PAYMENT_INITIATED = "PAYMENT_INITIATED"
    CONFIRMED = "CONFIRMED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


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
