"""Payments in SQLite, so that a restart or a crash forgets nothing."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from app.simulators.gateway.rules import Status

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL CONSTRAINT payments_order_id_is_used_once UNIQUE,
    status TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    description TEXT,
    email TEXT,
    success_url TEXT,
    fail_url TEXT,
    notification_url TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    captured INTEGER NOT NULL CHECK (captured BETWEEN 0 AND amount),
    refunded INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND captured)
);
CREATE INDEX IF NOT EXISTS payments_unpaid_by_expiry ON payments (expires_at)
    WHERE status IN ('NEW', 'FORM_SHOWED');
"""


class DuplicateOrderError(Exception):
    """The order id was used before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One payment; sums are in tiyn, times are aware UTC."""

    id: str
    order_id: str
    status: Status
    amount: int
    currency: str
    description: str | None
    email: str | None
    success_url: str | None
    fail_url: str | None
    notification_url: str | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    captured: int = 0
    refunded: int = 0


_COLUMNS = [column.name for column in fields(Payment)]
_TIMES = ("created_at", "updated_at", "expires_at")
_INSERT = (
    f"INSERT INTO payments ({', '.join(_COLUMNS)}) "  # noqa: S608  Only names from above.
    f"VALUES ({', '.join(':' + name for name in _COLUMNS)})"
)


class Store:
    """The gateway's memory; reads and writes happen inside `transaction`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen as a whole, one caller at a time."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def next_id(self, now: datetime) -> str:
        """Return an unused payment id that looks like the gateway's: 14 digits, growing."""
        (last,) = self._db.execute("SELECT max(id) FROM payments").fetchone()
        return str(max(int(now.timestamp() * 1000) * 10, int(last or 0) + 1))

    def add(self, payment: Payment) -> None:
        """Remember a new payment, or raise DuplicateOrderError."""
        try:
            self._db.execute(_INSERT, _row(payment))
        except sqlite3.IntegrityError as error:
            if "payments.order_id" in str(error):
                raise DuplicateOrderError(payment.order_id) from error
            raise

    def save(self, payment: Payment) -> None:
        """Write what can change in a payment."""
        self._db.execute(
            "UPDATE payments SET status = :status, captured = :captured, refunded = :refunded, "
            "updated_at = :updated_at WHERE id = :id",
            _row(payment),
        )

    def find(self, payment_id: str) -> Payment | None:
        """Return the payment with this id."""
        return self._first("SELECT * FROM payments WHERE id = ?", payment_id)

    def find_by_order(self, order_id: str) -> Payment | None:
        """Return the payment of this order."""
        return self._first("SELECT * FROM payments WHERE order_id = ?", order_id)

    def expired(self, now: datetime) -> list[Payment]:
        """Return the payments that nobody paid in time."""
        query = "status IN ('NEW', 'FORM_SHOWED') AND expires_at <= ? ORDER BY expires_at"
        return self._all(f"SELECT * FROM payments WHERE {query}", _text(now))  # noqa: S608  Fixed.

    def latest(self, limit: int) -> list[Payment]:
        """Return the newest payments, newest first."""
        return self._all("SELECT * FROM payments ORDER BY id DESC LIMIT ?", limit)

    def all(self) -> list[Payment]:
        """Return every payment, oldest first."""
        return self._all("SELECT * FROM payments ORDER BY id")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _first(self, query: str, value: str) -> Payment | None:
        row = self._db.execute(query, (value,)).fetchone()
        return _payment(row) if row else None

    def _all(self, query: str, *values: str | int) -> list[Payment]:
        return [_payment(row) for row in self._db.execute(query, values)]


def _text(moment: datetime) -> str:
    # Always with microseconds, so that texts sort as the moments do.
    return moment.isoformat(timespec="microseconds")


def _row(payment: Payment) -> dict[str, Any]:
    return asdict(payment) | {name: _text(getattr(payment, name)) for name in _TIMES}


def _payment(row: sqlite3.Row) -> Payment:
    values: dict[str, Any] = dict(row)
    values["status"] = Status(values["status"])
    return Payment(**values | {name: datetime.fromisoformat(values[name]) for name in _TIMES})
