"""The calls about bookings."""

from __future__ import annotations

import msgspec

from app.bookings import service
from app.bookings.models import BookingStatus
from app.kernel.http import Access, Call, Reply, Routes, json_reply
from app.kernel.inputs import Id

routes = Routes()


class CreateBooking(msgspec.Struct, frozen=True):
    event_id: Id


class Created(msgspec.Struct):
    id: int


class SeatOfBooking(msgspec.Struct):
    id: int


class Booking(msgspec.Struct):
    """A booking with its seats."""

    id: int
    event_id: int
    seats: list[SeatOfBooking]


class ListBookings(msgspec.Struct, frozen=True):
    status: BookingStatus | None = None


@routes.add(
    "POST",
    "/api/bookings",
    access=Access.ACCOUNT,
    body=CreateBooking,
    answers={201: ("Бронирование успешно создано", Created)},
)
def create_booking(call: Call) -> Reply:
    """Создать бронирование"""
    return json_reply(Created(service.create_booking(call.user, call.input.event_id)), 201)


@routes.add(
    "GET",
    "/api/bookings",
    access=Access.ACCOUNT,
    query=ListBookings,
    answers={200: ("Бронирования пользователя; без фильтра только живые", list[Booking])},
)
def list_bookings(call: Call) -> Reply:
    """Получить список бронирований"""
    body = service.list_bookings(call.user, call.input.status)
    return Reply(200, body, headers=(("Cache-Control", "no-store"),))
