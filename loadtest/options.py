"""The command line: which scenario, against what, for how long."""

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import urlsplit

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


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
    for scenario in (booking, authorization):
        scenario.add_argument(
            "--host", type=parse_host, required=True, help="http://127.0.0.1:8081"
        )
        scenario.add_argument(
            "--duration", type=parse_duration, default=60, help="at most; 90s, 10m, 1m30s; 60s"
        )
    booking.add_argument("--users", type=parse_count, default=10, help="10")
    booking.add_argument("--rounds", type=parse_count, default=1000, help="of each user; 1000")
    booking.add_argument(
        "--hold-seconds", type=parse_count, default=900, help="how long a hold lasts; 900"
    )
    return parser.parse_args(arguments)


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
