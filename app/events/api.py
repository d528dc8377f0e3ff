"""The calls about events."""

from __future__ import annotations

from datetime import date as day

import msgspec

from app.events import service
from app.kernel.http import Access, Call, Reply, Routes
from app.kernel.inputs import Page, PageSize

routes = Routes()


class Event(msgspec.Struct):
    """An event in the catalogue."""

    id: int
    title: str


class ListEvents(msgspec.Struct, frozen=True, rename="camel"):
    query: str | None = None
    date: day | None = None
    page: Page = 1
    page_size: PageSize = 20


@routes.add(
    "GET",
    "/api/events",
    access=Access.PUBLIC,
    query=ListEvents,
    answers={200: ("Список событий, активные раньше прошедших", list[Event])},
)
def list_events(call: Call) -> Reply:
    """Получить список событий"""
    wanted: ListEvents = call.input
    return Reply(
        200,
        service.list_events(wanted.query, wanted.date, page=wanted.page, size=wanted.page_size),
    )
