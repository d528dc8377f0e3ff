"""Accounts out of a file like the organisers' users.csv, as many as a run needs."""

import csv
import gzip
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

import zstandard

from loadtest.accounts import BOOKING_ACCOUNTS, SULTAN, Account
from loadtest.stage import CannotStartError

GENERATOR_ACCOUNTS = (*BOOKING_ACCOUNTS, SULTAN)
COLUMNS = ("email", "password_plain")
INACTIVE = {"f", "false", "0", "no"}


def find_accounts(path: str | None, wanted: int) -> tuple[Account, ...]:
    """Return so many accounts of a file if it has them, or the organisers'; one at least."""
    wanted = max(1, wanted)
    if path is None:
        return GENERATOR_ACCOUNTS[:wanted]
    try:
        with _open(Path(path)) as file:
            accounts = tuple(islice(_accounts(path, file), wanted))
    except (OSError, EOFError, zstandard.ZstdError) as broken:
        raise CannotStartError(f"{path} cannot be read: {broken}.") from None
    except (UnicodeDecodeError, csv.Error) as broken:
        raise CannotStartError(f"{path} is no CSV in UTF-8: {broken}.") from None
    if not accounts:
        raise CannotStartError(f"{path} has no active account.")
    return accounts


def _open(path: Path) -> IO[str]:
    if path.suffix == ".zst":
        # Such a file may be many frames, one after the other.
        reader = zstandard.ZstdDecompressor().stream_reader(
            path.open("rb"), read_across_frames=True, closefd=True
        )
        return io.TextIOWrapper(reader, encoding="utf-8", newline="")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _accounts(path: str, file: IO[str]) -> Iterator[Account]:
    rows = csv.reader(file, strict=True)
    header = next(rows, [])
    if missing := [name for name in COLUMNS if name not in header]:
        raise CannotStartError(
            f"{path} has no column {missing[0]} in its first line, so it is no file of accounts."
        )
    email, password = (header.index(name) for name in COLUMNS)
    active = header.index("is_active") if "is_active" in header else None
    seen: set[str] = set()
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise _bad(path, rows.line_num, f"{len(row)} fields instead of {len(header)}")
        if "@" not in row[email] or ":" in row[email] or not row[password]:
            raise _bad(path, rows.line_num, "no e-mail address or no password")
        if row[email] in seen:
            raise _bad(path, rows.line_num, f"{row[email]} a second time")
        seen.add(row[email])
        if active is None or row[active].lower() not in INACTIVE:
            yield Account(row[email], row[password])


def _bad(path: str, line: int, what: str) -> CannotStartError:
    return CannotStartError(f"{path}, line {line}: {what}; nothing was sent.")
