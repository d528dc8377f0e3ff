"""The objectives as ratios of what failed, and what panels and alerts share."""

from __future__ import annotations

from monitoring.rules.model import Group, Record
from monitoring.thresholds import (
    BOOKING,
    BUDGET_HOURS,
    CATALOGUE_SECONDS,
    OBJECTIVES,
    SELECT,
    SELECT_SECONDS,
)

WINDOWS = ("1m", "5m", "30m", "1h", "6h")

_COUNT = "biletter_http_requests_total"
_TIMES = "biletter_http_request_seconds"
_BOOKING = 'route=~"/api/(bookings|seats)(/.*)?",method=~"POST|PATCH"'
_PAYING = "/api/bookings/initiatePayment"
_SELECT = 'route="/api/seats/select",method="PATCH"'
_CATALOGUE = 'route="/api/events",method="GET"'


def _edge_errors(window: str) -> str:
    """Server errors per second that the edge answered itself: all that left it, less the service's.

    For which call, it does not say: all count against booking, which is what people come for.
    """
    said = f'rate(haproxy_frontend_http_responses_total{{proxy="public",code="5xx"}}[{window}])'
    passed = f'rate(haproxy_server_http_responses_total{{code="5xx"}}[{window}])'
    return f"(clamp_min(sum({said}) - sum({passed}), 0) or vector(0))"


def _booking(window: str) -> tuple[str, str]:
    """Errors and requests per second.

    Paying depends on services outside, and says 503 when they fail, which is not our error.
    """
    ours = f'rate({_COUNT}{{{_BOOKING},route!="{_PAYING}",status=~"5.."}}[{window}])'
    paying = f'rate({_COUNT}{{{_BOOKING},route="{_PAYING}",status="500"}}[{window}])'
    edge = _edge_errors(window)
    errors = f"(sum({ours} or {paying}) or vector(0)) + {edge}"
    return errors, f"(sum(rate({_COUNT}{{{_BOOKING}}}[{window}])) + {edge})"


def _slow(selector: str, seconds: float, window: str) -> tuple[str, str]:
    """Requests per second that took longer, and all."""
    every = f"sum(rate({_TIMES}_count{{{selector}}}[{window}]))"
    quick = f'sum(rate({_TIMES}_bucket{{{selector},le="{seconds}"}}[{window}]))'
    return f"clamp_min({every} - {quick}, 0)", every


def _sums(objective: str, window: str) -> tuple[str, str]:
    if objective == BOOKING.name:
        return _booking(window)
    if objective == SELECT.name:
        return _slow(_SELECT, SELECT_SECONDS, window)
    slow, every = _slow(_CATALOGUE, CATALOGUE_SECONDS, window)
    failed = f'(sum(rate({_COUNT}{{{_CATALOGUE},status=~"5.."}}[{window}])) or vector(0))'
    return f"{slow} + {failed}", every


def _ratio(objective: str, window: str) -> Record:
    errors, every = _sums(objective, window)
    # Nothing while nobody comes, rather than not a number.
    return Record(
        f"objective:errors:ratio_rate{window}",
        f"({errors}) / ({every} > 0)",
        {"objective": objective},
    )


OBJECTIVE_RULES = Group(
    "objectives",
    (
        *(
            Record(
                "objective:target:ratio",
                f"vector({objective.target_share})",
                {"objective": objective.name},
            )
            for objective in OBJECTIVES
        ),
        *(
            Record(
                "objective:requests:rate5m",
                _sums(objective.name, "5m")[1],
                {"objective": objective.name},
            )
            for objective in OBJECTIVES
        ),
        *(_ratio(objective.name, window) for objective in OBJECTIVES for window in WINDOWS),
        # Of one sale's budget; below 0 more is gone than there was.
        Record(
            "objective:budget_left:ratio",
            f"1 - objective:errors:ratio_rate{BUDGET_HOURS}h / (1 - objective:target:ratio)",
        ),
    ),
)

ROUTE_RULES = Group(
    "routes",
    (
        Record(
            "route:biletter_http_requests:rate1m",
            "sum by (route, method, status_class) (label_replace("
            f'rate({_COUNT}[1m]), "status_class", "${{1}}xx", "status", "(.).*"))',
        ),
        Record(
            "route:biletter_http_request_seconds:p95_1m",
            f"histogram_quantile(0.95, sum by (route, method, le) (rate({_TIMES}_bucket[1m])))",
        ),
    ),
    interval_seconds=5,
)
