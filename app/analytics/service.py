"""How the sale of an event stands."""

from __future__ import annotations

import msgspec

from app.analytics import queries
from app.kernel.money import decimal_string
from app.seats import service as seats


class Sales(msgspec.Struct):
    """Seats by status, money and bookings of one event."""

    event_id: int
    total_seats: int
    sold_seats: int
    reserved_seats: int
    free_seats: int
    total_revenue: str
    bookings_count: int


def sales(event_id: int) -> Sales:
    """The sale of an event as it stands. Raises NotFound."""
    seen = seats.count_seats(event_id)
    revenue, bookings = queries.revenue_and_bookings(event_id)
    return Sales(
        event_id=event_id,
        total_seats=seen.free + seen.reserved + seen.sold,
        sold_seats=seen.sold,
        reserved_seats=seen.reserved,
        free_seats=seen.free,
        total_revenue=decimal_string(revenue),
        bookings_count=bookings,
    )
