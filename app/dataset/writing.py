"""Writes a generated dataset as the organisers' files.

Blocks of rows are made and compressed side by side in several processes, and written in order. So
a compressed file is many zstd frames, or gzip members, one after the other: both formats allow it.
"""

from __future__ import annotations

import csv
import gzip
import io
import multiprocessing
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from datetime import date, datetime
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import zstandard
from tqdm import tqdm

from app.dataset import generate
from app.dataset.generate import Size
from app.dataset.records import Event, User

Compression = Literal["zst", "gz", ""]
Format = Literal["csv", "json", "sql"]
Table = Literal["users", "events", "events_archive"]

USERS_HEADER = (
    *("user_id", "email", "password_hash", "password_plain", "first_name", "surname"),
    *("birthday", "registered_at", "is_active", "last_logged_in"),
)
_ROWS_PER_INSERT = 1_000
_BLOCKS_PER_PROCESS = 4  # Fewer are made sooner than a process starts.


class _Recipe(NamedTuple):
    """Everything a block of a file is made from."""

    table: Table
    format: Format
    size: Size
    seed: int
    now: datetime
    compression: Compression


def write_files(
    folder: Path,
    size: Size,
    now: datetime,
    *,
    seed: int = 1,
    compression: Compression = "zst",
    formats: Collection[Format] = ("csv", "json"),
    processes: int | None = None,
) -> list[Path]:
    """Write users.csv, both .json of events, and their .sql if asked to; files appear complete.

    `now` says which 90 days the events on sale are in; `processes` are as many as the host has
    cores if not given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[Format, tuple[Table, ...]] = {
        "csv": ("users",),
        "json": ("events", "events_archive"),
        "sql": ("users", "events", "events_archive"),
    }
    return [
        _write_file(
            folder,
            _Recipe(table, format_, size, seed, now, compression),
            processes or os.cpu_count() or 1,
        )
        for format_, its_tables in tables.items()
        if format_ in formats
        for table in its_tables
    ]


def _write_file(folder: Path, recipe: _Recipe, processes: int) -> Path:
    suffix = f".{recipe.compression}" if recipe.compression else ""
    path = folder / f"{recipe.table}.{recipe.format}{suffix}"
    part = path.with_name(path.name + ".part")
    rows = {
        "users": recipe.size.users,
        "events": recipe.size.events,
        "events_archive": recipe.size.archived,
    }[recipe.table]
    blocks = range(-(-rows // generate.BLOCK))
    head, tail = {
        "csv": (",".join(USERS_HEADER) + "\n", ""),
        "json": ("[\n", "\n]\n"),
        "sql": ("", ""),
    }[recipe.format]
    progress = tqdm(total=rows, desc=path.name, unit=" rows", unit_scale=True, disable=None)
    with progress, part.open("wb") as file:
        file.write(_compress(head, recipe.compression))
        for block in _in_order(partial(_block, recipe), blocks, processes):
            file.write(block)
            progress.update(min(generate.BLOCK, rows - progress.n))
        file.write(_compress(tail, recipe.compression))
    part.replace(path)
    return path


def _in_order(make: Callable[[int], bytes], blocks: range, processes: int) -> Iterator[bytes]:
    """What `make` makes of the blocks, each process taking every n-th of them."""
    processes = min(processes, len(blocks) // _BLOCKS_PER_PROCESS)
    if processes < 2:  # noqa: PLR2004 - this one does it
        yield from map(make, blocks)
        return
    # Forking would copy the threads' locks of whoever calls.
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        readers = []
        for number in range(processes):
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(
                target=_make_blocks, args=(make, blocks[number::processes], writer), daemon=True
            )
            process.start()
            writer.close()
            stack.callback(process.join)
            stack.callback(process.terminate)
            readers.append(stack.enter_context(reader))
        for block in blocks:
            yield readers[block % processes].recv_bytes()


def _make_blocks(make: Callable[[int], bytes], blocks: range, writer: Connection) -> None:
    # A full pipe makes a process wait for the one whose turn it is.
    for block in blocks:
        writer.send_bytes(make(block))


def _block(recipe: _Recipe, block: int) -> bytes:
    first, last = block * generate.BLOCK, (block + 1) * generate.BLOCK
    text: str | bytes
    if recipe.table == "users":
        users = generate.users(recipe.size, recipe.seed, first, last)
        text = _csv(users) if recipe.format == "csv" else _sql("users", (user for user, _ in users))
        return _compress(text, recipe.compression)
    if recipe.table == "events":
        every = generate.events(recipe.size, recipe.now, recipe.seed)
        events: Iterator[Event] = islice(every, first, last)
    else:
        events = generate.archived(recipe.size, recipe.seed, first, last)
    text = _json(events, block) if recipe.format == "json" else _sql(recipe.table, events)
    return _compress(text, recipe.compression)


def _compress(text: str | bytes, compression: Compression) -> bytes:
    plain = text.encode() if isinstance(text, str) else text
    if not plain or not compression:
        return plain
    if compression == "gz":
        return gzip.compress(plain, compresslevel=6, mtime=0)
    return zstandard.ZstdCompressor(level=3).compress(plain)


def _csv(users: Iterable[tuple[User, str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        (
            *(user.user_id, user.email, user.password_hash, password),
            *(user.first_name, user.surname, user.birthday, user.registered_at),
            *(user.is_active, user.last_logged_in),
        )
        for user, password in users
    )
    return text.getvalue()


def _json(events: Iterable[Event], block: int) -> bytes:
    encode = msgspec.json.Encoder().encode
    objects = b",\n".join(encode(dict(zip(Event._fields, event, strict=True))) for event in events)
    return b",\n" + objects if block else objects


def _sql(table: Table, rows: Iterable[User] | Iterable[Event]) -> str:
    columns = User._fields if table == "users" else Event._fields
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES\n"
    every = iter(rows)
    statements = []
    while some := list(islice(every, _ROWS_PER_INSERT)):
        values = ",\n".join(f"({', '.join(map(_literal, row))})" for row in some)
        statements.append(f"{insert}{values};\n")
    return "".join(statements)


def _literal(value: int | str | bool | date | datetime | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
