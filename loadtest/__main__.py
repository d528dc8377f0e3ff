"""`python -m loadtest SCENARIO --host URL`: 0 all gates passed, 1 one failed, 2 could not start."""

import argparse
import sys

from loadtest import authorization, booking, fleet, report
from loadtest.gates import Gate, search_gates
from loadtest.options import parse_options
from loadtest.search import Plan, archive_schedule, events_schedule
from loadtest.stage import CannotStartError, probe, probe_events
from loadtest.traffic_report import traffic_report

SEARCHES = {"events", "archive"}


def main() -> int:
    """Play the scenario, print its figures and gates, and return the exit code."""
    options = parse_options()
    try:
        (probe_events if options.scenario in SEARCHES else probe)(options.host)
        if options.scenario == "booking":
            record, gates = booking.run(
                options.host,
                seconds=options.duration,
                users=options.users,
                rounds=options.rounds,
                hold_seconds=options.hold_seconds,
                pace=booking.Pace(),
            )
            lines = [*report.report(record), *report.booking_report(record)]
        elif options.scenario in SEARCHES:
            lines, gates = search(options)
        else:
            record, gates = authorization.run(options.host, seconds=options.duration)
            lines = [*report.report(record)]
    except CannotStartError as reason:
        print(reason, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted: no gate was decided.", file=sys.stderr)
        return 130
    print("\n".join([*lines, "", *report.gate_report(gates)]))
    return 0 if all(gate.passed for gate in gates) else 1


def search(options: argparse.Namespace) -> tuple[list[str], list[Gate]]:
    """Play one of the open models and return its figures and gates."""
    if options.scenario == "events":
        schedule, mix = events_schedule(options.rate), "events"
    else:
        schedule, mix = archive_schedule(), options.form
    schedule = schedule.scaled(options.scale).lasting(options.duration or schedule.seconds)
    traffic = fleet.play(Plan(options.host, schedule, mix, options.users), options.processes)
    return [*traffic_report(traffic, schedule)], search_gates(traffic)


if __name__ == "__main__":
    sys.exit(main())
