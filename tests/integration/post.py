"""Messages of a test's own in the outbox, and consumers of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from app.kernel import db, outbox, relay

TOPIC = "test.said"


@contextmanager
def probe(sql: psycopg.Connection[Any]) -> Iterator[Callable[[], list[int]]]:
    """A table that `write` writes into; tells the numbers in it, in their order."""
    sql.execute("CREATE TABLE relay_probe (number integer)")
    try:
        yield lambda: [row[0] for row in sql.execute("SELECT number FROM relay_probe ORDER BY 1")]
    finally:
        sql.execute("DROP TABLE relay_probe")


def write(connection: db.Connection, message: relay.Message) -> None:
    """A consumer that writes each number into the probe."""
    connection.execute("INSERT INTO relay_probe VALUES (%(number)s)", message.payload)


@dataclass
class Post:
    """A key or two of a test's own, and a consumer that remembers what it was told."""

    sql: psycopg.Connection[Any]
    key: str = field(default_factory=lambda: f"test-{secrets.token_hex(6)}")
    told: list[int] = field(default_factory=list)
    poison: set[int] = field(default_factory=set)

    @property
    def other_key(self) -> str:
        return f"{self.key}-other"

    @property
    def consumers(self) -> relay.Consumers:
        return {TOPIC: [self.consume]}

    def publish(self, *numbers: int, key: str | None = None, topic: str = TOPIC) -> list[int]:
        """Publish a message for each number in turn; returns their ids."""
        for number in numbers:
            with db.transaction() as connection:
                outbox.publish(connection, topic, key or self.key, {"number": number})
        return self.ids(key)[-len(numbers) :]

    def consume(self, _connection: db.Connection, message: relay.Message) -> None:
        number = message.payload["number"]
        if number in self.poison:
            raise ValueError(f"{number} is poison\0")
        self.told.append(number)

    def ids(self, key: str | None = None) -> list[int]:
        found = self.sql.execute(
            "SELECT id FROM outbox WHERE key = %s ORDER BY id", [key or self.key]
        )
        return [row[0] for row in found]

    def dead(self) -> list[int]:
        found = self.sql.execute("SELECT id FROM outbox WHERE dead_at IS NOT NULL ORDER BY id")
        return [row[0] for row in found]

    def make_due(self) -> None:
        """Make it the turn of every message of ours that waits."""
        self.sql.execute(
            "UPDATE outbox SET try_at = now() WHERE key LIKE %s AND try_at IS NOT NULL",
            [f"{self.key}%"],
        )

    def kill(self, number: int) -> int:
        """Let a poisonous message fail until it is dead; returns its id."""
        self.poison.add(number)
        (message_id,) = self.publish(number)
        for _ in range(8):
            self.make_due()
            relay.deliver(self.consumers)
        return message_id


@pytest.fixture
def post(app: Any, sql: psycopg.Connection[Any]) -> Iterator[Post]:
    """An outbox without anybody else's messages: their tests are over."""
    del app
    sql.execute("DELETE FROM outbox")
    post = Post(sql)
    yield post
    sql.execute("DELETE FROM outbox WHERE key LIKE %s", [f"{post.key}%"])
