"""What an operator does by hand: `python -m app.admin refunds list|show|retry|paid`.

Works on DATABASE_URL. Exit code 0: done; 1: refused, and one sentence says why; 2: wrong arguments.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - after the patch, as everything here
import getpass  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterable, Sequence  # noqa: E402

from app.kernel import config, db, errors, money  # noqa: E402
from app.payments import refunds  # noqa: E402
from app.payments.models import Refund, RefundStatus  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = _parse(arguments)
    try:
        for line in options.run(options):
            sys.stdout.write(f"{line}\n")
    except (errors.Problem, config.SettingsError) as problem:
        sys.stderr.write(f"{getattr(problem, 'detail', '') or problem}\n")
        return 1
    finally:
        db.close()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.admin")
    areas = parser.add_subparsers(required=True, metavar="refunds")
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
    return parser.parse_args(arguments)


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
    refunds.retry(options.id)
    yield f"A worker tries refund {options.id} now."


def _paid(options: argparse.Namespace) -> Iterable[str]:
    refunds.pay_by_hand(options.id, actor=f"operator:{getpass.getuser()}", note=options.note)
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


if __name__ == "__main__":
    sys.exit(main())
