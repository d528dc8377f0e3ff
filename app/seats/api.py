"""The calls about seats."""

from __future__ import annotations

from typing import Annotated

import msgspec

from app.kernel.http import Access, Call, Message, Reply, Routes, message_reply
from app.kernel.inputs import Id, Page, PageSize, RowNumber
from app.kernel.proxies import client_address, client_port
from app.seats import service
from app.seats.models import SeatStatus

routes = Routes()


class Seat(msgspec.Struct):
    """One place of an event."""

    id: int
    row: int
    number: int
    status: SeatStatus
    price: Annotated[str, msgspec.Meta(description="Decimal, in the event's currency.")]


class ListSeats(msgspec.Struct, frozen=True, rename="camel"):
    event_id: Id = msgspec.field(name="event_id")
    page: Page = 1
    page_size: PageSize = 20
    row: RowNumber | None = None
    status: SeatStatus | None = None


class OfEvent(msgspec.Struct, frozen=True):
    event_id: Id


class SelectSeat(msgspec.Struct, frozen=True):
    booking_id: Id
    seat_id: Id


class ReleaseSeat(msgspec.Struct, frozen=True):
    seat_id: Id


@routes.add(
    "GET",
    "/api/seats",
    access=Access.RECOGNISED,
    query=ListSeats,
    answers={200: ("Список мест, сначала свободные", list[Seat])},
)
def list_seats(call: Call) -> Reply:
    """Получить список мест"""
    wanted: ListSeats = call.input
    environ = call.environ
    buyer = service.Buyer(
        user_id=call.principal.user_id if call.principal else None,
        address=client_address(environ),
        line=client_port(environ),
        agent=environ.get("HTTP_USER_AGENT", ""),
    )
    body = service.list_seats(
        buyer,
        event_id=wanted.event_id,
        page=wanted.page,
        size=wanted.page_size,
        row=wanted.row,
        status=wanted.status,
    )
    return Reply(200, body, headers=(("Cache-Control", "no-store"),))


@routes.add(
    "PATCH",
    "/api/seats/select",
    access=Access.ACCOUNT,
    body=SelectSeat,
    busy=419,
    answers={
        200: ("Место успешно добавлено в бронь", Message),
        419: ("Не удалось добавить место в бронь", None),
    },
)
def select_seat(call: Call) -> Reply:
    """Выбрать место для брони"""
    service.hold_seat(call.user, booking_id=call.input.booking_id, seat_id=call.input.seat_id)
    return message_reply("Место успешно добавлено в бронь")


@routes.add(
    "PATCH",
    "/api/seats/release",
    access=Access.ACCOUNT,
    body=ReleaseSeat,
    busy=419,
    answers={
        200: ("Место успешно освобождено", Message),
        419: ("Не удалось освободить место", None),
    },
)
def release_seat(call: Call) -> Reply:
    """Убрать место из брони"""
    service.release_seat(call.user, seat_id=call.input.seat_id)
    return message_reply("Место успешно освобождено")


@routes.add(
    "GET",
    "/api/seats/layout",
    access=Access.PUBLIC,
    query=OfEvent,
    answers={200: ("Расположение мест события, не меняется во время продажи", None)},
)
def seat_layout(call: Call) -> Reply:
    """Получить компактную схему зала"""
    version, body = service.layout(call.input.event_id)
    return _versioned(call, version, body, "public, max-age=300")


@routes.add(
    "GET",
    "/api/seats/map",
    access=Access.PUBLIC,
    query=OfEvent,
    answers={200: ("Состояние всех мест события, два бита на место", None)},
)
def seat_map(call: Call) -> Reply:
    """Получить состояние всех мест одним ответом"""
    version, body = service.seat_map(call.input.event_id)
    return _versioned(call, version, body, "no-cache")


def _versioned(call: Call, version: str, body: bytes, cache_control: str) -> Reply:
    tag = f'"{version}"'
    headers = (("ETag", tag), ("Cache-Control", cache_control))
    if call.environ.get("HTTP_IF_NONE_MATCH") == tag:
        return Reply(304, b"", headers=headers)
    return Reply(200, body, headers=headers)
