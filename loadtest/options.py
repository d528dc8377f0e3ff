"""The command line: which scenario, against what, for how long."""

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import urlsplit

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)

FACTOR = re.compile(r"\d{1,4}(?:\.\d+)?|\.\d+", re.ASCII)


class Parser(argparse.ArgumentParser):
    """A parser that ends with one sentence and code 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line."""
        self.exit(2, f"{message}\n")


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options; a malformed one ends the process with a sentence and code 2."""
    parser = Parser(prog="python -m loadtest", description="Play a load scenario of the hackathon.")
    scenarios = parser.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    booking = scenarios.add_parser("booking", help="Ten accounts buy the first seat they see.")
    authorization = scenarios.add_parser("authorization", help="42 requests about who may undo.")
    events = scenarios.add_parser("events", help="The event list at N requests per second.")
    archive = scenarios.add_parser("archive", help="Searches, up to 10,000 per second.")
    for scenario in (booking, authorization, events, archive):
        scenario.add_argument(
            "--host", type=parse_host, required=True, help="http://127.0.0.1:8081"
        )
    for scenario in (booking, authorization):
        scenario.add_argument(
            "--duration", type=parse_duration, default=60, help="at most; 90s, 10m, 1m30s; 60s"
        )
    for scenario in (events, archive):
        add_open_model_options(scenario)
    events.add_argument(
        "--rate", type=parse_count, default=1000, help="the N of events-N, per second; 1000"
    )
    archive.add_argument(
        "--form", choices=("fixed", "random"), default="fixed", help="of the searches; fixed"
    )
    booking.add_argument("--users", type=parse_count, default=10, help="10")
    booking.add_argument("--rounds", type=parse_count, default=1000, help="of each user; 1000")
    booking.add_argument(
        "--hold-seconds", type=parse_count, default=900, help="how long a hold lasts; 900"
    )
    return parser.parse_args(arguments)


def add_open_model_options(scenario: argparse.ArgumentParser) -> None:
    """Add what scenarios with an arrival rate have in common."""
    scenario.add_argument(
        "--duration", type=parse_duration, help="the same ramps in this time; as in the profile"
    )
    scenario.add_argument(
        "--scale", type=parse_factor, default=1.0, help="the same ramps with rates times this; 1"
    )
    scenario.add_argument(
        "--users", type=parse_count, default=10_000, help="virtual users at most; 10000"
    )
    scenario.add_argument(
        "--processes", type=parse_count, default=1, help="that share the rate, one per core; 1"
    )


def parse_duration(text: str) -> int:
    """Return the seconds of a duration like 90s, 10m or 1m30s."""
    match = DURATION.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    if total := hours * 3600 + minutes * 60 + seconds:
        return total
    raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 10m or 1m30s")


def parse_count(text: str) -> int:
    """Return a whole number from 1."""
    if text.isascii() and text.isdigit() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")


def parse_factor(text: str) -> float:
    """Return a number above 0, such as 0.05."""
    if FACTOR.fullmatch(text) and float(text) > 0:
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no factor like 0.05")


def parse_host(text: str) -> str:
    """Return the address of a service without a slash at its end."""
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in text or "?" in text or "#" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no address like http://127.0.0.1:8081")
    return text.rstrip("/")
