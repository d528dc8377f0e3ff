"""Messages for the world outside the transaction, written in the same one as the change.

A relay (`relay.py`) hands them on at least once, in order per key. Hot statements insert their row
themselves, in the same round trip; `publish` is for all others.

Whoever publishes under a key locks what the key names first, the booking or, once a reset has
erased it, its payment; the relay says what that is good for.
"""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from app.kernel.db import Connection

_INSERT = "INSERT INTO outbox (topic, key, payload) VALUES (%(topic)s, %(key)s, %(payload)s)"


def publish(db: Connection, topic: str, key: str, payload: dict[str, Any]) -> None:
    """Store one message; messages with the same key keep their order."""
    db.execute(_INSERT, {"topic": topic, "key": key, "payload": Jsonb(payload)})
