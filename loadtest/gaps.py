"""For how long nobody was served, and how buyers fared before, meanwhile and after."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from loadtest.crowd import GOOD, READS, REFUSED, WRITES, Attempt
from loadtest.punctual import BROKEN, TIMED_OUT
from loadtest.record import percentile

UNKNOWN = {BROKEN.decode(), TIMED_OUT.decode()}
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a run, in monotonic seconds."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.ended - self.began


def figures(attempts: Sequence[Attempt], run: Span, fault: float | None) -> dict[str, Any]:
    """Return the gaps of writes and reads, what failed, and of how many nobody knows the outcome.

    The fault is the moment at which its command was started, or nothing.
    """
    by_kind: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_kind[attempt.kind].append(attempt)
    writes = [attempt for kind in WRITES for attempt in by_kind[kind]]
    reads = {kind: gap_figures(by_kind[kind], run, fault) for kind in READS}
    # One kind that is not served is not made up for by another that is.
    worst = max(reads, key=lambda kind: reads[kind]["longest_gap_seconds"])
    return {
        "writes": gap_figures(writes, run, fault)
        | {"by_kind": {kind: gap_figures(by_kind[kind], run, fault) for kind in WRITES}},
        "reads": reads[worst] | {"kind": worst, "by_kind": reads},
        "failed": failures(attempts),
        "unknown": sum(one.kind in WRITES and one.ended in UNKNOWN for one in attempts),
    }


def gap_figures(attempts: Sequence[Attempt], run: Span, fault: float | None) -> dict[str, Any]:
    """Return the longest time without a success since the fault, or of the whole run.

    It may have begun before the fault, with the last success before it.
    """
    good = [attempt for attempt in attempts if attempt.ended == GOOD]
    found = gaps((attempt.received for attempt in good), run)
    since = run.began if fault is None else fault
    worst = max((gap for gap in found if gap.ended > since), key=lambda gap: gap.seconds)
    before = [gap.seconds for gap in found if fault is not None and gap.ended <= fault]
    return {
        "longest_gap_seconds": round(worst.seconds, 3),
        "began_after_fault_seconds": None if fault is None else round(worst.began - fault, 3),
        "longest_gap_before_seconds": round(max(before), 3) if before else None,
        "began_seconds": round(worst.began - run.began, 3),
        "served": len(good),
        "failed": sum(has_failed(attempt) for attempt in attempts),
        "times": times(good, worst, fault),
    }


def gaps(moments: Iterable[float], run: Span) -> list[Span]:
    """Return the times between successes; nobody was served before the start and after the end."""
    served = sorted(moments)
    edges = [run.began, *served, max([run.ended, *served[-1:]])]
    return [Span(*edge) for edge in pairwise(edges)]


def times(good: Iterable[Attempt], gap: Span, fault: float | None) -> dict[str, Any]:
    """Return how many were served in each part of the run, and their percentiles in milliseconds.

    Who waited at any moment of the gap belongs to it.
    """
    parts: dict[str, list[float]] = (
        {"whole": []} if fault is None else {"before": [], "gap": [], "after": []}
    )
    for attempt in good:
        if fault is None:
            part = "whole"
        elif attempt.sent < gap.ended and attempt.received > gap.began:
            part = "gap"
        else:
            part = "before" if attempt.received <= fault else "after"
        parts[part].append((attempt.received - attempt.sent) * 1000)
    return {
        part: {"requests": len(took)}
        | {name: round(percentile(took, share), 3) if took else None
           for name, share in SHARES.items()}
        for part, took in parts.items()
    }  # fmt: skip


def failures(attempts: Iterable[Attempt]) -> dict[str, Any]:
    """Return how many requests failed, by how they ended and by kind."""
    endings: Counter[str] = Counter()
    by_kind: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for attempt in attempts:
        if has_failed(attempt):
            endings[attempt.ended] += 1
            by_kind[attempt.kind][attempt.ended] += 1
    return {
        "total": endings.total(),
        "by_ending": dict(endings),
        "by_kind": {kind: dict(counts) for kind, counts in by_kind.items()},
    }


def has_failed(attempt: Attempt) -> bool:
    """Whether a request failed: it was answered neither well nor by a rule of the trade."""
    return attempt.ended != GOOD and attempt.ended not in map(str, REFUSED)


def served_by_slice(
    attempts: Iterable[Attempt], kinds: Sequence[str], began: float, width: int, count: int
) -> list[float]:
    """Return how many of these kinds were served per second, by slices of so many seconds."""
    served = Counter(
        int((attempt.received - began) / width)
        for attempt in attempts
        if attempt.kind in kinds and attempt.ended == GOOD
    )
    return [round(served[number] / width, 2) for number in range(count)]
