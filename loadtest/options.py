"""The command line: which scenario, against what, for how long."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from loadtest.arguments import (
    parse_bind,
    parse_ca,
    parse_command,
    parse_count,
    parse_duration,
    parse_factor,
    parse_host,
    parse_number,
    parse_pids,
    parse_run_name,
    parse_seconds,
)


class Parser(argparse.ArgumentParser):
    """A parser that ends with one sentence and code 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line."""
        self.exit(2, f"{message}\n")


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options; a malformed one ends the process with a sentence and code 2."""
    parser = Parser(prog="python -m loadtest", description="Play a load scenario of the hackathon.")
    scenarios = parser.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    for name, (summary, *groups) in SCENARIOS.items():
        scenario = scenarios.add_parser(name, help=summary)
        scenario.add_argument(
            "--host", type=parse_host, required=True, help="http://127.0.0.1:8081"
        )
        scenario.add_argument(
            "--ca", type=parse_ca, help="PEM; who must have signed an HTTPS host's certificate"
        )
        add_report_options(scenario)
        add_metrics_options(scenario)
        for add_group in groups:
            add_group(scenario)
    add_worker(scenarios)
    options = parser.parse_args(arguments)
    if getattr(options, "ca", None) and not options.host.startswith("https:"):
        parser.error(f"--ca is for an https address, and {options.host} is none")
    return options


def add_report_options(scenario: argparse.ArgumentParser) -> None:
    """Add where the report goes, and what it looks at besides the answers."""
    scenario.add_argument(
        "--report", type=Path, help="its folder; .data/load/SCENARIO-TIME where `make load` runs"
    )
    scenario.add_argument(
        "--pids", type=parse_pids, help="servers' topmost processes, 12,34; a local make run's"
    )
    scenario.add_argument(
        "--database", default=os.environ.get("DATABASE_URL"), help="to watch; a local make run's"
    )


def add_metrics_options(scenario: argparse.ArgumentParser) -> None:
    """Add where Prometheus can see the run while it goes on, and under which name."""
    scenario.add_argument(
        "--metrics-bind", type=parse_bind, help="to serve metrics at; 127.0.0.1:9646; nowhere"
    )
    scenario.add_argument(
        "--run-name", type=parse_run_name, help="the run's in those metrics; when it began"
    )


def add_closed_options(scenario: argparse.ArgumentParser) -> None:
    """Add for how long users go on."""
    scenario.add_argument(
        "--duration", type=parse_duration, default=60, help="at most; 90s, 10m, 1m30s; 60s"
    )


def add_booking_options(scenario: argparse.ArgumentParser) -> None:
    """Add how many buy how often."""
    scenario.add_argument("--users", type=parse_count, default=10, help="10")
    scenario.add_argument("--rounds", type=parse_count, default=1000, help="of each user; 1000")


def add_open_options(scenario: argparse.ArgumentParser) -> None:
    """Add what scenarios with an arrival rate have in common."""
    scenario.add_argument(
        "--duration", type=parse_duration, help="the same shape in this time; as in the profile"
    )
    scenario.add_argument(
        "--users", type=parse_count, default=10_000, help="virtual users at most; 10000"
    )


def add_scale_options(scenario: argparse.ArgumentParser) -> None:
    """Add how much of the full load is played, and by whom; by Locust's names."""
    scenario.add_argument(
        "--scale", type=parse_factor, default=1.0, help="the same shape with rates times this; 1"
    )
    add_processes_option(scenario)
    scenario.add_argument(
        "--expect-workers", type=parse_count, default=0, help="processes on other hosts; none"
    )
    scenario.add_argument(
        "--expect-workers-max-wait", type=parse_duration, default=60, help="for them; 60s"
    )
    scenario.add_argument("--master-bind-host", default="*", help="where they find us; everywhere")
    scenario.add_argument("--master-bind-port", type=parse_count, default=5557, help="5557")


def add_processes_option(scenario: argparse.ArgumentParser) -> None:
    """Add how many processes of this host share the load."""
    cores = len(os.sched_getaffinity(0))
    scenario.add_argument(
        "--processes", type=parse_count, default=cores, help=f"of this host; one per core, {cores}"
    )


def add_worker(scenarios: "argparse._SubParsersAction[Parser]") -> None:
    """Add what is no scenario: to play a part of one that another host directs."""
    worker = scenarios.add_parser("worker", help="Play a part of what a master elsewhere directs.")
    worker.add_argument("--master-host", required=True, help="where the master runs")
    worker.add_argument("--master-port", type=parse_count, default=5557, help="5557")
    add_processes_option(worker)


def add_events_options(scenario: argparse.ArgumentParser) -> None:
    """Add the N of events-N."""
    scenario.add_argument(
        "--rate", type=parse_count, default=1000, help="the N of events-N, per second; 1000"
    )


