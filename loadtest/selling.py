"""What all scenarios that sell do: set everything free, let the buyers come, read what is left."""

import argparse
from collections.abc import Callable, Iterable

from loadtest import fleet
from loadtest.aftermath import look_after
from loadtest.gates import Gate
from loadtest.master import Staff
from loadtest.outcome import NO_SCHEDULE, Outcome
from loadtest.plan import Plan
from loadtest.sales import Sales
from loadtest.stage import reset

Judge = Callable[[Sales], tuple[list[Gate], list[str]]]
"""Says what a run was worth: its gates, and notes in sentences."""


def sell(options: argparse.Namespace, plan: Plan, events: Iterable[int], judge: Judge) -> Outcome:
    """Play a plan that sells these events, and decide on it and on what the accounts hold then.

    Nothing is played if the service cannot be reset.
    """
    staff = Staff.told(options)
    fleet.require_playable(plan, staff.parts)
    cleared = reset(options.host)
    if not cleared.passed:
        return Outcome([cleared], Sales())
    sales = fleet.play(plan, staff)
    assert isinstance(sales, Sales)
    found, correct = look_after(options.host, plan.accounts, sales, events, options.hold_seconds)
    gates, notes = judge(sales)
    notes += found.notes(sales)
    return Outcome([cleared, *gates, *correct], sales, NO_SCHEDULE, notes)
