"""All that a report says, as plain data: report.json holds it, and the page shows it."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, floor
from typing import Any

from loadtest.gates import Gate
from loadtest.judge import correctness, points, servers
from loadtest.judge.series import KINDS, Histogram, Slice
from loadtest.outcome import NO_SCHEDULE
from loadtest.record import Record, percentile
from loadtest.sales import Sales
from loadtest.schedule import Schedule
from loadtest.traffic import Traffic

Report = dict[str, Any]
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
COUNTS = ("sent", "answered", "dropped", "late, no user free", "late, generator busy")
FORMAT = 1


@dataclass(slots=True)
class Run:
    """A scenario that has been played."""

    scenario: str
    host: str
    settings: dict[str, Any]
    """What tells this run's size from another's: scale, rate, duration, users."""
    gates: Sequence[Gate]
    seen: Traffic | Record
    schedule: Schedule = NO_SCHEDULE
    """Without a phase there is no rate to compare with."""
    notes: Sequence[str] = ()
    samples: Sequence[dict[str, Any]] = ()
    """What the watch saw of the servers."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What this scenario alone has to say."""

    @property
    def record(self) -> Record:
        """Checks, errors and notes."""
        return self.seen.record if isinstance(self.seen, Traffic) else self.seen


def figures(run: Run) -> Report:
    """Return the report of a run."""
    series = run.seen.series
    report: Report = {
        "format": FORMAT,
        "scenario": run.scenario,
        "host": run.host,
        "settings": run.settings,
        "began": datetime.fromtimestamp(series.began, UTC).isoformat(timespec="seconds"),
        "elapsed": round(run.record.elapsed, 3),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "passed": all(gate.passed for gate in run.gates),
        "gates": [asdict(gate) for gate in run.gates],
        "slice_seconds": series.width,
        "series": timeline(run),
        "totals": totals(run),
        "calls": [*calls(run.seen)],
        "visits": [*visits(run.seen)],
        "checks": {name: asdict(check) for name, check in run.record.checks.items()},
        "correctness": correctness.findings(run.gates, run.record),
        "notes": [*run.record.notes, *run.notes],
        "errors": run.record.errors[:20],
        **run.figures,
    }
    count = max((len(values) for values in report["series"].values()), default=0)
    report["servers"] = servers.seen(
        run.samples, series.began, series.width, count, run.record.elapsed
    )
    report["cost"] = cost(report)
    report["points"] = [asdict(point) for point in points.points(report)]
    return report


def timeline(run: Run) -> dict[str, list[float | None]]:
    """Return the figures of each slice: rates per second, times in milliseconds."""
    series, width = run.seen.series, run.seen.series.width
    slices = [series.slices.get(n, Slice()) for n in range(max(series.slices, default=-1) + 1)]
    found: dict[str, list[float | None]] = {}
    if run.schedule.phases:
        due = [due_by(run.schedule, n * width) for n in range(len(slices) + 1)]
        found["scheduled"] = [round((b - a) / width, 2) for a, b in pairwise(due)]
    for name in COUNTS:
        if any(one.counts[name] for one in slices):
            found[name] = [round(one.counts[name] / width, 2) for one in slices]
    for kind in KINDS:
        if any(one.kinds[kind] for one in slices):
            found[f"came: {kind}"] = [round(one.kinds[kind] / width, 2) for one in slices]
    for name, share in SHARES.items():
        found[name] = [
            round(one.seconds.percentile(share) * 1000, 3) if one.seconds.counts else None
            for one in slices
        ]
    return found


def due_by(schedule: Schedule, second: float) -> float:
    """Return how many arrivals a schedule has before a second of it."""
    count, left = 0.0, second
    for phase in schedule.phases:
        passed = min(left, phase.seconds)
        count += passed * (phase.begin + (phase.end - phase.begin) * passed / phase.seconds / 2)
        left -= passed
    return count


