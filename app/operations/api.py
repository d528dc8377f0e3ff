"""The calls of operators: accounts with the role `admin`."""

from __future__ import annotations

import msgspec

from app.kernel.http import Access, Call, Message, Reply, Routes, encode, message_reply
from app.kernel.inputs import Id
from app.operations import service
from app.operations.models import WorkItem, WorkKind, WorkList

routes = Routes()

_UNSEEN = (("Cache-Control", "no-store"),)


class OneOfWork(msgspec.Struct, frozen=True):
    kind: WorkKind
    id: Id


class RetryWork(msgspec.Struct, frozen=True):
    kind: WorkKind
    id: Id


@routes.add(
    "GET",
    "/api/operator/work",
    access=Access.ACCOUNT,
    answers={
        200: ("Всё, что ждёт человека: сколько и самое давнее", WorkList),
        403: ("Нужна роль admin", None),
    },
)
def list_work(call: Call) -> Reply:
    """Получить список того, с чем не справились фоновые процессы"""
    service.require_operator(call.user)
    return Reply(200, encode(service.list_work()), headers=_UNSEEN)


@routes.add(
    "GET",
    "/api/operator/work/item",
    access=Access.ACCOUNT,
    query=OneOfWork,
    answers={
        200: ("Всё, что известно об одном", WorkItem),
        403: ("Нужна роль admin", None),
        404: ("Такого нет", None),
    },
)
def show_work(call: Call) -> Reply:
    """Посмотреть, что известно об одном"""
    service.require_operator(call.user)
    item = service.inspect(call.input.kind, call.input.id)
    return Reply(200, encode(item), headers=_UNSEEN)


@routes.add(
    "POST",
    "/api/operator/work/retry",
    access=Access.ACCOUNT,
    body=RetryWork,
    answers={
        200: ("Будет повторено сейчас", Message),
        403: ("Нужна роль admin", None),
        404: ("Такого нет", None),
        409: ("Повторять нечего или нельзя", None),
    },
)
def retry_work(call: Call) -> Reply:
    """Повторить сейчас, как в первый раз"""
    actor = service.require_operator(call.user)
    service.retry(call.input.kind, call.input.id, actor=actor)
    return message_reply("Будет повторено сейчас")
