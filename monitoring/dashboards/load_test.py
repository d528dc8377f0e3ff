"""A load test as its generator saw it, beside what the service says; several runs at once."""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.model import Board, Panel, Query, Row, Variable

NO_RUN = "No load test in this time."
_RUN = 'run=~"$run"'


def _quantile(share: float, by: str) -> str:
    return (
        f"histogram_quantile({share}, sum by (le, {by}) (rate("
        f"biletter_load_request_seconds_bucket{{{_RUN}}}[$__rate_interval])))"
    )


def _over_all(share: float) -> str:
    """Of each run, over the time shown."""
    return (
        f"histogram_quantile({share}, sum by (le, scenario, run) (increase("
        f"biletter_load_request_seconds_bucket{{{_RUN}}}[$__range])))"
    )


_REQUESTS = f"sum by (scenario, run) (increase(biletter_load_requests_total{{{_RUN}}}[$__range]))"
_SERVED = (
    "sum by (scenario, run) (increase(biletter_load_requests_total"
    f'{{{_RUN}, outcome="success"}}[$__range]))'
)

_RUNS = Row(
    "Runs side by side",
    (
        Panel(
            "Runs in the time shown",
            "Each run with its requests, the share that succeeded and the times that its "
            "generator measured. Conflicts over seats are not successes.",
            (
                Query(f"{_REQUESTS} > 0", empty=NO_RUN),
                Query(f"{_SERVED} / ({_REQUESTS} > 0)", empty=NO_RUN),
                Query(_over_all(0.5), empty=NO_RUN),
                Query(_over_all(0.95), empty=NO_RUN),
                Query(
                    f"max by (scenario, run) (max_over_time(biletter_load_users{{{_RUN}}}"
                    "[$__range]))",
                    empty=NO_RUN,
                ),
            ),
            "none",
            "table",
            width=24,
            height=6,
            columns=(
                ("scenario", "Scenario", ""),
                ("run", "Run", ""),
                ("Value #E", "Most users", "locale"),
                ("Value #A", "Requests", "locale"),
                ("Value #B", "Succeeded", "percentunit"),
                ("Value #C", "p50", "s"),
                ("Value #D", "p95", "s"),
            ),
        ),
        Panel(
            "Users",
            "Virtual users at work.",
            (
                Query(
                    f"sum by (scenario, run) (biletter_load_users{{{_RUN}}})",
                    "{{scenario}} {{run}}",
                    NO_RUN,
                ),
            ),
            "locale",
        ),
        Panel(
            "Requests by run",
            "Requests a second that ended, well or not.",
            (
                Query(
                    "sum by (scenario, run) (rate(biletter_load_requests_total"
                    f"{{{_RUN}}}[$__rate_interval]))",
                    "{{scenario}} {{run}}",
                    NO_RUN,
                ),
            ),
            "reqps",
        ),
        Panel(
            "Time by run, p95",
            "95 of 100 requests of a run were answered within this time, as the generator saw it.",
            (Query(_quantile(0.95, "scenario, run"), "{{scenario}} {{run}}", NO_RUN),),
            "s",
        ),
    ),
)

_KINDS = Row(
    "By kind of request",
    (
        Panel(
            "Requests by name",
            "Requests a second by what they are for.",
            (
                Query(
                    "sum by (name) (rate(biletter_load_requests_total"
                    f"{{{_RUN}}}[$__rate_interval]))",
                    "{{name}}",
                    NO_RUN,
                ),
            ),
            "reqps",
        ),
        Panel(
            "Time by name, p95",
            "95 of 100 requests of a name were answered within this time.",
            (Query(_quantile(0.95, "name"), "{{name}}", NO_RUN),),
            "s",
        ),
        Panel(
            "Not successful",
            "Requests a second that ended in any other way, by which.",
            (
                Query(
                    "sum by (outcome) (rate(biletter_load_requests_total"
                    f'{{{_RUN}, outcome!="success"}}[$__rate_interval])) > 0',
                    "{{outcome}}",
                    "All requests succeeded, or there were none.",
                ),
            ),
            "reqps",
        ),
    ),
)

_BESIDE = Row(
    "Meanwhile, in the service",
    (
        Panel(
            "Time at the service, p95",
            "Of all requests but health checks. The gap to what the generator saw is spent in the "
            "network, at the edge, or in a generator that is too busy.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (le) (rate("
                    'biletter_http_request_seconds_bucket{route!~"/health.*|/metrics"}'
                    "[$__rate_interval])))",
                    "service",
                    "Nobody asked for anything in this time.",
                ),
                Query(
                    _quantile(0.95, "scenario"), "{{scenario}}, as seen by its generator", NO_RUN
                ),
            ),
            "s",
        ),
        Panel(
            "Processors by role",
            "Share of processor time that was not idle, of the busiest host of each role. A busy "
            "generator measures itself.",
            (
                Query(
                    "max by (role) (1 - avg by (role, instance) (sum by (role, instance, cpu) "
                    '(rate(node_cpu_seconds_total{mode=~"idle|iowait"}[$__rate_interval]))))',
                    "{{role}}",
                ),
            ),
            "percentunit",
            limits=limits.BUSY,
            maximum=1,
        ),
        Panel(
            "Waiting and under way",
            "Requests that wait at the edge, and that the service works on.",
            (
                Query('sum(haproxy_backend_current_queue{proxy=~"service.*"})', "wait at the edge"),
                Query("sum(biletter_http_requests_in_flight)", "under way in the service"),
            ),
            "locale",
        ),
    ),
)

BOARD = Board(
    "load-test",
    "Load test",
    "Runs of the load generator, side by side, and what the service did meanwhile.",
    (_RUNS, _KINDS, _BESIDE),
    variables=(
        Variable(
            "run",
            "Run",
            "label_values(biletter_load_users, run)",
            description="One to look at it, several to compare them.",
            multi=True,
            empty=NO_RUN,
        ),
    ),
    refresh="10s",
)
