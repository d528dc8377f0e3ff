"""Orders, touched places and messages in SQLite, so that a restart or a crash forgets nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from app.simulators.provider.records import Message, Order, Place

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""
_encode = msgspec.json.Encoder().encode


class Store:
    """The provider's memory; writes happen inside `transaction`, in one thread of control."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen as a whole."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def fact(self, name: str) -> int | None:
        """Return a number that was noted under a name."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def note(self, name: str, value: int) -> None:
        """Note a number under a name."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def save_order(self, order: Order) -> None:
        """Write an order as it is now."""
        self._db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?)", (order.id, _encode(order)))

    def save_place(self, place: Place) -> None:
        """Write a place as it is now."""
        self._db.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (place.id, _encode(place)))

    def save_message(self, message: Message) -> None:
        """Write a message that is under way."""
        self._db.execute(
            "INSERT OR REPLACE INTO messages VALUES (?, ?)", (message.seq, _encode(message))
        )

    def drop_message(self, message: Message) -> None:
        """Forget a message that arrived."""
        self._db.execute("DELETE FROM messages WHERE seq = ?", (message.seq,))

    def orders(self) -> list[Order]:
        """Return every order."""
        return self._all("SELECT body FROM orders", Order)

    def places(self) -> list[Place]:
        """Return every place that somebody touched."""
        return self._all("SELECT body FROM places", Place)

    def messages(self) -> list[Message]:
        """Return what is under way, oldest first."""
        return self._all("SELECT body FROM messages ORDER BY seq", Message)

    def forget(self) -> None:
        """Forget everything but the facts."""
        with self.transaction():
            for table in ("orders", "places", "messages"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608  Only names from above.

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _all(self, query: str, kind: type[T]) -> list[T]:
        decoder = msgspec.json.Decoder(kind)
        return [decoder.decode(body) for (body,) in self._db.execute(query)]
