"""What one generator process can send on this machine, measured by `make load-calibrate`."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from loadtest.traffic import Traffic

PATH = Path(".data/load-calibration.json")
COMMAND = "make load-calibrate"
HIGH_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests per second of one process against a server that does nothing."""

    scheduled: float
    """At the highest rate that it kept."""
    looping: float
    """By buyers who come again as soon as they were served."""
    day: str
    machine: str


def this_machine() -> str:
    """Tell machines apart, as far as it matters here."""
    return f"{platform.node()}, {os.cpu_count()} cores"


def keep(scheduled: float, looping: float) -> None:
    """Remember what was measured."""
    limit = Limit(scheduled, looping, f"{datetime.now(UTC):%Y-%m-%d}", this_machine())
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(asdict(limit)) + "\n")


def recall() -> Limit | None:
    """Return what was measured on this machine, or nothing."""
    try:
        limit = Limit(**json.loads(PATH.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return limit if limit.machine == this_machine() else None


def beside(traffic: Traffic, *, scheduled: bool) -> str:
    """Return the run's highest rate beside the generator's limit, as a sentence."""
    # The first and last second are rarely whole.
    each = max(traffic.sent.values(), default=0) / max(1, len(traffic.cores))
    limit = recall()
    rate = f"Each generator process sent at most {each:.0f} requests in a second"
    if limit is None:
        return f"{rate}; what it could send here is not known: {COMMAND}."
    most = limit.scheduled if scheduled else limit.looping
    warning = ", too close to its limit" if each > HIGH_SHARE * most else ""
    return f"{rate}; its limit here is {most:.0f} ({COMMAND}, {limit.day}){warning}."
