"""What an open model observed: when each arrival was due, sent and answered, and what came."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from loadtest.judge.series import Histogram, Series
from loadtest.record import Record

LATE_SECONDS = 0.1
"""How long after its scheduled time an arrival may be sent without counting as late."""


@dataclass(slots=True)
class Shape:
    """All requests of one shape: times from the scheduled arrival, answers (0: none came)."""

    seconds: Histogram = field(default_factory=Histogram)
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Traffic:
    """Everything that the generator processes of one run note down."""

    record: Record = field(default_factory=Record)
    shapes: dict[str, Shape] = field(default_factory=lambda: defaultdict(Shape))
    from_send: Histogram = field(default_factory=Histogram)
    delay: Histogram = field(default_factory=Histogram)
    """How long after their scheduled times the arrivals were sent."""
    arrivals: int = 0
    late_by_generator: int = 0
    late_for_want_of_users: int = 0
    dropped: int = 0
    sent: Counter[int] = field(default_factory=Counter)
    """Requests by the second, from the start, in which they were sent."""
    answered: Counter[int] = field(default_factory=Counter)
    """2xx and 3xx by the second in which they came."""
    empty: int = 0
    repeated: int = 0
    users: int = 0
    cores: list[float] = field(default_factory=list)
    """For each generator process, which part of a core it used."""
    series: Series = field(default_factory=Series)
    """What became of the arrivals, by the time at which they were due."""

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came."""
        return sum((shape.statuses for shape in self.shapes.values()), Counter())

    @property
    def good(self) -> int:
        """How many requests were answered with 2xx or 3xx."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 400)

    @property
    def from_schedule(self) -> Histogram:
        """The times of all shapes, from the scheduled arrival."""
        whole = Histogram()
        for shape in self.shapes.values():
            whole.add(shape.seconds)
        return whole

    @property
    def generator_late_share(self) -> float:
        """The share of arrivals, 0 to 1, that the generator itself was too busy to send in time."""
        return self.late_by_generator / self.arrivals if self.arrivals else 0.0

    def shift(self, seconds: float) -> None:
        """Move the monotonic moments to another host's clock; here there are none."""

    def add(self, other: "Traffic") -> None:
        """Merge what another generator process noted in the same run."""
        for name, shape in other.shapes.items():
            self.shapes[name].seconds.add(shape.seconds)
            self.shapes[name].statuses += shape.statuses
        self.from_send.add(other.from_send)
        self.delay.add(other.delay)
        for name in (
            *("arrivals", "late_by_generator", "late_for_want_of_users", "dropped"),
            *("sent", "answered", "empty", "repeated", "users", "cores"),
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.series.add(other.series)
        for name, check in other.record.checks.items():
            mine = self.record.checks[name]
            mine.passed += check.passed
            mine.failed += check.failed
            mine.example = mine.example or check.example
        self.record.errors += other.record.errors
        self.record.notes += other.record.notes
        self.record.elapsed = max(self.record.elapsed, other.record.elapsed)
