"""Hands the outbox's messages to their consumers: at least once, in order per key.

Consumers work in the database, in the transaction that deletes the message, so what they write
there happens exactly once. They call nobody else: one slow answer would hold up all messages.

One relay is at work at a time, whichever worker's: two would overtake each other within a key. The
lock ends with its transaction, so another goes on when a worker dies.

The order of ids is the order of what happened, though the order of a sequence is not that of
commits. A writer locks what its key names before it draws an id. So of two messages of a key the
second's writer has either seen the first one committed, which is the smaller id then and visible to
whoever sees the second; or it locked something else (a refund is paid under the lock of its
payment, when the booking may be gone), and then neither knew of the other and any order is true.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from app.kernel import audit, db, errors, metrics
from app.kernel.wake import wake

log = logging.getLogger(__name__)

JOB = "messages"
"""What the job of the worker is called."""
CALLS = 50
"""Messages with consumers in one transaction: each is a savepoint, and above 64 of these
PostgreSQL makes everybody's snapshots dearer."""

_BATCH = 500
_BATCH_SECONDS = 1.0
_TRIES = 8
_FIRST_PAUSE = 5.0
_COUNTED = 10_000
_LOCK = 7_206_583_074


class Message(NamedTuple):
    """What somebody has to say, and how its delivery goes."""

    id: int
    topic: str
    key: str
    payload: dict[str, Any]
    created_at: datetime
    attempts: int
    last_error: str
    try_at: datetime | None
    dead_at: datetime | None
    """Since when it is not tried any more; it waits for a person."""


class Backlog(NamedTuple):
    """How far the relay is behind."""

    waiting: int
    """At most 10,000 are counted."""
    oldest_seconds: float
    dead: int


Consumer = Callable[[db.Connection, Message], None]
Consumers = Mapping[str, Sequence[Consumer]]
"""Who wants the messages of a topic; those of all others are just deleted."""

# A batch is not worth starting parallel processes for.
_TRY_LOCK = """
    SELECT pg_try_advisory_xact_lock(%(lock)s),
           set_config('max_parallel_workers_per_gather', '0', true)
"""
_AWAIT_LOCK = "SELECT pg_advisory_xact_lock(%(lock)s)"
# After the lock's own statement, so that the snapshot has what the relay before has done. Counting
# stays a look into the small index of failures for each row; EXISTS becomes a join, whose plan is
# kept while tables grow. The clock stands still, or one whose turn comes now could be overtaken.
_TAKE = """
    SELECT id, topic, key, CASE WHEN topic = ANY(%(topics)s) THEN payload END, created_at,
           attempts, last_error, try_at, dead_at
    FROM outbox o
    WHERE dead_at IS NULL AND (try_at IS NULL OR try_at <= statement_timestamp()) AND 0 = (
        SELECT count(*) FROM outbox f
        WHERE f.key = o.key AND f.attempts > 0 AND f.dead_at IS NULL
          AND f.try_at > statement_timestamp())
    ORDER BY id LIMIT %(limit)s
"""
_DELETE = "DELETE FROM outbox WHERE id = ANY(%(ids)s)"
_NOTE_FAILURE = """
    UPDATE outbox SET attempts = attempts + 1, last_error = %(error)s,
        try_at = clock_timestamp() + (0.75 + random() / 2)
            * %(first)s * 2.0 ^ attempts * interval '1 second',
        dead_at = CASE WHEN attempts + 1 >= %(tries)s THEN clock_timestamp() END
    WHERE id = %(id)s
    RETURNING dead_at IS NOT NULL
"""


def deliver(consumers: Consumers) -> int:
    """Deliver one batch; returns how many messages were delivered or failed.

    A message whose consumer raises is tried again later, ever more rarely, and the later ones of
    its key wait behind it. After 8 tries it is dead: it stays for an operator, and the others of
    its key go on without it.
    """
    with db.transaction() as connection:
        if not _holds(connection.execute(_TRY_LOCK, {"lock": _LOCK}).fetchone()):
            return 0
        wanted = {"topics": list(consumers), "limit": _BATCH}
        batch = [Message(*row) for row in connection.execute(_TAKE, wanted)]
        delivered, dead, failures = _call(connection, consumers, batch)
        if delivered:
            connection.execute(_DELETE, {"ids": [message.id for message in delivered]})
    for message in delivered:
        metrics.MESSAGES_DELIVERED.labels(message.topic).inc()
    for message in dead:
        metrics.MESSAGES_DEAD.labels(message.topic).inc()
    return len(delivered) + failures


