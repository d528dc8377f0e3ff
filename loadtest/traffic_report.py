"""The figures of an open model: answers and times by shape, and how the schedule was kept."""

from collections import Counter
from collections.abc import Iterator
from math import ceil, floor

from loadtest.gates import MOST_LATE_SHARE
from loadtest.judge.series import Histogram
from loadtest.report import answers, check_report
from loadtest.schedule import Schedule
from loadtest.traffic import LATE_SECONDS, Traffic


def traffic_report(traffic: Traffic, schedule: Schedule) -> Iterator[str]:
    """Yield the lines about answers, checks, and how the schedule was kept."""
    yield (
        f"{'shape':<36}{'requests':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'max ms':>9}  answers"
    )
    for name, shape in sorted(traffic.shapes.items()):
        yield f"{name:<36}{times(shape.seconds)}  {answers(shape.statuses)}"
    whole = times(traffic.from_schedule)
    yield f"{'all, from the scheduled arrival':<36}{whole}  {answers(traffic.statuses)}"
    yield f"{'all, from the send':<36}{times(traffic.from_send)}"
    yield f"{'delay of the send':<36}{times(traffic.delay)}"
    yield ""
    yield from check_report(traffic.record)
    yield from arrival_report(traffic)
    yield from plateau_report(traffic, schedule)
    yield (
        f"generator processes: {len(traffic.cores)}, of {max(traffic.cores, default=0.0):.0%} of a"
        f" core at most; virtual users: {traffic.users}"
    )
    if traffic.generator_late_share > MOST_LATE_SHARE:
        yield (
            "THE GENERATOR WAS THE BOTTLENECK: these figures say little about the service. Use more"
            " --processes (one per core), another machine, or a smaller --scale."
        )


def times(seconds: Histogram) -> str:
    """Return count, percentiles and maximum in columns."""
    figures = [*(seconds.percentile(share) for share in (0.5, 0.95, 0.99)), seconds.longest]
    return f"{seconds.counts.total():>9}" + "".join(f"{one * 1000:>9.1f}" for one in figures)


def arrival_report(traffic: Traffic) -> Iterator[str]:
    """Yield what became of the arrivals."""
    yield (
        f"{traffic.arrivals} arrivals in {traffic.record.elapsed:.1f} s: {traffic.sent.total()}"
        f" sent, {traffic.dropped} dropped because all virtual users were at work"
    )
    yield (
        f"sent more than {LATE_SECONDS * 1000:.0f} ms late: {traffic.late_by_generator} because the"
        f" generator was busy, {traffic.late_for_want_of_users} because all virtual users were"
    )
    if sent := traffic.sent.total():
        yield (
            f"2xx and 3xx of what was sent: {traffic.good / sent:.2%} (the organisers' figure);"
            f" {traffic.statuses[304]} × 304, {traffic.empty} empty pages"
        )
    if traffic.repeated:
        yield f"{traffic.repeated} requests were repeated because a kept connection was closed"


def plateau_report(traffic: Traffic, schedule: Schedule) -> Iterator[str]:
    """Yield the rate achieved in the whole seconds of the plateau beside the wanted one."""
    began, ended, rate = schedule.plateau
    seconds = range(ceil(began), floor(ended))
    if seconds:
        yield (
            f"plateau, {len(seconds)} s at {rate:.0f}/s: sent {spread(traffic.sent, seconds)},"
            f" answered well {spread(traffic.answered, seconds)}"
        )


def spread(counts: Counter[int], seconds: range) -> str:
    """Return mean, least and most per second."""
    each = [counts[second] for second in seconds]
    return f"{sum(each) / len(each):.0f}/s ({min(each)} to {max(each)})"
