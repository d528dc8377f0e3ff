"""What happened when, in slices of a run: any number of requests in bounded memory."""

import time
from collections import Counter
from dataclasses import dataclass, field
from math import ceil, exp, floor, log

STEPS = 100
MOST_SLICES = 480
"""When a run has more, neighbours are merged and every slice is twice as long."""

# Monotonic clocks of two machines have nothing in common, wall clocks do.
WALL = time.time() - time.monotonic()


@dataclass(slots=True)
class Histogram:
    """Seconds in steps of one percent, so that any number of them needs no memory."""

    counts: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0

    def note(self, seconds: float) -> None:
        """Count a time."""
        self.counts[floor(log(max(seconds, 1e-6)) * STEPS)] += 1
        self.longest = max(seconds, self.longest)

    def percentile(self, share: float) -> float:
        """Return a time that at least this share (0 to 1) did not exceed, up to 1 % too long."""
        left = max(1, ceil(share * self.counts.total()))
        for step, count in sorted(self.counts.items()):
            left -= count
            if left <= 0:
                return min(self.longest, exp((step + 1) / STEPS))
        return 0.0

    def add(self, other: "Histogram") -> None:
        """Count another's times too."""
        self.counts += other.counts
        self.longest = max(self.longest, other.longest)


@dataclass(slots=True)
class Slice:
    """One stretch of a run. Times and kinds of answers belong to when a request was due."""

    seconds: Histogram = field(default_factory=Histogram)
    kinds: Counter[str] = field(default_factory=Counter)
    """Answers by kind; "good" are 2xx and 3xx."""
    counts: Counter[str] = field(default_factory=Counter)
    """due, sent, answered (well, when it came), dropped, late (by whose fault)."""

    def add(self, other: "Slice") -> None:
        """Count what another slice has too."""
        self.seconds.add(other.seconds)
        self.kinds += other.kinds
        self.counts += other.counts


@dataclass(slots=True)
class Series:
    """The slices of a run by number; moments are monotonic seconds of this machine."""

    began: float = 0.0
    """The wall clock's second at which the first slice begins; 0: nothing was noted."""
    width: int = 1
    """Seconds that a slice lasts, a power of two."""
    slices: dict[int, Slice] = field(default_factory=dict)

    def begin(self, moment: float) -> None:
        """Let the first slice begin at this moment."""
        self.began = moment + WALL

    def at(self, moment: float) -> Slice:
        """Return the slice of a moment; what is earlier than the first counts to the first."""
        if not self.began:
            self.begin(moment)
        number = max(0, int((moment + WALL - self.began) / self.width))
        found = self.slices.get(number)
        if found is None:
            while number >= MOST_SLICES:
                self._coarsen()
                number //= 2
            found = self.slices.setdefault(number, Slice())
        return found

    def count(self, moment: float, what: str) -> None:
        """Count one of the things that `Slice.counts` names."""
        self.at(moment).counts[what] += 1

    def note(self, due: float, received: float, status: int) -> None:
        """Count an answer (status 0: none came) to what was due then."""
        found = self.at(due)
        found.seconds.note(received - due)
        name = kind(status)
        found.kinds[name] += 1
        if name == "good":
            self.at(received).counts["answered"] += 1

    def add(self, other: "Series") -> None:
        """Count what another process noted in the same run."""
        if not other.began:
            return
        if not self.began:
            self.began = other.began
        while self.width < other.width:
            self._coarsen()
        ahead = other.began - self.began
        if ahead < 0:
            mine, self.slices, self.began = self.slices, {}, other.began
            self._take(mine, -ahead, self.width)
        self._take(other.slices, max(0.0, ahead), other.width)

    def _take(self, slices: dict[int, Slice], ahead: float, width: int) -> None:
        whole = round(ahead / self.width) * self.width
        for number, one in slices.items():
            # By its middle, because slices may become wider on the way.
            self.at(self.began - WALL + whole + (number + 0.5) * width).add(one)

    def _coarsen(self) -> None:
        self.width *= 2
        merged: dict[int, Slice] = {}
        for number, one in self.slices.items():
            merged.setdefault(number // 2, Slice()).add(one)
        self.slices = merged


KINDS = ("good", "no answer", "5xx", "503 busy", "419 taken", "429 slow down", "4xx")


def kind(status: int) -> str:
    """Return what an answer is counted as."""
    if 200 <= status < 400:
        return "good"
    if status == 0:
        return "no answer"
    special = {503: "503 busy", 419: "419 taken", 429: "429 slow down"}
    return special.get(status) or ("5xx" if status >= 500 else "4xx")
