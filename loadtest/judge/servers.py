"""CPU and database by slice, from what the watch saw at moments of its own."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

GAUGES = ("connections", "active", "in transaction", "waiting for a lock")
DISTURBED_CORES = 0.3
"""When other programs use more, the machine is not the service's and the generator's."""
COUNTERS = ("commits", "rollbacks", "read", "written", "deadlocks")


def seen(
    samples: Sequence[dict[str, Any]], began: float, width: float, count: int, elapsed: float
) -> dict[str, Any] | None:
    """Return cores in use and the database's figures by slice; nothing when nothing was seen."""
    if len(samples) < 2 or not count:
        return None
    times = [sample["at"] for sample in samples]
    edges = [began + n * width for n in range(count)] + [began + min(elapsed, count * width)]
    groups = dict.fromkeys(name for sample in samples for name in sample["cpu"])
    used = {g: grown(sample["cpu"].get(g, 0.0) for sample in samples) for g in groups}
    used["whole machine"] = [sample["machine"] for sample in samples]
    others = [
        machine - sum(values[n] for name, values in used.items() if name != "whole machine")
        for n, machine in enumerate(used["whole machine"])
    ]
    found: dict[str, Any] = {
        "cores": {
            name: rates(times, values, edges)
            for name, values in (used | {"other programs": grown(others)}).items()
        },
        "cpu_seconds": {
            name: round(total(times, values, began, began + elapsed), 3)
            for name, values in used.items()
            if name != "whole machine"
        },
        "is_service_seen": bool(groups.keys() - {"generator"}),
        "database": None,
    }
    asked = [(s["at"], s["database"]) for s in samples if s.get("database")]
    if len(asked) > 1:
        moments = [at for at, _ in asked]
        counters = {name: [float(row[name]) for _, row in asked] for name in COUNTERS}
        found["database"] = {
            **{name: rates(moments, values, edges) for name, values in counters.items()},
            **{name: highest(asked, name, edges) for name in GAUGES},
        }
    return found


def others_used(found: dict[str, Any] | None) -> float:
    """Return the cores that other programs of the machine used on average; 0 when not seen."""
    cores = (found or {}).get("cores", {}).get("other programs", ())
    known = [value for value in cores if value is not None]
    return fmean(known) if known else 0.0


def grown(values: Any) -> list[float]:
    """Return a counter that never falls: a process that ended took its part away."""
    found: list[float] = []
    before = 0.0
    for value in values:
        found.append((found[-1] if found else 0.0) + max(0.0, value - before))
        before = value
    return found


def rates(
    times: Sequence[float], values: Sequence[float], edges: Sequence[float]
) -> list[float | None]:
    """Return how much a counter grew per second between neighbouring edges, where it was seen."""
    found: list[float | None] = []
    for begin, end in pairwise(edges):
        # The watch may have begun, or ended, up to a second inside of the run.
        is_seen = end > times[0] and begin < times[-1] and end - begin > 0.2
        grew = total(times, values, max(begin, times[0]), min(end, times[-1]))
        lasted = min(end, times[-1]) - max(begin, times[0])
        found.append(round(grew / lasted, 4) if is_seen and lasted > 0.2 else None)
    return found


def total(times: Sequence[float], values: Sequence[float], begin: float, end: float) -> float:
    """Return how much a counter grew between two moments."""
    return between(times, values, end) - between(times, values, begin)


def between(times: Sequence[float], values: Sequence[float], moment: float) -> float:
    """Return a counter at a moment, in a line between what was seen before and after it."""
    after = bisect_left(times, moment)
    if after == 0:
        return values[0]
    if after == len(times):
        return values[-1]
    share = (moment - times[after - 1]) / (times[after] - times[after - 1])
    return values[after - 1] + share * (values[after] - values[after - 1])


def highest(
    asked: Sequence[tuple[float, dict[str, Any]]], name: str, edges: Sequence[float]
) -> list[float | None]:
    """Return the highest value seen in each slice, or the last before it."""
    found: list[float | None] = []
    last: float | None = None
    for begin, end in pairwise(edges):
        inside = [row[name] for at, row in asked if begin <= at < end]
        last = max(inside) if inside else last
        found.append(last)
    return found
