"""What is known of a run while it goes on, in this process and in its workers.

Nothing is counted for it: what every run notes anyway is summed up when somebody asks.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import exp
from typing import Any

from loadtest.judge.series import STEPS, Histogram, kind
from loadtest.record import Record
from loadtest.traffic import Traffic

BOUNDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5),
    *(1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0),
)
"""Seconds; those of the gates are among them, so that a share within one is exact to 1 %."""
SUCCESS = "success"


@dataclass(slots=True)
class Sums:
    """All answers to the requests of one name."""

    outcomes: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """Answers by the first bound that their time did not exceed; the last took longer than all."""
    seconds: float = 0.0
    """Of all answers together."""

    @staticmethod
    def of(times: Iterable[tuple[float, int]], statuses: Mapping[int, int]) -> "Sums":
        """Sum up times in seconds, each with how often it came, and statuses (0: none came)."""
        sums = Sums(dict(outcomes(statuses)))
        for seconds, count in times:
            sums.buckets[bisect_left(BOUNDS, seconds)] += count
            sums.seconds += seconds * count
        return sums

    def add(self, other: "Sums") -> None:
        """Count another process's answers too."""
        self.outcomes = dict(Counter(self.outcomes) + Counter(other.outcomes))
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds


@dataclass(slots=True)
class Figures:
    """A moment of a run."""

    users: int = 0
    names: dict[str, Sums] = field(default_factory=dict)

    def add(self, other: "Figures") -> None:
        """Count another process's too."""
        self.users += other.users
        for name, sums in other.names.items():
            self.names.setdefault(name, Sums()).add(sums)


class Live:
    """What this process notes now, and what its workers have told last."""

    def __init__(self) -> None:
        self.is_wanted = False
        """Whether workers are to tell."""
        self.clear()

    def clear(self) -> None:
        """Forget everything: a run begins, or what was told is known better."""
        self._seen: Traffic | Record | None = None
        self._users = 0
        self._told: dict[str, Figures] = {}

    def show(self, seen: Traffic | Record, users: int = 0) -> None:
        """Let this be what is known from now on; traffic counts its users itself."""
        self.clear()
        self._seen, self._users = seen, users

    def figures(self) -> Figures:
        """Return what is known at this moment."""
        found = Figures()
        if self._seen is not None:
            users = self._seen.users if isinstance(self._seen, Traffic) else self._users
            found = Figures(users, dict(read(self._seen)))
        for told in self._told.values():
            found.add(told)
        return found

    def tell(self, data: dict[str, Any], **_: Any) -> None:
        """Put it into the report that Locust's worker sends to its master every few seconds."""
        data["live"] = asdict(self.figures())

    def hear(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Take it out of a worker's report."""
        if told := data.get("live"):
            names = {name: Sums(**sums) for name, sums in told["names"].items()}
            self._told[client_id] = Figures(told["users"], names)


def read(seen: Traffic | Record) -> Iterable[tuple[str, Sums]]:
    """Yield what was noted of the requests of each name."""
    for name, one in (seen.shapes if isinstance(seen, Traffic) else seen.calls).items():
        yield name, Sums.of(times(one.seconds), one.statuses)


def times(noted: Histogram | list[float]) -> Iterable[tuple[float, int]]:
    """Yield seconds and how often they came; those of a histogram are its steps' middles."""
    if isinstance(noted, Histogram):
        return ((exp((step + 0.5) / STEPS), count) for step, count in noted.counts.items())
    return ((seconds, 1) for seconds in noted)


def outcomes(statuses: Mapping[int, int]) -> Counter[str]:
    """Return how often an answer ended how; by the report's words, but for those that were good."""
    found: Counter[str] = Counter()
    for status, count in statuses.items():
        name = kind(status)
        found[SUCCESS if name == "good" else name] += count
    return found


LIVE = Live()
