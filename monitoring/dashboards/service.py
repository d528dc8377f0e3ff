"""The service's requests: how many, how many fail, how long they take, and what fills up."""

from __future__ import annotations

from monitoring.dashboards import limits, service_inside
from monitoring.dashboards.colours import STATUS_CLASSES
from monitoring.dashboards.model import Board, Panel, Query, Row, Variable

QUIET = "Nobody asked for anything in this time."
_ROUTES = 'route!~"/health.*|/metrics"'

_OBJECTIVES = Row(
    "Objectives",
    (
        Panel(
            "Budget left",
            "Of the errors that each objective allows in six hours, the share not used up. A "
            "sale is hours, not a month: what is spent now is missed now.",
            (
                Query(
                    "max by (objective) (objective:budget_left:ratio)",
                    "{{objective}}",
                    "No request counted towards an objective in the last six hours.",
                ),
            ),
            "percentunit",
            "bargauge",
            limits=limits.BUDGET_LEFT,
            runbooks=("BudgetSpent", "BudgetBurnFast", "BudgetBurnSlow"),
            maximum=1,
            decimals=0,
        ),
        Panel(
            "Errors by objective",
            "Share of requests that missed their objective, over five minutes.",
            (Query("max by (objective) (objective:errors:ratio_rate5m)", "{{objective}}", QUIET),),
            "percentunit",
            runbooks=("BudgetBurnFast", "BudgetBurnSlow"),
        ),
        Panel(
            "Objectives",
            "What is promised, and what was kept in the last 5 minutes, hour and 6 hours.",
            (
                Query("max by (objective) (objective:target:ratio)"),
                Query("1 - max by (objective) (objective:errors:ratio_rate5m)", empty=QUIET),
                Query("1 - max by (objective) (objective:errors:ratio_rate1h)", empty=QUIET),
                Query("1 - max by (objective) (objective:errors:ratio_rate6h)", empty=QUIET),
            ),
            "percentunit",
            "table",
            decimals=2,
            minimum=None,
            columns=(
                ("objective", "Objective", ""),
                ("Value #A", "Promised", ""),
                ("Value #B", "5 minutes", ""),
                ("Value #C", "1 hour", ""),
                ("Value #D", "6 hours", ""),
            ),
        ),
    ),
)

_REQUESTS = Row(
    "Requests",
    (
        Panel(
            "Requests by route",
            "Requests a second that the service answered, without health checks.",
            (
                Query(
                    "sum by (method, route) "
                    f"(route:biletter_http_requests:rate1m{{{_ROUTES}}}) > 0",
                    "{{method}} {{route}}",
                    QUIET,
                ),
            ),
            "reqps",
            width=12,
            height=8,
        ),
        Panel(
            "Time by route, p95",
            "95 of 100 requests were answered within this time.",
            (
                Query(
                    f"max by (method, route) (route:biletter_http_request_seconds:p95_1m"
                    f"{{{_ROUTES}}}) >= 0",
                    "{{method}} {{route}}",
                    QUIET,
                ),
            ),
            "s",
            width=12,
            height=8,
        ),
        Panel(
            "Answers by class of status",
            "4xx includes 419, a seat that somebody else took: common in a sale. 5xx is ours.",
            (
                Query(
                    f"sum by (status_class) (route:biletter_http_requests:rate1m{{{_ROUTES}}})",
                    "{{status_class}}",
                    QUIET,
                ),
            ),
            "reqps",
            stack=True,
            colours=STATUS_CLASSES,
        ),
        Panel(
            "Failures by route",
            "Share of a route's requests that were answered 5xx in the last minute.",
            (
                Query(
                    f"sum by (method, route) (route:biletter_http_requests:rate1m{{{_ROUTES}, "
                    'status_class="5xx"}) / sum by (method, route) '
                    f"(route:biletter_http_requests:rate1m{{{_ROUTES}}}) > 0",
                    "{{method}} {{route}}",
                    "Nothing was answered 5xx.",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Answers by status",
            "The same, by number: 401 wrong password, 419 seat taken, 429 too many, 503 busy.",
            (
                Query(
                    "sum by (status) (rate(biletter_http_requests_total"
                    f'{{{_ROUTES}, status=~"4..|5.."}}[$__rate_interval])) > 0',
                    "{{status}}",
                    "No request was refused or failed.",
                ),
            ),
            "reqps",
        ),
        Panel(
            "How long requests to $route take",
            "Each column is a moment, each line a range of time; the darker, the more requests.",
            (
                Query(
                    'sum by (le) (increase(biletter_http_request_seconds_bucket{route=~"$route"}'
                    "[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
            "s",
            "heatmap",
            width=12,
            height=8,
        ),
        Panel(
            "Time to $route",
            "Half, 95 and 99 of 100 requests were answered within this time.",
            tuple(
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate("
                    'biletter_http_request_seconds_bucket{route=~"$route"}[$__rate_interval])))',
                    name,
                    QUIET,
                )
                for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ),
            "s",
            width=12,
            height=8,
        ),
    ),
)


BOARD = Board(
    "service",
    "Service",
    "Requests by route: rate, errors, duration; and the service's own limits.",
    (_OBJECTIVES, _REQUESTS, service_inside.SATURATION, service_inside.WORKERS),
    variables=(
        Variable(
            "route",
            "Route",
            "label_values(biletter_http_request_seconds_count, route)",
            regex="/^(?!.*(health|metrics)).*$/",
            description="For the two panels about one route.",
            first="/api/seats/select",
        ),
    ),
)
