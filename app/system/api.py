"""Health, metrics and the load generator's reset."""

from __future__ import annotations

from app.kernel import metrics
from app.kernel.http import Access, Call, Message, Reply, Routes, json_reply, message_reply
from app.system import service

routes = Routes()


@routes.add(
    "POST",
    "/api/reset",
    access=Access.PUBLIC,
    answers={200: ("База данных успешно сброшена", Message)},
)
def reset(_call: Call) -> Reply:
    """Сбросить брони и места; есть только там, где это включено настройкой"""
    service.reset()
    return message_reply("База данных успешно сброшена")


@routes.add("GET", "/health/live", access=Access.PUBLIC, answers={200: ("Процесс отвечает", None)})
def live(_call: Call) -> Reply:
    """Жив ли процесс"""
    return json_reply({"status": "ok"})


@routes.add(
    "GET",
    "/health/ready",
    access=Access.PUBLIC,
    answers={200: ("Можно слать запросы", None), 503: ("Нельзя, и почему", None)},
)
def ready(_call: Call) -> Reply:
    """Готов ли процесс: база данных, миграции, не останавливается ли"""
    obstacles = service.obstacles()
    return json_reply(
        {"status": "not ready" if obstacles else "ok", **obstacles}, 503 if obstacles else 200
    )


@routes.add("GET", "/metrics", access=Access.PUBLIC, answers={200: ("Метрики Prometheus", None)})
def exposition(_call: Call) -> Reply:
    """Метрики всех процессов этого хоста"""
    return Reply(200, metrics.exposition(), metrics.CONTENT_TYPE)
