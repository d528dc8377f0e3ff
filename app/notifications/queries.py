"""Notifications in the database."""

from __future__ import annotations

from app.kernel import db
from app.kernel.relay import Message
from app.notifications.models import InboxEntry, Text

# Of a message that comes twice the second is nothing new.
_STORE = """
    INSERT INTO notifications (message_id, user_id, topic, title, text, booking_id, event_id,
                               order_id, created_at)
    VALUES (%(message_id)s, %(user_id)s, %(topic)s, %(title)s, %(text)s, %(booking_id)s,
            %(event_id)s, %(order_id)s, %(created_at)s)
    ON CONFLICT ON CONSTRAINT notifications_one_a_message DO NOTHING
"""
_LIST = """
    SELECT id, topic, title, text, booking_id, created_at, read_at
    FROM notifications WHERE user_id = %(user_id)s
    ORDER BY created_at DESC, id DESC LIMIT %(size)s OFFSET %(skip)s
"""
_MARK_READ = """
    UPDATE notifications SET read_at = coalesce(read_at, clock_timestamp())
    WHERE id = %(id)s AND user_id = %(user_id)s
"""


def store(connection: db.Connection, message: Message, text: Text) -> None:
    """Put what a message says into the inbox of the user that it is about."""
    payload = message.payload
    order_id = payload.get("order_id")
    connection.execute(
        _STORE,
        {
            "message_id": message.id,
            "user_id": payload["user_id"],
            "topic": message.topic,
            "title": text.title,
            "text": text.text,
            "booking_id": payload.get("booking_id"),
            "event_id": payload.get("event_id"),
            "order_id": None if order_id is None else int(order_id),
            "created_at": message.created_at,
        },
    )


def listed(user_id: int, *, page: int, size: int) -> list[InboxEntry]:
    """One page of a user's inbox, newest first."""
    wanted = {"user_id": user_id, "size": size, "skip": (page - 1) * size}
    return [InboxEntry(*row) for row in db.rows(_LIST, wanted)]


def mark_read(user_id: int, notification_id: int) -> bool:
    """Note that a notification has been read; False if the user has none with this id."""
    with db.primary().connection() as connection:
        found = connection.execute(_MARK_READ, {"id": notification_id, "user_id": user_id})
        return found.rowcount == 1
