"""The figures of a run as a compact table, then its gates."""

from collections import Counter
from collections.abc import Iterable, Iterator

from loadtest.gates import Gate
from loadtest.record import Record, percentile


def booking_report(record: Record) -> Iterator[str]:
    """Yield the lines of the judge's figures."""
    yield (
        f"success {record.success}  failed {record.failed}  conflict {record.conflict}"
        f"  rate {record.success_share:.2%}"
        f"  {record.success / (record.elapsed or 1):.1f} bookings/s"
        f"  ({record.refused_rounds} rounds refused with 401 count nowhere)"
    )


def report(record: Record) -> Iterator[str]:
    """Yield the lines about calls, checks and whatever else is worth knowing."""
    yield f"{'call':<36}{'requests':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}  answers"
    for name, call in sorted(record.calls.items()):
        times = "".join(
            f"{percentile(call.seconds, share) * 1000:>9.1f}" for share in (0.5, 0.95, 0.99)
        )
        yield f"{name:<36}{len(call.seconds):>9}{times}  {answers(call.statuses)}"
    yield ""
    yield from check_report(record)
    yield f"{record.requests} requests in {record.elapsed:.1f} s"
    yield from record.notes


def check_report(record: Record) -> Iterator[str]:
    """Yield how often each check held, and the first case in which it did not."""
    yield f"{'check':<45}{'passed':>9}{'failed':>9}"
    for name, check in record.checks.items():
        yield f"{name:<45}{check.passed:>9}{check.failed:>9}"
        if check.failed:
            yield f"    first: {check.example}"
    yield ""


def answers(statuses: Counter[int]) -> str:
    """Return how often each status came, in a line."""
    return ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))


def gate_report(gates: Iterable[Gate]) -> Iterator[str]:
    """Yield a line for each gate."""
    yield "GATES"
    for gate in gates:
        finding = f": {gate.finding}" if gate.finding else ""
        yield f"  {'pass' if gate.passed else 'FAIL'}  {gate.name}{finding}"
