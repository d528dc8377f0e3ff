"""What went wrong that no speed makes up for, from the gates and checks of a run."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from loadtest.gates import Gate
from loadtest.record import Record

# Each question, and words of the gates and checks that answer it.
QUESTIONS = {
    "seats sold twice": ("in two bookings",),
    "acknowledged, but missing": ("acknowledged",),
    "listed, but not FREE": ("are FREE", "FREE ones"),
    "held, but given to nobody": ("was not given", "refused account"),
    "given back or cancelled, but still there": ("given back is gone", "cancelled booking is gone"),
    "sums of the analytics that do not agree": ("sums of the analytics",),
}
MORE = re.compile(r" and (\d+) more$")


def findings(gates: Sequence[Gate], record: Record) -> list[dict[str, Any]]:
    """Return for each question how many cases were found (None: it was not asked) and the first."""
    found = []
    for question, words in QUESTIONS.items():
        cases = [
            (0 if gate.passed else cases_of(gate.finding), gate.finding)
            for gate in gates
            if mentions(gate.name, words)
        ] + [
            (check.failed, check.example)
            for name, check in record.checks.items()
            if mentions(name, words)
        ]
        count = sum(number for number, _ in cases) if cases else None
        first = next((seen for number, seen in cases if number), "")
        found.append({"what": question, "count": count, "first": first})
    return found


def mentions(name: str, words: Iterable[str]) -> bool:
    """Whether a gate or check is about one of these."""
    return any(word in name for word in words)


def cases_of(finding: str) -> int:
    """Return how many cases the finding of a failed gate tells of."""
    more = MORE.search(finding)
    return 1 + int(more[1]) if more else 1
