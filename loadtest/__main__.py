"""`python -m loadtest SCENARIO --host URL`: 0 all gates passed, 1 one failed, 2 could not start."""

import argparse
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from loadtest import (
    authenticate,
    authorization,
    booking,
    calibration,
    failover,
    failover_report,
    fleet,
    giveback,
    mixed,
    report,
    rush,
    search,
    sellout,
    telemetry,
    trust,
    worker,
)
from loadtest.gates import search_gates
from loadtest.judge.judging import judging
from loadtest.master import Staff
from loadtest.options import parse_options
from loadtest.outcome import NO_SCHEDULE, Outcome
from loadtest.plan import Plan
from loadtest.record import Record
from loadtest.sales import Sales
from loadtest.stage import CannotStartError, probe, probe_events
from loadtest.traffic_report import times, traffic_report


def main() -> int:
    """Play the scenario, print its figures and gates, and return the exit code."""
    options = parse_options()
    if options.scenario == "worker":
        return worker.run(options.master_host, options.master_port, options.processes)
    trust.TRUST.ca = options.ca
    run_name = options.run_name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    shown = telemetry.showing(options.metrics_bind, options.scenario, run_name)
    try:
        with shown, judging(options) as judge:
            outcome = SCENARIOS[options.scenario](options)
            kept = [*judge.write(outcome)]
    except CannotStartError as reason:
        print(reason, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted: no gate was decided.", file=sys.stderr)
        return 130
    print("\n".join([*figures(outcome), "", *report.gate_report(outcome.gates), "", *kept]))
    return 0 if all(gate.passed for gate in outcome.gates) else 1


def play_booking(options: argparse.Namespace) -> Outcome:
    """Play the organisers' booking."""
    probe(options.host)
    record, gates = booking.run(
        options.host,
        seconds=options.duration,
        users=options.users,
        rounds=options.rounds,
        hold_seconds=options.hold_seconds,
        pace=booking.Pace(),
    )
    return Outcome(gates, record, notes=[*report.booking_report(record)])


def play_authorization(options: argparse.Namespace) -> Outcome:
    """Play the organisers' authorization."""
    probe(options.host)
    record, gates = authorization.run(options.host, seconds=options.duration)
    return Outcome(gates, record)


def play_search(options: argparse.Namespace) -> Outcome:
    """Play one of the organisers' searches."""
    probe_events(options.host)
    if options.scenario == "events":
        schedule, mix = search.events_schedule(options.rate), "events"
    else:
        schedule, mix = search.archive_schedule(), options.form
    schedule = schedule.scaled(options.scale).lasting(options.duration or schedule.seconds)
    plan = Plan(options.host, schedule, search.play, options.users, setting=mix)
    traffic = fleet.play(plan, Staff.told(options))
    return Outcome(search_gates(traffic), traffic, schedule)


SCENARIOS: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    "booking": play_booking,
    "authorization": play_authorization,
    "events": play_search,
    "archive": play_search,
    "authenticate": authenticate.run,
    "sellout": sellout.run,
    "giveback": giveback.run,
    "rush": rush.run,
    "mixed": mixed.run,
    "failover": failover.run,
}


def figures(outcome: Outcome) -> Iterator[str]:
    """Yield the lines about everything but the gates."""
    seen = outcome.seen
    if isinstance(seen, Record):
        yield from report.report(seen)
        yield from outcome.notes
        return
    yield from traffic_report(seen, outcome.schedule)
    if isinstance(seen, Sales):
        yield from kinds(seen)
    is_scheduled = outcome.schedule is not NO_SCHEDULE or bool(seen.delay.counts)
    yield calibration.beside(seen, scheduled=is_scheduled)
    yield from failover_report.lines(outcome.figures)
    yield from outcome.notes


def kinds(sales: Sales) -> Iterator[str]:
    """Yield a line about each kind of visit, from when it was due to its end."""
    if sales.kinds:
        yield (
            f"{'visits, from when they were due':<36}{'ended':>9}{'p50 ms':>9}{'p95 ms':>9}"
            f"{'p99 ms':>9}{'max ms':>9}  served"
        )
    for name, kind in sorted(sales.kinds.items()):
        yield f"{name:<36}{times(kind.seconds)}  {kind.done} of {kind.came}"


if __name__ == "__main__":
    sys.exit(main())
