"""Failover: what buyers see while something is broken, and whether anything is lost by it."""

import argparse
import time
from collections.abc import Iterator
from typing import Any

import gevent

from loadtest.account_file import find_accounts
from loadtest.accounts import Account
from loadtest.client import TIMEOUT_SECONDS, calling
from loadtest.connection import look_up
from loadtest.crowd import READS, WRITES, Crowd, Notes
from loadtest.fleet import require_files
from loadtest.gaps import Span, figures, served_by_slice
from loadtest.gates import Gate, checks_gate, empty_gate, reset_gate
from loadtest.live import LIVE
from loadtest.losses import (
    TRIES,
    Losses,
    await_service,
    bookings_before,
    look_at_sums,
    look_for_losses,
)
from loadtest.outcome import NO_SCHEDULE, Outcome
from loadtest.record import Record
from loadtest.stage import EVENT_ID, CannotStartError, probe, probe_account
from loadtest.trouble import Trouble, planned
from loadtest.visit_gates import MOST_BUSY_SHARE

REFUSALS = (403, 404)
"""Answers to a reset by a service that does not offer it."""
AFTER_SECONDS = 5.0
"""For so long buyers come after a command that takes longer than the run."""
LONGEST_COMMAND_SECONDS = 1800.0
MOST_STALL_SECONDS = 1.0
STEPS = 8
"""Requests that a visit takes at most."""


def run(options: argparse.Namespace) -> Outcome:
    """Let the crowd come, break something meanwhile, and look at what is left."""
    trouble = planned(options)
    if options.deadline > TIMEOUT_SECONDS:
        raise CannotStartError(f"--deadline is {TIMEOUT_SECONDS:g}s at most.")
    accounts = find_accounts(options.accounts, options.users)
    # While an answer is awaited, others come, each with a connection of its own.
    require_files((options.users + 3 * options.readers) * (options.deadline + 1))
    probe(options.host)
    probe_account(options.host, accounts[0])
    notes, said = Notes(), list[str]()
    cleared = [] if options.no_reset else clear(options.host, said)
    if not all(gate.passed for gate in cleared):
        return Outcome(cleared, notes)
    known = None
    if not cleared:
        known = bookings_before(options.host, accounts)
        if known is None:
            raise CannotStartError("The accounts' bookings cannot be read; nothing was bought.")
        said.append(
            "Without a reset others may hold seats too: what is right was looked for in the"
            " bookings of this run alone, and the analytics were not compared."
        )
    span = play(options, accounts, trouble, notes)
    back = await_service(options.host, accounts[0], options.recovery)
    losses = look_for_losses(
        options.host,
        accounts,
        notes,
        options.hold_seconds,
        known,
        tries=TRIES if back.passed else 1,
    )
    correct = losses.gates
    if known is None and back.passed:
        correct.append(look_at_sums(options.host, accounts, EVENT_ID))
    fault = trouble.fault.began if trouble.fault else None
    found = figures(notes.attempts, span, fault)
    found |= kept(notes, losses, trouble, span)
    gates = [
        *cleared,
        *limits(options, found),
        *(deed.gate for deed in trouble.deeds),
        *worked(notes),
        back,
        *correct,
    ]
    said += sentences(notes, found)
    return Outcome(gates, notes, NO_SCHEDULE, said, {"failover": found})


def clear(host: str, said: list[str]) -> list[Gate]:
    """Set everything free; of a service that does not offer that, say so and return no gate."""
    with calling(host, Record()) as caller:
        answer = caller.call("POST", "/api/reset")
    if answer.status in REFUSALS:
        said.append(f"POST /api/reset answered {answer.status}: the seats were left as they were.")
        return []
    return [reset_gate(answer.status, answer.received - answer.sent)]


