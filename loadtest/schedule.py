"""When arrivals are due: a rate that goes in straight lines, and the time of each arrival."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, sqrt


@dataclass(frozen=True, slots=True)
class Phase:
    """So many seconds in which the rate goes in a line from one to another, per second."""

    seconds: float
    begin: float
    end: float

    @property
    def arrivals(self) -> float:
        """How many arrivals the phase has."""
        return self.seconds * (self.begin + self.end) / 2

    def moment(self, number: float) -> float:
        """Return the second of the phase by which this number of arrivals has come."""
        if number <= 0:
            return 0.0
        slope = (self.end - self.begin) / self.seconds
        reached = sqrt(max(0.0, self.begin**2 + 2 * slope * number))
        return min(self.seconds, 2 * number / (self.begin + reached))


@dataclass(frozen=True, slots=True)
class Schedule:
    """Phases one after another."""

    phases: tuple[Phase, ...]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def count(self) -> int:
        """How many arrivals it has."""
        return floor(sum(phase.arrivals for phase in self.phases) + 0.5)

    @property
    def peak(self) -> float:
        """The highest rate."""
        return max(max(phase.begin, phase.end) for phase in self.phases)

    def scaled(self, factor: float) -> "Schedule":
        """Return the same shape with every rate multiplied."""
        return Schedule(
            tuple(
                Phase(phase.seconds, phase.begin * factor, phase.end * factor)
                for phase in self.phases
            )
        )

    def lasting(self, seconds: float) -> "Schedule":
        """Return the same shape and rates in another total time."""
        factor = seconds / self.seconds
        return Schedule(
            tuple(Phase(phase.seconds * factor, phase.begin, phase.end) for phase in self.phases)
        )

    def moments(self, part: int = 0, parts: int = 1) -> Iterator[float]:
        """Yield the seconds from the start at which every n-th arrival of this part is due."""
        number, passed, began = part, 0.0, 0.0
        for phase in self.phases:
            # Arrival n is due when the rate's integral passes n + ½, so rounding loses none.
            while number + 0.5 <= passed + phase.arrivals:
                yield began + phase.moment(number + 0.5 - passed)
                number += parts
            passed += phase.arrivals
            began += phase.seconds

    @property
    def plateau(self) -> tuple[float, float, float]:
        """The seconds at which the highest level part begins and ends, and its rate; or zeros."""
        best, began = (0.0, 0.0, 0.0), 0.0
        for phase in self.phases:
            ended = began + phase.seconds
            if phase.begin == phase.end > best[2]:
                best = (began, ended, phase.begin)
            began = ended
        return best


def level(seconds: float, rate: float) -> Schedule:
    """Return the schedule of one rate from beginning to end."""
    return Schedule((Phase(seconds, rate, rate),))


def ramp(*steps: tuple[float, float]) -> Schedule:
    """Return the schedule that starts at rate 0 and reaches each rate within its seconds."""
    phases, rate = [], 0.0
    for seconds, target in steps:
        phases.append(Phase(seconds, rate, target))
        rate = target
    return Schedule(tuple(phases))
