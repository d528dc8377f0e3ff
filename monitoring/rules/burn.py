"""Alerts on the budgets of the objectives, each over a long window and a short one that ends it."""

from __future__ import annotations

from monitoring import thresholds as limit
from monitoring.rules.model import Alert, Group


def _burn(factor: float, long: str, short: str) -> str:
    """Where both windows burn the budget that fast; the value is the long one's share of misses."""
    bound = f"{factor} * (1 - objective:target:ratio)"
    return (
        f"objective:errors:ratio_rate{long} > {bound}"
        f" and objective:errors:ratio_rate{short} > {bound}"
        f" and objective:requests:rate5m > {limit.BURN_LEAST_REQUESTS_PER_SECOND}"
    )


BURN_ALERTS = Group(
    "burn",
    (
        Alert(
            "BudgetBurnFast",
            _burn(limit.BURN_FAST, "5m", "1m"),
            limit.BURN_FAST_FOR_SECONDS,
            "page",
            "service",
            "{{ $value | humanizePercentage }} of the requests of {{ $labels.objective }} missed"
            " their objective in 5 min",
        ),
        Alert(
            "BudgetBurnSlow",
            _burn(limit.BURN_SLOW, "1h", "5m"),
            limit.BURN_SLOW_FOR_SECONDS,
            "page",
            "service",
            "{{ $value | humanizePercentage }} of the requests of {{ $labels.objective }} missed"
            " their objective in 1 h",
        ),
        Alert(
            "BudgetSpent",
            _burn(limit.BURN_SPENT, "6h", "30m"),
            limit.BURN_SPENT_FOR_SECONDS,
            "ticket",
            "service",
            "{{ $value | humanizePercentage }} of the requests of {{ $labels.objective }} missed"
            " their objective in 6 h, more than it allows",
        ),
    ),
)
