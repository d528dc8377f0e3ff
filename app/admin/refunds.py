"""`refunds`: money that is owed back, until it is paid."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from app.admin.work import operator
from app.kernel import money
from app.payments import refunds
from app.payments.models import Refund, RefundStatus


def add_to(areas: Any) -> None:
    """Declare the commands."""
    commands = areas.add_parser("refunds", help="money that is owed back").add_subparsers(
        required=True, metavar="list|show|retry|paid"
    )
    every = commands.add_parser("list", help="what is not paid back yet")
    every.add_argument("--paid", action="store_true", help="what is paid back, instead")
    every.set_defaults(run=_list)
    for name, run, meaning in (
        ("show", _show, "everything about one"),
        ("retry", _retry, "have a worker try it now"),
        ("paid", _paid, "you have paid it some other way"),
    ):
        command = commands.add_parser(name, help=meaning)
        command.add_argument("id", type=int)
        command.set_defaults(run=run)
        if name == "paid":
            command.add_argument("--note", required=True, help="how: the number of a transfer")


def _list(options: argparse.Namespace) -> Iterable[str]:
    wanted = (
        [RefundStatus.PAID]
        if options.paid
        else [s for s in RefundStatus if s is not RefundStatus.PAID]
    )
    found = refunds.listed(*wanted)
    for refund in found:
        yield _line(refund)
    total: dict[str, int] = {}
    for refund in found:
        total[refund.currency] = total.get(refund.currency, 0) + refund.amount_minor
    sums = ", ".join(f"{money.decimal_string(sum_)} {code}" for code, sum_ in total.items())
    yield f"{len(found)} refunds{', ' if sums else ''}{sums}"


def _show(options: argparse.Namespace) -> Iterable[str]:
    refund = refunds.find(options.id)
    yield _line(refund)
    yield f"  since     {refund.created_at:%Y-%m-%d %H:%M:%S} UTC"
    for line_id, row, number, amount in refunds.places(refund):
        yield f"  for       {_place(line_id, row, number)}, {money.decimal_string(amount)}"
    beside = refunds.beside(refund)
    for other in beside:
        yield f"  beside    {_line(other).lstrip()}"
    if refund.paid_at:
        yield f"  paid      {refund.paid_at:%Y-%m-%d %H:%M:%S} UTC {refund.note}".rstrip()
    else:
        yield f"  next try  {refund.try_at:%Y-%m-%d %H:%M:%S} UTC, {refund.attempts} so far"
        yield f"  last said {refund.last_error or 'nothing yet'}"
        if any(other.status is RefundStatus.UNCLEAR for other in beside):
            yield "  waits     until somebody has found out what is UNCLEAR beside it"


def _retry(options: argparse.Namespace) -> Iterable[str]:
    refunds.retry(options.id, actor=operator())
    yield f"A worker tries refund {options.id} now."


def _paid(options: argparse.Namespace) -> Iterable[str]:
    refunds.pay_by_hand(options.id, actor=operator(), note=options.note)
    yield _line(refunds.find(options.id))


def _place(line_id: int | None, row: int | None, number: int | None) -> str:
    if line_id is None:
        return "money for which nothing was sold"
    # A reset erases lines, never money.
    return f"line {line_id}, " + (
        "its seat is not known" if row is None else f"row {row} seat {number}"
    )


def _line(refund: Refund) -> str:
    amount = f"{money.decimal_string(refund.amount_minor)} {refund.currency}"
    return f"{refund.id:>8}  {refund.status:<7}  order {refund.order_id}  {amount}"
