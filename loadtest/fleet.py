"""Plays a plan in one generator process or several, which share its rate and start together."""

import resource
from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from typing import Any

from loadtest import crew
from loadtest.connection import Connection, look_up
from loadtest.live import LIVE
from loadtest.master import Master, Staff
from loadtest.plan import Begin, Plan, soon
from loadtest.stage import CannotStartError
from loadtest.traffic import Traffic
from loadtest.trust import TRUST

# Files that are open besides the connections.
SPARE_FILES = 64
# For so long the service may stall at the highest rate before more users are needed. Connecting
# costs more than sending, so a generator that did it at full rate would fall behind by that alone.
STANDBY_SECONDS = 0.1


def play(plan: Plan, staff: Staff) -> Traffic:
    """Play a plan to its end and return what all processes saw."""
    require_playable(plan, staff.parts)
    if staff.parts == 1:
        return plan.act(plan, soon)
    users, is_shown = -(-plan.users // staff.parts), LIVE.is_wanted
    parts = [
        replace(plan, users=users, part=part, parts=staff.parts, ca=TRUST.ca, is_shown=is_shown)
        for part in range(staff.parts)
    ]
    whole = plan.notes()
    with Master(staff) as master:
        for seen in master.play(parts):
            whole.add(seen)
    # The end of what the workers saw comes with their last message.
    LIVE.show(whole)
    return whole


def play_open(
    plan: Plan,
    begin: Begin,
    arrivals: Iterable[tuple[float, Any]],
    serve: crew.Serve,
    traffic: Traffic,
) -> None:
    """Play one part's arrivals in this process, from the monotonic second that is told."""
    address = look_up(plan.host)
    LIVE.show(traffic)
    crew.play(
        arrivals,
        serve,
        lambda: Connection(address),
        begin,
        traffic,
        users=plan.users,
        standby=min(plan.users, ceil(plan.peak * STANDBY_SECONDS)),
    )


def require_playable(plan: Plan, parts: int) -> None:
    """Make sure that there is something to send, and that it can be sent."""
    require_files(-(-plan.users // parts))
    if plan.schedule is not None and not plan.schedule.count:
        raise CannotStartError("At this rate, scale and duration there is nothing to send.")


def require_files(users: int) -> None:
    """Make sure that a process may open a connection for each of its users."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = users + SPARE_FILES
    if resource.RLIM_INFINITY not in (soft, hard) and hard < needed:
        raise CannotStartError(
            f"{users} virtual users in a process need {needed} open files and {hard} are allowed:"
            " use a smaller --users or more --processes."
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
