"""The gates: what a run must show to pass, computed from what it recorded."""

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.ledger import Ledger
from loadtest.record import Record
from loadtest.traffic import LATE_SECONDS, Traffic
from loadtest.verify import Audit

LEAST_SUCCESS_SHARE = 0.95
# The organisers ask for 95 % of the requests sent.
LEAST_ANSWERED_SHARE = 0.99
MOST_LATE_SHARE = 0.01
RESET_STATUSES = (200, 204)
RESET_SECONDS = 30.0
AUTHORIZATION_REQUESTS = 42


@dataclass(frozen=True, slots=True)
class Gate:
    """A requirement, whether the run met it, and the figure or finding that decides."""

    name: str
    passed: bool
    finding: str


def reset_gate(status: int, seconds: float) -> Gate:
    """The system was reset, in time."""
    passed = status in RESET_STATUSES and seconds <= RESET_SECONDS
    return Gate("reset answers 200 or 204 within 30 s", passed, f"{status} in {seconds:.1f} s")


def booking_gates(record: Record, ledger: Ledger, audit: Audit) -> list[Gate]:
    """The gates of the booking scenario after its reset."""
    pairs = [f"{first} and {second}" for first, second in ledger.doubled]
    missing = [*map(str, ledger.lost), *(f"unknown for {account}" for account in audit.unread)]
    return [
        Gate(
            f"successful bookings ≥ {LEAST_SUCCESS_SHARE:.0%}",
            record.success_share >= LEAST_SUCCESS_SHARE,
            f"{record.success} of {record.attempts}: {record.success_share:.2%}",
        ),
        checks_gate(record),
        empty_gate("the bookings of every account can be read", audit.unread),
        empty_gate("no seat is in two bookings", [*pairs, *audit.doubled]),
        empty_gate("every acknowledged seat is in its booking", missing),
        empty_gate("a refused account holds nothing", audit.refused_holders),
        empty_gate("the generator worked without an error", record.errors),
    ]


def authorization_gates(record: Record, audit: Audit, left_over: Iterable[str]) -> list[Gate]:
    """The gates of the authorization scenario; left over are its own bookings still listed."""
    return [
        Gate(
            f"{AUTHORIZATION_REQUESTS} requests",
            record.requests == AUTHORIZATION_REQUESTS,
            str(record.requests),
        ),
        checks_gate(record),
        empty_gate("the bookings of every account can be read", audit.unread),
        empty_gate("no seat is in two bookings", audit.doubled),
        empty_gate("a cancelled booking is gone", left_over),
        empty_gate("the generator worked without an error", record.errors),
    ]


def search_gates(traffic: Traffic) -> list[Gate]:
    """The gates of the open models; an arrival that was dropped was not answered."""
    due = traffic.arrivals
    share = traffic.good / due if due else 0.0
    return [
        Gate(
            f"2xx and 3xx ≥ {LEAST_ANSWERED_SHARE:.0%} of all arrivals",
            share >= LEAST_ANSWERED_SHARE,
            f"{traffic.good} of {due}: {share:.2%}",
        ),
        checks_gate(traffic.record),
        punctual_gate(traffic),
        empty_gate("the generator worked without an error", traffic.record.errors),
    ]


def punctual_gate(traffic: Traffic) -> Gate:
    """The generator was no bottleneck; otherwise nothing is known about the service."""
    due, late = traffic.arrivals, traffic.generator_late_share
    return Gate(
        f"the generator kept its schedule: ≤ {MOST_LATE_SHARE:.0%} later than"
        f" {LATE_SECONDS * 1000:.0f} ms by its own doing",
        bool(due) and late <= MOST_LATE_SHARE,
        f"{traffic.late_by_generator} of {due}: {late:.2%}",
    )


def checks_gate(record: Record) -> Gate:
    """Every check held, and there was one."""
    failed = record.failed_checks
    counted = sum(check.passed for check in record.checks.values())
    return Gate(
        "every check holds",
        bool(counted) and not failed,
        f"{counted} passed"
        if not failed
        else "; ".join(f"{name} failed {check.failed} times" for name, check in failed.items()),
    )


def empty_gate(name: str, findings: Iterable[str]) -> Gate:
    """A gate that passes when nothing was found."""
    found = list(findings)
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Gate(name, not found, f"{found[0]}{more}" if found else "")
