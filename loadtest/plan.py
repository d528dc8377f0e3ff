"""What a generator process plays."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from loadtest.accounts import Account
from loadtest.schedule import Schedule
from loadtest.traffic import Traffic

HEAD_START_SECONDS = 0.1

# Tells the monotonic second in which to start, once everybody is ready.
Begin = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one generator process plays: its share of the arrivals is every n-th."""

    host: str
    schedule: Schedule | None
    """Nothing when nobody comes at a time, as buyers in a loop do not."""
    act: Callable[["Plan", Begin], Traffic]
    """Plays one part; a function of a module, because other processes must find it."""
    users: int
    setting: Any = None
    """Whatever else the act wants to know."""
    notes: type[Traffic] = Traffic
    """What the act yields."""
    accounts: tuple[Account, ...] = ()
    part: int = 0
    parts: int = 1
    ca: str | None = None
    """Whose certificate other processes must see; this one knows."""
    is_shown: bool = False
    """Whether other processes tell what they see while they play."""

    @property
    def moments(self) -> Iterator[float]:
        """The seconds at which this part's arrivals are due."""
        assert self.schedule is not None
        return self.schedule.moments(self.part, self.parts)

    @property
    def peak(self) -> float:
        """The highest rate of this part."""
        assert self.schedule is not None
        return self.schedule.peak / self.parts


def soon() -> float:
    """Return the monotonic second in which to start."""
    return time.monotonic() + HEAD_START_SECONDS