def totals(run: Run) -> dict[str, Any]:
    """Return the figures of the whole run; times in milliseconds, from when a request was due."""
    whole, seen = Slice(), run.seen
    for one in seen.series.slices.values():
        whole.add(one)
    requests = whole.kinds.total()
    found: dict[str, Any] = {
        "requests": requests,
        "good": whole.kinds["good"],
        "good_share": whole.kinds["good"] / requests if requests else 0.0,
        "kinds": dict(whole.kinds),
        "per_second": requests / run.record.elapsed if run.record.elapsed else 0.0,
        **times(whole.seconds),
    }
    if selections := selected(seen):
        found["selections"] = selections
    if isinstance(seen, Traffic):
        found["generator_cores"] = [round(core, 3) for core in seen.cores]
        found["users"] = seen.users
        if seen.delay.counts or seen.dropped:
            # Buyers in a loop are due when they come.
            found |= {
                "arrivals": seen.arrivals,
                "dropped": seen.dropped,
                "late_by_generator": seen.late_by_generator,
                "late_for_want_of_users": seen.late_for_want_of_users,
                "generator_late_share": seen.generator_late_share,
            }
        if run.schedule.phases:
            # Every arrival is one request then.
            found["answered_share_of_arrivals"] = seen.good / seen.arrivals if seen.arrivals else 0
            if plateau := level(seen, run.schedule):
                found["plateau"] = plateau
    return found


def times(seconds: Histogram) -> dict[str, float]:
    """Return percentiles and maximum in milliseconds."""
    found = {name: seconds.percentile(share) * 1000 for name, share in SHARES.items()}
    return found | {"longest": seconds.longest * 1000}


def selected(seen: Traffic | Record) -> dict[str, int]:
    """Return how selections of seats ended, if there were any."""
    if isinstance(seen, Sales):
        found = {"success": len(seen.holds), "conflict": seen.conflicts, "failed": seen.unanswered}
    elif isinstance(seen, Record):
        found = {"success": seen.success, "conflict": seen.conflict, "failed": seen.failed}
    else:
        found = {}
    return found if any(found.values()) else {}


def level(traffic: Traffic, schedule: Schedule) -> dict[str, float]:
    """Return the rates in the whole seconds of the schedule's plateau, if it has any."""
    began, ended, rate = schedule.plateau
    seconds = range(ceil(began), floor(ended))
    if not seconds:
        return {}
    return {
        "seconds": len(seconds),
        "wanted": rate,
        "sent": sum(traffic.sent[second] for second in seconds) / len(seconds),
        "answered": sum(traffic.answered[second] for second in seconds) / len(seconds),
    }


def calls(seen: Traffic | Record) -> Iterator[dict[str, Any]]:
    """Yield answers and times in milliseconds by what was asked for."""
    if isinstance(seen, Traffic):
        for name, shape in sorted(seen.shapes.items()):
            yield {
                "name": name,
                "requests": shape.seconds.counts.total(),
                **times(shape.seconds),
                "answers": {str(status): n for status, n in sorted(shape.statuses.items())},
            }
        return
    for name, call in sorted(seen.calls.items()):
        if call.seconds:
            yield {
                "name": name,
                "requests": len(call.seconds),
                **{key: percentile(call.seconds, share) * 1000 for key, share in SHARES.items()},
                "longest": max(call.seconds) * 1000,
                "answers": {str(status): n for status, n in sorted(call.statuses.items())},
            }


def visits(seen: Traffic | Record) -> Iterator[dict[str, Any]]:
    """Yield how visits of several requests went, by what people came for."""
    for name, kind in sorted(seen.kinds.items()) if isinstance(seen, Sales) else ():
        yield {
            "name": name,
            "came": kind.came,
            "done": kind.done,
            "share": kind.done / kind.came if kind.came else 0.0,
            **times(kind.seconds),
        }


def cost(report: Report) -> dict[str, Any] | None:
    """Return the CPU milliseconds of each group of servers per request, and per seat taken."""
    cpu = (report["servers"] or {}).get("cpu_seconds")
    if not cpu:
        return None
    per = {"request": report["totals"]["requests"]}
    per["seat"] = report["totals"].get("selections", {}).get("success", 0)
    return {
        f"cpu_ms_per_{what}": {
            group: round(seconds * 1000 / count, 4)
            for group, seconds in cpu.items()
            if group != "generator"
        }
        for what, count in per.items()
        if count
    }