def play(
    options: argparse.Namespace, accounts: tuple[Account, ...], trouble: Trouble, notes: Notes
) -> Span:
    """Let the crowd come for as long as it is told, and until the commands have ended."""
    crowd = Crowd(look_up(options.host), notes, EVENT_ID, options.deadline)
    LIVE.show(notes)
    cpu, notes.start = time.process_time(), time.monotonic()
    notes.series.begin(notes.start)
    crowd.begin(
        accounts, buyers=options.users, readers=options.readers, pause=options.pause_ms / 1000
    )
    trouble.begin(notes.start)
    try:
        gevent.sleep(options.duration)
        last = time.monotonic() + LONGEST_COMMAND_SECONDS
        if not trouble.is_over:
            while not trouble.is_over and time.monotonic() < last:
                gevent.sleep(0.1)
            gevent.sleep(AFTER_SECONDS)
        ended = time.monotonic()
        crowd.end(STEPS * options.deadline)
    finally:
        trouble.mend()
    notes.record.elapsed = time.monotonic() - notes.start
    notes.cores.append((time.process_time() - cpu) / notes.record.elapsed)
    return Span(notes.start, ended)


def limits(options: argparse.Namespace, found: dict[str, Any]) -> Iterator[Gate]:
    """Yield the gates that the command line sets."""
    for what, most in (("writes", options.writes_seconds), ("reads", options.reads_seconds)):
        if most is not None:
            gap = found[what]["longest_gap_seconds"]
            of = "" if what == "writes" else f", {found[what]['kind'].replace('_', ' ')}"
            yield Gate(f"{what}: none for ≤ {most:g} s", gap <= most, f"{gap:.2f} s{of}")
    if options.failed is not None:
        failed = found["failed"]
        endings = ", ".join(f"{n} × {name}" for name, n in failed["by_ending"].items())
        yield Gate(
            f"failed requests ≤ {options.failed}",
            failed["total"] <= options.failed,
            f"{failed['total']}" + (f": {endings}" if endings else ""),
        )


def worked(notes: Notes) -> Iterator[Gate]:
    """Yield whether buyers and generator did anything at all, and rightly."""
    yield Gate(
        "buyers were served",
        bool(notes.opened and notes.holds),
        f"{len(notes.opened)} bookings, {len(notes.holds)} seats",
    )
    yield checks_gate(notes.record)
    busy = max(notes.cores, default=0.0)
    yield Gate(
        f"the generator kept up: ≤ {MOST_BUSY_SHARE:.0%} of a core, still for"
        f" ≤ {MOST_STALL_SECONDS:g} s",
        busy <= MOST_BUSY_SHARE and notes.stall <= MOST_STALL_SECONDS,
        f"{busy:.0%}, {notes.stall:.2f} s",
    )
    yield empty_gate("the generator worked without an error", notes.record.errors)


def kept(notes: Notes, losses: Losses, trouble: Trouble, span: Span) -> dict[str, Any]:
    """Return what the report keeps besides gaps and failures."""
    width, count = notes.series.width, max(notes.series.slices, default=-1) + 1
    return {
        "acknowledged": {
            "bookings": len(notes.opened),
            "selections": len(notes.holds),
            "cancellations": len(notes.cancelled),
        },
        **losses.figures,
        "repeated": notes.repeated,
        "generator_still_seconds": round(notes.stall, 3),
        "deeds": [deed.figures(span.began) for deed in trouble.deeds],
        "series": {
            name: served_by_slice(notes.attempts, kinds, span.began, width, count)
            for name, kinds in (("writes", WRITES), ("reads", READS))
        },
    }


def sentences(notes: Notes, found: dict[str, Any]) -> Iterator[str]:
    """Yield what else is worth knowing."""
    yield (
        f"{len(notes.opened)} bookings, {len(notes.holds)} seats and {len(notes.cancelled)}"
        f" cancellations were acknowledged; {notes.conflicts} seats had been taken by others;"
        f" of {found['unknown']} writes nobody knows the outcome; {found['failed']['total']}"
        " requests failed."
    )
    if notes.repeated:
        yield f"{notes.repeated} requests were sent again when their kept connection broke."
