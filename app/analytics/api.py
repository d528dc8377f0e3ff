"""The call about sales."""

from __future__ import annotations

import msgspec

from app.analytics import service
from app.kernel.http import Access, Call, Reply, Routes, json_reply
from app.kernel.inputs import Id

routes = Routes()


class Analytics(msgspec.Struct):
    """Seats, money and bookings of one event."""

    event_id: int
    total_seats: int
    sold_seats: int
    reserved_seats: int
    free_seats: int
    total_revenue: str
    bookings_count: int


class OfEvent(msgspec.Struct, frozen=True):
    id: Id


@routes.add(
    "GET",
    "/api/analytics",
    access=Access.PUBLIC,
    query=OfEvent,
    answers={200: ("Продажи события", Analytics)},
)
def analytics(call: Call) -> Reply:
    """Получить аналитику продаж для события"""
    event_id = call.input.id
    return json_reply(Analytics(event_id, *service.sales(event_id)))
