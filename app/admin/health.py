"""`doctor`, `reconcile`, `differences`: whether all agrees, and what does not."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import msgspec

from app.admin.work import operator
from app.operations import differences, doctor, reconciling
from app.operations.models import Difference


class Unwell(Exception):
    """Something is wrong, and it has been said what."""


def add_to(areas: Any) -> None:
    """Declare the commands."""
    command = areas.add_parser("doctor", help="one screen: is all well?")
    command.add_argument("--json", action="store_true", help="for a program")
    command.set_defaults(run=_doctor)
    command = areas.add_parser("reconcile", help="compare with the services outside, now")
    command.set_defaults(run=_reconcile)
    commands = areas.add_parser("differences", help="what does not agree").add_subparsers(
        required=True, metavar="list|resolve"
    )
    command = commands.add_parser("list", help="what waits for a person")
    command.add_argument("--closed", action="store_true", help="healed, resolved, gone, instead")
    command.set_defaults(run=_list)
    command = commands.add_parser("resolve", help="you have dealt with it")
    command.add_argument("id", type=int)
    command.add_argument("--note", required=True, help="how")
    command.set_defaults(run=_resolve)


def _doctor(options: argparse.Namespace) -> Iterable[str]:
    lines = doctor.examine()
    if options.json:
        is_well = doctor.is_well(lines)
        yield msgspec.json.encode({"is_well": is_well, "lines": lines}).decode()
    else:
        for line in lines:
            yield f"{'ok' if line.is_ok else '!!'}  {line.name:<12}{line.text}"
    if not doctor.is_well(lines):
        raise Unwell


def _reconcile(_options: argparse.Namespace) -> Iterable[str]:
    is_complete = True
    for outcome in reconciling.run():
        is_complete &= not outcome.error
        yield (
            f"{outcome.part:<8} {outcome.examined} examined, {outcome.found} differ, "
            f"{outcome.healed} healed{': ' if outcome.error else ''}{outcome.error}"
        )
    if not is_complete:
        raise Unwell


def _list(options: argparse.Namespace) -> Iterable[str]:
    found = differences.history() if options.closed else differences.listed()
    for one in found:
        yield _line(one)
    yield f"{len(found)} differences"


def _line(one: Difference) -> str:
    end = f"since {one.first_seen:%Y-%m-%d %H:%M:%S} UTC"
    if one.healed_at:
        end = f"healed {one.healed_at:%Y-%m-%d %H:%M:%S} UTC"
    elif one.resolved_at:
        end = f"resolved by {one.resolved_by}: {one.note}"
    elif one.closed_at:
        end = f"gone {one.closed_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{one.id:>6}  {one.kind} {one.subject}  ours: {one.ours}  theirs: {one.theirs}  {end}"


def _resolve(options: argparse.Namespace) -> Iterable[str]:
    differences.resolve(options.id, actor=operator(), note=options.note)
    yield f"Difference {options.id} is resolved."
