"""The calls about notifications."""

from __future__ import annotations

import msgspec

from app.kernel.http import Access, Call, Message, Reply, Routes, encode, message_reply
from app.kernel.inputs import Id, Page, PageSize
from app.notifications import service
from app.notifications.models import InboxEntry

routes = Routes()


class ListNotifications(msgspec.Struct, frozen=True, rename="camel"):
    page: Page = 1
    page_size: PageSize = 20


class ReadNotification(msgspec.Struct, frozen=True):
    notification_id: Id


@routes.add(
    "GET",
    "/api/notifications",
    access=Access.ACCOUNT,
    query=ListNotifications,
    answers={200: ("Уведомления пользователя, новые раньше", list[InboxEntry])},
)
def list_notifications(call: Call) -> Reply:
    """Получить свои уведомления"""
    wanted: ListNotifications = call.input
    found = service.list_notifications(call.user, page=wanted.page, size=wanted.page_size)
    return Reply(200, encode(found), headers=(("Cache-Control", "no-store"),))


@routes.add(
    "PATCH",
    "/api/notifications/read",
    access=Access.ACCOUNT,
    body=ReadNotification,
    answers={200: ("Уведомление прочитано", Message), 404: ("Такого уведомления нет", None)},
)
def read_notification(call: Call) -> Reply:
    """Отметить своё уведомление прочитанным"""
    service.read(call.user, call.input.notification_id)
    return message_reply("Уведомление прочитано")
