"""`python -m loadtest SCENARIO --host URL`: 0 all gates passed, 1 one failed, 2 could not start."""

import sys

from loadtest import authorization, booking, report
from loadtest.options import parse_options
from loadtest.stage import CannotStartError, probe


def main() -> int:
    """Play the scenario, print its figures and gates, and return the exit code."""
    options = parse_options()
    try:
        probe(options.host)
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


if __name__ == "__main__":
    sys.exit(main())
