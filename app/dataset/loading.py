"""Chunks of rows on their way into the database, each in one transaction with its record.

The record is a digest of the chunk: whoever goes on with an import that was broken off leaves out
the chunks that are recorded, and no row comes twice or is missing.
"""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple, Self

import psycopg
from psycopg.types.json import Jsonb

from app.dataset import sessions, tables
from app.dataset.batches import Bad
from app.dataset.sessions import Connection
from app.dataset.tables import Table

_WAITING = 2
"""Chunks that may wait beside those that are being loaded; they are what the memory is for."""
_CANCEL_AGAIN_SECONDS = 0.2
_DATA_ERRORS = ("22", "23", "54")
"""Classes of SQLSTATE that one row alone can cause."""


class Chunk(NamedTuple):
    """Lines for COPY, and where they come from."""

    data: bytes
    ids: list[int]
    numbers: list[int]
    lines: list[int] | None

    def bad(self, index: int, why: str) -> Bad:
        return Bad(self.numbers[index], self.lines[index] if self.lines else None, why)

    def part(self, first: int, last: int) -> Chunk:
        lines = self.data.splitlines(keepends=True)[first:last]
        return Chunk(
            b"".join(lines),
            self.ids[first:last],
            self.numbers[first:last],
            self.lines[first:last] if self.lines else None,
        )


class Loader:
    """Loads the chunks of one file through a few connections; a context manager."""

    def __init__(self, url: str, table: Table, import_id: int, done: set[bytes]) -> None:
        self.rejected: list[Bad] = []
        """Rows that the database did not take; complete when the loader has been closed."""
        self._url = url
        self._table = table
        self._import_id = import_id
        self._done = done
        self._places = threading.BoundedSemaphore(table.connections + _WAITING)
        self._threads = ThreadPoolExecutor(table.connections)
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._futures: list[Future[None]] = []
        self._is_new = False

    def __enter__(self) -> Self:
        with sessions.connect(self._url) as connection:
            # Ids come once in a file, so what it brings to an empty table is new.
            self._is_new = not self._done and tables.is_empty(connection, self._table.name)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._raise_failures(all_of_them=True)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            # Once is not enough: a cancel that comes between two statements stops neither.
            while not all(future.done() for future in self._futures):
                for connection in self._connections:
                    connection.cancel()
                wait(self._futures, timeout=_CANCEL_AGAIN_SECONDS)
            self._threads.shutdown(wait=True)
            for connection in self._connections:
                connection.close()

    def put(self, chunk: Chunk) -> None:
        """Have a chunk loaded, soon; waits while enough of them do. Raises psycopg.Error."""
        digest = hashlib.blake2b(chunk.data, digest_size=16).digest()
        if digest in self._done:
            return
        self._raise_failures(all_of_them=False)
        self._places.acquire()
        self._futures.append(self._threads.submit(self._load, chunk, digest))

    def _raise_failures(self, *, all_of_them: bool) -> None:
        for future in self._futures:
            if all_of_them or future.done():
                future.result()
        self._futures = [one for one in self._futures if not one.done()]

    def _load(self, chunk: Chunk, digest: bytes) -> None:
        try:
            connection = self._connection()
            with connection.transaction():
                bad = self._put(connection, chunk)
                connection.execute(
                    "INSERT INTO import_chunks (import_id, digest, rejected) VALUES (%s, %s, %s)",
                    [self._import_id, digest, Jsonb(bad)],
                )
            self.rejected += bad
        finally:
            self._places.release()

    def _put(self, connection: Connection, chunk: Chunk) -> list[Bad]:
        """Load a chunk; of one that the database does not take, all rows but the wrong ones."""
        if self._can_copy(connection, chunk):
            try:
                with connection.transaction():
                    tables.copy(connection, self._table, chunk.data)
            except psycopg.Error as error:
                _require_row_error(error)
            else:
                return []
        try:
            with connection.transaction():
                rejected = tables.merge(connection, self._table, chunk.data)
        except psycopg.Error as error:
            _require_row_error(error)
            if len(chunk.ids) == 1:
                return [chunk.bad(0, f"the database does not take it: {type(error).__name__}")]
            half = len(chunk.ids) // 2
            first, second = chunk.part(0, half), chunk.part(half, len(chunk.ids))
            return self._put(connection, first) + self._put(connection, second)
        return [chunk.bad(chunk.ids.index(key), why) for key, why in rejected.items()]

    def _can_copy(self, connection: Connection, chunk: Chunk) -> bool:
        return self._table.can_copy and (
            self._is_new
            or not tables.is_occupied(connection, self._table, min(chunk.ids), max(chunk.ids))
        )

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sessions.worker(self._url)
            self._connections.append(connection)
        return connection


def _require_row_error(error: psycopg.Error) -> None:
    if (error.sqlstate or "")[:2] not in _DATA_ERRORS:
        raise error