def add_archive_options(scenario: argparse.ArgumentParser) -> None:
    """Add which searches are sent."""
    scenario.add_argument(
        "--form", choices=("fixed", "random"), default="fixed", help="of the searches; fixed"
    )


def add_own_account_options(scenario: argparse.ArgumentParser) -> None:
    """Add where an account for each user is; the organisers' eleven are not enough."""
    scenario.add_argument("--accounts", required=True, help="a users.csv, .csv.zst or .csv.gz")


def add_account_options(scenario: argparse.ArgumentParser) -> None:
    """Add where accounts are, which take turns if there are fewer than buyers."""
    scenario.add_argument(
        "--accounts", help="a users.csv, .csv.zst or .csv.gz; the organisers' eleven"
    )


def add_hold_options(scenario: argparse.ArgumentParser) -> None:
    """Add what the judgement must know of the service."""
    scenario.add_argument(
        "--hold-seconds", type=parse_count, default=900, help="how long a hold lasts; 900"
    )


def add_sellout_options(scenario: argparse.ArgumentParser) -> None:
    """Add who buys how much, and how long a selection may take."""
    scenario.add_argument("--users", type=parse_count, default=200, help="buyers; 200")
    scenario.add_argument("--seats", type=parse_count, default=4, help="at most, each turn; 4")
    scenario.add_argument("--duration", type=parse_duration, default=840, help="at most; 14m")
    scenario.add_argument(
        "--select-ms", type=parse_count, default=150, help="p95 of a selection at most; 150"
    )


def add_rush_options(scenario: argparse.ArgumentParser) -> None:
    """Add how many come per second, for event 1 and for others."""
    scenario.add_argument(
        "--rate", type=parse_count, default=300, help="buyers of event 1 per second; 300"
    )
    scenario.add_argument(
        "--others-rate", type=parse_count, default=20, help="buyers of others per second; 20"
    )


def add_mixed_options(scenario: argparse.ArgumentParser) -> None:
    """Add how many come in the best second of the day."""
    scenario.add_argument(
        "--rate", type=parse_count, default=1000, help="visits per second at the peak; 1000"
    )


def add_failover_options(scenario: argparse.ArgumentParser) -> None:
    """Add who comes, what is broken when, and how much of it may be seen."""
    scenario.add_argument(
        "--duration", type=parse_duration, default=60, help="at least; as long as a command runs"
    )
    scenario.add_argument("--users", type=parse_count, default=20, help="buyers at a time; 20")
    scenario.add_argument("--readers", type=parse_count, default=5, help="of each kind; 5")
    scenario.add_argument("--pause-ms", type=parse_count, default=500, help="between visits; 500")
    scenario.add_argument(
        "--deadline", type=parse_duration, default=10, help="of a request, 30s at most; 10s"
    )
    for what, when in (("fault", "15s"), ("mend", "45s")):
        scenario.add_argument(f"--{what}", type=parse_command, help="a shell command; none")
        scenario.add_argument(f"--{what}-at", type=parse_duration, help=f"since the start; {when}")
    scenario.add_argument("--writes-seconds", type=parse_seconds, help="without one; no gate")
    scenario.add_argument("--reads-seconds", type=parse_seconds, help="without one; no gate")
    scenario.add_argument("--failed", type=parse_number, help="requests at most; no gate")
    scenario.add_argument(
        "--recovery", type=parse_duration, default=60, help="waited for after the load; 60s"
    )
    scenario.add_argument("--no-reset", action="store_true", help="begin with seats as they are")


_OPEN = (add_open_options, add_scale_options)
_SELLING = (add_account_options, add_hold_options)
SCENARIOS: dict[str, tuple[Any, ...]] = {
    "booking": (
        "Ten accounts buy the first seat they see.",
        *(add_closed_options, add_booking_options, add_hold_options),
    ),
    "authorization": ("42 requests about who may undo.", add_closed_options),
    "events": ("The event list at N requests per second.", *_OPEN, add_events_options),
    "archive": ("Searches, up to 10,000 per second.", *_OPEN, add_archive_options),
    "authenticate": ("50,000 users sign in.", *_OPEN, add_own_account_options),
    "sellout": ("All of event 1 is sold.", add_scale_options, add_sellout_options, *_SELLING),
    "giveback": ("90,000 users book, 10,000 give back.", *_OPEN, *_SELLING),
    "rush": ("Buyers of others, under a rush on event 1.", *_OPEN, *_SELLING, add_rush_options),
    "failover": (
        "What buyers see while something is broken.",
        *(add_failover_options, add_account_options, add_hold_options),
    ),
    "mixed": ("A day of everything.", *_OPEN, *_SELLING, add_mixed_options),
}
