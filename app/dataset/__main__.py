"""`python -m app.dataset`: import the files of a dataset, generate some, or fetch seats."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from app.dataset import importing, seats, sessions
from app.dataset.errors import Refused
from app.dataset.report import say

_FAILED, _REFUSED = 1, 2
_DEFAULT_SEATS = 100


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; 0 is done, 1 failed on the way, 2 refused with nothing changed."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.set_threshold(50_000)  # Batches are thousands of tuples without a cycle.
    try:
        status: int = options.command(options)
    except Refused as error:
        say(f"Refused: {error}")
        return _REFUSED
    except seats.Unavailable as error:
        say(str(error))
        return _FAILED
    except psycopg.Error as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        say(f"The database failed: {lines[0]}. The same command goes on where this ended.")
        return _FAILED
    except KeyboardInterrupt:
        say("Broken off. The same command goes on where this ended.")
        return _FAILED
    return status


def _import(options: argparse.Namespace) -> int:
    return importing.run(
        importing.Options(
            folder=options.folder,
            database_url=_database(options),
            rejects=options.rejects or Path(os.environ.get("DATA_DIR") or ".data") / "rejects",
            provider_url=options.provider,
            repair=options.repair,
            seats_per_event=options.seats_per_event,
            event1_start=options.event1_start,
        )
    )


def _generate(options: argparse.Namespace) -> int:
    from app.dataset import generate, writing  # noqa: PLC0415 - a large vocabulary

    formats: tuple[writing.Format, ...] = ("sql",) if options.sql else ("csv", "json")
    for path in writing.write_files(
        options.folder,
        generate.SIZES[options.size],
        datetime.now(UTC),
        seed=options.seed,
        compression="" if options.compression == "none" else options.compression,
        formats=formats,
    ):
        say(f"{path}: {path.stat().st_size:,} bytes")
    return 0


def _seats(options: argparse.Namespace) -> int:
    if not options.provider:
        raise Refused("Where are the places? Give --provider URL, or set EVENT_PROVIDER_URL.")
    with sessions.only_import(_database(options)) as connection:
        changed = seats.bring(connection, options.provider)
        if changed:
            connection.execute("VACUUM (ANALYZE) seats, zones")
    say(f"{changed:,} seats of event 1 are new or changed.")
    return 0


def _database(options: argparse.Namespace) -> str:
    url: str = options.database
    if not url:
        raise Refused("Into which database? Give --database URL, or set DATABASE_URL.")
    return url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.dataset", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    outside = argparse.ArgumentParser(add_help=False)
    outside.add_argument(
        "--database", default=os.environ.get("DATABASE_URL", ""), metavar="URL",
        help="PostgreSQL to import into, with the newest schema (DATABASE_URL)",
    )  # fmt: skip
    outside.add_argument(
        "--provider", default=os.environ.get("EVENT_PROVIDER_URL", ""), metavar="URL",
        help="event provider that has the places of event 1 (EVENT_PROVIDER_URL)",
    )  # fmt: skip

    command = commands.add_parser(
        "import", parents=[outside], help="import users, events and archive from a folder"
    )
    command.set_defaults(command=_import)
    command.add_argument("folder", type=Path)
    command.add_argument(
        "--repair", action="store_true", help="correct titles read in a wrong character set"
    )
    command.add_argument(
        "--rejects", type=Path, metavar="FOLDER",
        help="where to write rows that are left out (DATA_DIR/rejects)",
    )  # fmt: skip
    command.add_argument(
        "--seats-per-event", type=_whole, default=_DEFAULT_SEATS, metavar="N",
        help="seats of an event that has none (%(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--event1-start", type=_wall_time, metavar="TIME",
        help="when event 1 is, in Almaty (in 30 days at 20:00, if its own start is past)",
    )  # fmt: skip

    command = commands.add_parser("generate", help="make the files of a dataset up")
    command.set_defaults(command=_generate)
    command.add_argument("size", choices=("small", "hackathon", "full"))
    command.add_argument("folder", type=Path)
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--compression", choices=("zst", "gz", "none"), default="zst")
    command.add_argument("--sql", action="store_true", help="INSERT statements, not CSV and JSON")

    command = commands.add_parser(
        "seats", parents=[outside], help="bring the seats of event 1 to what the provider has"
    )
    command.set_defaults(command=_seats)
    return parser


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _wall_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise argparse.ArgumentTypeError("the time on the clocks of Almaty has no zone")
    return moment


if __name__ == "__main__":
    sys.exit(main())
