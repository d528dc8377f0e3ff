"""The calls about events."""

from __future__ import annotations

from datetime import date as day

import msgspec

from app.events import service
from app.events.models import Event
from app.kernel.config import settings
from app.kernel.http import Access, Call, Reply, Routes, public_reply
from app.kernel.inputs import Page, PageSize

routes = Routes()


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
    answers={
        200: ("Список событий, активные раньше прошедших", list[Event]),
        304: ("Список не изменился (If-None-Match)", None),
    },
)
def list_events(call: Call) -> Reply:
    """Получить список событий"""
    wanted: ListEvents = call.input
    found = service.list_events(wanted.query, wanted.date, page=wanted.page, size=wanted.page_size)
    return public_reply(call.environ, found.json, found.fingerprint, settings().catalogue_freshness)
