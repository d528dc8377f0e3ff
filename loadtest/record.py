"""What a run observed: times and answers by call, checks by name, the judge's three counts."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from loadtest.judge.series import Series


@dataclass(slots=True)
class Check:
    """How often a check held, and the first case in which it did not."""

    passed: int = 0
    failed: int = 0
    example: str = ""


@dataclass(slots=True)
class Call:
    """All answers to one call: seconds each took, and how often each status came (0: none came)."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Record:
    """Everything that the virtual users of one run note down."""

    calls: dict[str, Call] = field(default_factory=lambda: defaultdict(Call))
    checks: dict[str, Check] = field(default_factory=lambda: defaultdict(Check))
    success: int = 0
    conflict: int = 0
    failed: int = 0
    refused_rounds: int = 0
    stale_seats: int = 0
    stalest: float = 0.0
    elapsed: float = 0.0
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: Series = field(default_factory=Series)
    """The same answers by when their requests were sent."""

    @property
    def requests(self) -> int:
        """The number of requests made."""
        return sum(len(call.seconds) for call in self.calls.values())

    @property
    def attempts(self) -> int:
        """The number of selections the judge counts."""
        return self.success + self.failed + self.conflict

    @property
    def success_share(self) -> float:
        """The judge's figure, 0 to 1; 0 when nothing was attempted."""
        return self.success / self.attempts if self.attempts else 0.0

    @property
    def failed_checks(self) -> dict[str, Check]:
        """The checks that did not always hold."""
        return {name: check for name, check in self.checks.items() if check.failed}

    def note_answer(self, name: str, status: int, seconds: float) -> None:
        """Count an answer to the named call."""
        call = self.calls[name]
        call.seconds.append(seconds)
        call.statuses[status] += 1
        now = time.monotonic()
        self.series.count(now - seconds, "sent")
        self.series.note(now - seconds, now, status)

    def check(self, name: str, held: object, seen: str) -> bool:
        """Count a check, keep the first thing seen when it fails, and return whether it held."""
        check = self.checks[name]
        if held:
            check.passed += 1
            return True
        check.failed += 1
        check.example = check.example or seen
        return False

    def note_stale(self, held_for: Sequence[float]) -> None:
        """Count seats that a listing offered though they had been held for so many seconds."""
        self.stale_seats += len(held_for)
        self.stalest = max(self.stalest, *held_for, 0.0)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share (0 to 1) of the values does not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
