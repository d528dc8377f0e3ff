"""`make data`: the files of a dataset, handed out or made up, into the database of this machine."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from app.dataset import __main__ as dataset
from app.dataset import generate, importing, writing
from app.dataset.errors import Refused
from app.local.database import migrate, start_embedded
from app.local.postgres import StartError
from app.local.processes import CannotStart
from app.local.seed import add_demo_account
from app.local.simulators import start_provider

_REFUSED, _FAILED = 2, 1


def main() -> int:
    """Import from FROM, or data of a SIZE made up for it; the exit code is that of the import."""
    parser = argparse.ArgumentParser(prog="make data")
    for name in ("from", "size", "seed"):
        parser.add_argument(f"--{name}", default="", dest=f"{name}_")
    parser.add_argument("--data-dir", required=True, type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            return _run(stack, arguments, arguments.data_dir.resolve())
    except Refused as error:
        print(f"Refused: {error}", file=sys.stderr)
        return _REFUSED
    except (CannotStart, StartError) as error:
        print(error, file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("Broken off. The same command goes on where this ended.", file=sys.stderr)
        return _FAILED


def _run(stack: ExitStack, arguments: argparse.Namespace, data: Path) -> int:
    size, seed = arguments.size_, arguments.seed_ or "1"
    if bool(arguments.from_) == bool(size):
        raise Refused(
            "Say either where the files are, make data FROM=folder, or how many rows to make up,"
            f" make data SIZE={'|'.join(generate.SIZES)}."
        )
    if size and size not in generate.SIZES:
        raise Refused(f"SIZE={size} is none of {', '.join(generate.SIZES)}.")
    if not seed.isdecimal():
        raise Refused(f"SEED={seed} is not a whole number.")
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"DATA_DIR {data} cannot be used: {error.strerror}.") from None
    folder = _made_up(data, size, int(seed)) if size else Path(arguments.from_)
    importing.inspect(folder)
    url = os.environ.get("DATABASE_URL") or _database(stack, data)
    migrate(url)
    provider = os.environ.get("EVENT_PROVIDER_URL") or start_provider(stack, data)[1]
    outside = ("--database", url, "--provider", provider, "--rejects", str(data / "rejects"))
    status = dataset.main(["import", str(folder), *outside])
    if status != _REFUSED:
        with psycopg.connect(url) as connection:
            add_demo_account(connection)
    return status


def _made_up(data: Path, size: str, seed: int) -> Path:
    folder = data / f"dataset-{size}-{seed}"
    # A file appears when it is complete.
    names = ("users.csv.zst", "events.json.zst", "events_archive.json.zst")
    if not all((folder / name).exists() for name in names):
        print(f"Making up the files in {folder} ...", flush=True)
        writing.write_files(folder, generate.SIZES[size], datetime.now(UTC), seed=seed)
    return folder


def _database(stack: ExitStack, data: Path) -> str:
    """The PostgreSQL of a `make run` that is up on the same data, or one for the time of this."""
    lock = stack.enter_context((data / "lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        try:
            return (data / "database_url").read_text().strip()
        except OSError:
            raise Refused(
                f"{data} is in use, by something without a PostgreSQL of its own. Set DATABASE_URL."
            ) from None
    return start_embedded(stack, data)


if __name__ == "__main__":
    sys.exit(main())
