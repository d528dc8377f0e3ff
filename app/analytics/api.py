"""The call about sales."""

from __future__ import annotations

import msgspec

from app.analytics import service
from app.kernel.http import Access, Call, Reply, Routes, json_reply
from app.kernel.inputs import Id

routes = Routes()


class OfEvent(msgspec.Struct, frozen=True):
    id: Id


@routes.add(
    "GET",
    "/api/analytics",
    access=Access.PUBLIC,
    query=OfEvent,
    answers={200: ("Продажи события", service.Sales)},
)
def analytics(call: Call) -> Reply:
    """Получить аналитику продаж для события"""
    return json_reply(service.sales(call.input.id))