def _call(
    connection: db.Connection, consumers: Consumers, batch: Iterable[Message]
) -> tuple[list[Message], list[Message], int]:
    """Call the consumers; returns what was delivered, what is dead now, and how many failed."""
    give_up_at = time.monotonic() + _BATCH_SECONDS
    delivered: list[Message] = []
    dead: list[Message] = []
    blocked: set[str] = set()
    calls = 0
    for message in batch:
        if message.key in blocked:
            continue
        if wanting := consumers.get(message.topic, ()):
            if calls == CALLS or time.monotonic() > give_up_at:
                break
            calls += 1
            if (error := _fault(connection, wanting, message)) is not None:
                blocked.add(message.key)
                if _note_failure(connection, message, error):
                    dead.append(message)
                continue
        delivered.append(message)
    return delivered, dead, len(blocked)


def _fault(
    connection: db.Connection, consumers: Sequence[Consumer], message: Message
) -> str | None:
    """Call a message's consumers, all or none; what went wrong, if something did."""
    try:
        with connection.transaction():
            for consume in consumers:
                consume(connection, message)
    except Exception as error:
        if connection.closed:
            raise  # It is the database, not the message.
        log.exception("message not delivered", extra={"message_id": message.id})
        return f"{type(error).__name__}: {error}"
    return None


def _note_failure(connection: db.Connection, message: Message, error: str) -> bool:
    """Store when the next try is; whether there is none because the message is dead now."""
    # What an exception quotes may be nothing that PostgreSQL can store.
    storable = error.encode("utf-8", "replace").decode().replace("\0", "")[:500]
    noted = {"id": message.id, "error": storable, "first": _FIRST_PAUSE, "tries": _TRIES}
    return _holds(connection.execute(_NOTE_FAILURE, noted).fetchone())


def _holds(row: db.Row | None) -> bool:
    return row is not None and bool(row[0])


_COLUMNS = "id, topic, key, payload, created_at, attempts, last_error, try_at, dead_at"
_FIND = f"SELECT {_COLUMNS} FROM outbox WHERE id = %(id)s"  # noqa: S608 - a constant
_RETRY = "UPDATE outbox SET attempts = 0, try_at = NULL, dead_at = NULL WHERE id = %(id)s"
_DISCARD = """
    WITH message AS (
        DELETE FROM outbox WHERE id = %(id)s AND attempts > 0
        RETURNING id, topic, key, payload, created_at, attempts, last_error, dead_at
    ), kept AS (
        INSERT INTO discarded_messages
            (id, topic, key, payload, created_at, attempts, last_error, actor, note)
        SELECT id, topic, key, payload, created_at, attempts, last_error, %(actor)s, %(note)s
        FROM message
    )
    SELECT CASE WHEN dead_at IS NULL THEN 'FAILED' ELSE 'DEAD' END FROM message
"""
_BACKLOG = """
    SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE dead_at IS NULL LIMIT %(most)s) AS few),
           (SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
            FROM outbox WHERE dead_at IS NULL ORDER BY id LIMIT 1),
           (SELECT count(*) FROM outbox WHERE attempts > 0 AND dead_at IS NOT NULL)
"""


def find_message(message_id: int) -> Message:
    """The undelivered message with this id. Raises NotFound."""
    row = db.one(_FIND, {"id": message_id})
    if row is None:
        raise _no_such_message()
    return Message(*row)


def retry_message(message_id: int, actor: str) -> None:
    """Have a relay try a message now, as if for the first time. Raises NotFound, Busy."""
    with db.transaction() as connection:
        connection.execute(_AWAIT_LOCK, {"lock": _LOCK})
        if connection.execute(_RETRY, {"id": message_id}).rowcount == 0:
            raise _no_such_message()
        audit.record(
            connection,
            actor=actor,
            action="message.retried",
            entity="message",
            entity_id=message_id,
            from_status=None,
            to_status="DUE",
        )
        wake(connection, JOB)


def discard_message(message_id: int, actor: str, note: str) -> None:
    """Give up a message that failed, for the reason in `note`. Raises NotFound, Conflict, Busy."""
    with db.transaction() as connection:
        # With no relay at work nothing can be discarded and delivered at once.
        connection.execute(_AWAIT_LOCK, {"lock": _LOCK})
        why = {"id": message_id, "actor": actor, "note": note}
        row = connection.execute(_DISCARD, why).fetchone()
        if row is not None:
            audit.record(
                connection,
                actor=actor,
                action="message.discarded",
                entity="message",
                entity_id=message_id,
                from_status=str(row[0]),
                to_status="DISCARDED",
            )
    if row is None:
        find_message(message_id)
        raise errors.Conflict("Это сообщение ещё доставляется.", code="message_not_failed")


def backlog() -> Backlog:
    """How many messages wait, how long the oldest has, and how many are dead."""
    waiting, oldest, dead = db.one(_BACKLOG, {"most": _COUNTED}) or (0, None, 0)
    return Backlog(waiting, oldest or 0.0, dead)


def _no_such_message() -> errors.NotFound:
    return errors.NotFound("Такого сообщения нет.", code="message_not_found")
