"""The gates of the harder scenarios, computed from what their buyers noted."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.gates import Gate, checks_gate, empty_gate, punctual_gate
from loadtest.sales import Kind, Sales

MOST_BUSY_SHARE = 0.9
"""Of a core; a generator process that uses more makes answers wait."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What visits of a kind must keep: at least this share done, and p95 seconds."""

    share: float
    seconds: float


def visit_gates(sales: Sales, limits: Mapping[str, Limit]) -> list[Gate]:
    """The gates of visits that come when they are scheduled."""
    return [
        *(kind_gate(name, sales.kinds[name], limit) for name, limit in limits.items()),
        checks_gate(sales.record),
        punctual_gate(sales),
        empty_gate("the generator worked without an error", sales.record.errors),
    ]


def kind_gate(name: str, kind: Kind, limit: Limit) -> Gate:
    """Enough of all who came were served, those dropped included, and in time."""
    share, slow = done_share(kind), kind.seconds.percentile(0.95)
    return Gate(
        f"{name}: ≥ {limit.share:.0%} of all arrivals served, p95 < {limit.seconds:g} s",
        share >= limit.share and slow < limit.seconds,
        f"{kind.done} of {kind.came}: {share:.2%}, p95 {slow:.3f} s",
    )


def done_share(kind: Kind) -> float:
    """The share, 0 to 1, of those who came that were served."""
    return kind.done / kind.came if kind.came else 0.0


def ratio_gate(name: str, loaded: Kind, idle: Kind, most: float) -> Gate:
    """The p95 under load is at most so many times the idle one."""
    before, after = idle.seconds.percentile(0.95), loaded.seconds.percentile(0.95)
    ratio = after / before if before else 0.0
    return Gate(
        f"{name} ≤ {most:g}",
        0 < ratio <= most,
        f"{before * 1000:.1f} ms → {after * 1000:.1f} ms: {ratio:.2f}",
    )


def selling_gates(sales: Sales, *, most_conflicts: float, select_seconds: float) -> list[Gate]:
    """The gates of buyers who come again as soon as they were served."""
    select = sales.shapes["PATCH /api/seats/select"].seconds
    slow, busy = select.percentile(0.95), max(sales.cores, default=1.0)
    return [
        Gate(
            f"conflicts ≤ {most_conflicts:.0%} of all selections",
            bool(sales.holds) and sales.conflict_share <= most_conflicts,
            f"{sales.conflicts} beside {len(sales.holds)} seats: {sales.conflict_share:.2%}",
        ),
        Gate(
            f"p95 of select ≤ {select_seconds * 1000:.0f} ms",
            0 < slow <= select_seconds,
            f"{slow * 1000:.1f} ms",
        ),
        checks_gate(sales.record),
        Gate(
            f"the generator kept up: ≤ {MOST_BUSY_SHARE:.0%} of a core in each process",
            busy <= MOST_BUSY_SHARE,
            f"{busy:.0%}",
        ),
        empty_gate("the generator worked without an error", sales.record.errors),
    ]
