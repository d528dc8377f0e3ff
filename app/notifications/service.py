"""The inbox of each user: what the relay's messages tell him, and what he has read."""

from __future__ import annotations

from app.kernel import errors
from app.kernel.auth import Principal
from app.kernel.db import Connection
from app.kernel.relay import Message
from app.notifications import queries, rules
from app.notifications.models import InboxEntry

TOPICS = rules.TOPICS


def store(connection: Connection, message: Message) -> None:
    """Consume a message: tell its user, once, however often it is delivered."""
    queries.store(connection, message, rules.words(message.topic, message.payload))


def list_notifications(user: Principal, *, page: int, size: int) -> list[InboxEntry]:
    """One page of the user's inbox, newest first."""
    return queries.listed(user.user_id, page=page, size=size)


def read(user: Principal, notification_id: int) -> None:
    """Note that the user has read a notification; the first time counts. Raises NotFound."""
    if not queries.mark_read(user.user_id, notification_id):
        raise errors.NotFound("Такого уведомления нет.", code="notification_not_found")
