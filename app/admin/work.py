"""`work`: what the workers could not do, in one list."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterable
from typing import Any

from app.kernel import money
from app.operations import service
from app.operations.models import Work, WorkKind


def add_to(areas: Any) -> None:
    """Declare the commands."""
    commands = areas.add_parser("work", help="what waits for a person").add_subparsers(
        required=True, metavar="list|show|retry|discard"
    )
    commands.add_parser("list", help="what waits for a person").set_defaults(run=_list)
    for name, run, meaning in (
        ("show", _show, "everything about one"),
        ("retry", _retry, "have a worker try it now"),
    ):
        command = commands.add_parser(name, help=meaning)
        command.add_argument("kind", type=WorkKind, choices=list(WorkKind))
        command.add_argument("id", type=int)
        command.set_defaults(run=run)
    command = commands.add_parser("discard", help="give a message up")
    command.add_argument("id", type=int)
    command.add_argument("--note", required=True, help="why")
    command.set_defaults(run=_discard)


def operator() -> str:
    """Who works at this terminal, as the audit log names it."""
    return f"operator:{getpass.getuser()}"


def _list(_options: argparse.Namespace) -> Iterable[str]:
    found = service.list_work()
    for one in found.items:
        yield _line(one)
        if one.last_error:
            yield f"{'':9}{one.last_error}"
    counts = ", ".join(f"{kind} {count}" for kind, count in found.counts.items() if count)
    yield counts or "nothing waits for a person"


def _line(work: Work) -> str:
    about = work.about
    if work.amount_minor is not None:
        about = f"{money.decimal_string(work.amount_minor)} {work.currency}, {about}"
    return (
        f"{work.kind:<8} {work.id}  {work.status}  since {work.since:%Y-%m-%d %H:%M:%S} UTC  "
        f"{work.attempts} tries  booking {work.booking_id or '-'}  {about}"
    )


def _show(options: argparse.Namespace) -> Iterable[str]:
    item = service.inspect(options.kind, options.id)
    yield f"{item.kind} {item.id}"
    yield from _fields(item.row)
    for name, rows in item.records.items():
        for row in rows:
            yield name
            yield from _fields(row)


def _fields(row: dict[str, Any]) -> Iterable[str]:
    width = max(map(len, row))
    for name, value in row.items():
        yield f"  {name:<{width}}  {'' if value is None else value}".rstrip()


def _retry(options: argparse.Namespace) -> Iterable[str]:
    service.retry(options.kind, options.id, actor=operator())
    yield f"A worker tries {options.kind} {options.id} now."


def _discard(options: argparse.Namespace) -> Iterable[str]:
    service.discard(options.id, actor=operator(), note=options.note)
    yield f"Message {options.id} is given up."
