"""What buyers of a run note besides their traffic: who came for what, and what they were given."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from loadtest.judge.series import Histogram
from loadtest.ledger import Hold, Ledger, Return
from loadtest.talk import Talk
from loadtest.traffic import Traffic


@dataclass(slots=True)
class Kind:
    """All visits of one kind; seconds from when they were due to their end, good or bad."""

    came: int = 0
    done: int = 0
    seconds: Histogram = field(default_factory=Histogram)

    def add(self, other: "Kind") -> None:
        """Count another's visits too."""
        self.came += other.came
        self.done += other.done
        self.seconds.add(other.seconds)


@dataclass(slots=True)
class Sales(Traffic):
    """Traffic, and everything that the service acknowledged."""

    kinds: dict[str, Kind] = field(default_factory=lambda: defaultdict(Kind))
    holds: list[Hold] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    """Bookings whose cancellation was acknowledged."""
    conflicts: int = 0
    unanswered: int = 0
    """Selections that ended without an answer or with a 5xx: the seat may be held or not."""
    start: float = 0.0

    def shift(self, seconds: float) -> None:
        """Move the monotonic moments to another host's clock."""
        self.start += seconds
        self.holds = [one.shifted(seconds) for one in self.holds]
        self.returns = [one.shifted(seconds) for one in self.returns]

    def add(self, other: Traffic) -> None:
        """Merge what another generator process noted in the same run."""
        Traffic.add(self, other)
        if not isinstance(other, Sales):
            return
        for name, kind in other.kinds.items():
            self.kinds[name].add(kind)
        for name in ("holds", "returns", "cancelled", "conflicts", "unanswered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.start = max(self.start, other.start)

    @property
    def conflict_share(self) -> float:
        """The share of answered selections, 0 to 1, that somebody else's had made void."""
        attempts = len(self.holds) + self.conflicts
        return self.conflicts / attempts if attempts else 0.0

    def ledger(self, hold_seconds: float) -> Ledger:
        """Enter everything that was given and given back into a ledger."""
        ledger = Ledger(hold_seconds)
        for given_back in self.returns:
            ledger.give_back(given_back)
        for hold in sorted(self.holds, key=lambda hold: hold.granted):
            ledger.acknowledge(hold)
        return ledger


class Visit(Protocol):
    """What somebody comes for."""

    kind: str

    def play(self, talk: Talk) -> bool:
        """Do it, and return whether it was done."""


def counted(arrivals: Iterable[tuple[float, Visit]], sales: Sales) -> Iterator[tuple[float, Visit]]:
    """Yield the arrivals, and count each by its kind, even if it is dropped later."""
    for moment, visit in arrivals:
        sales.kinds[visit.kind].came += 1
        yield moment, visit


def serve(visit: Visit, talk: Talk) -> None:
    """Play a visit and note how it ended."""
    assert isinstance(talk.traffic, Sales)
    kind = talk.traffic.kinds[visit.kind]
    done = visit.play(talk)
    kind.done += done
    kind.seconds.note(time.monotonic() - talk.due)
