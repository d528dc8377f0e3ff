"""What the edge sees of the service, and a buyer of both."""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.model import Panel, Query, Row

_SERVICE = 'proxy="service"'

HOSTS = Row(
    "To the service",
    (
        Panel(
            "Waiting",
            "Requests that wait at the edge for a free connection to a host.",
            (
                Query(
                    'sum by (instance) (haproxy_backend_current_queue{proxy=~"service.*"})',
                    "{{instance}}",
                ),
            ),
            "locale",
            limits=limits.QUEUE,
            runbooks=("EdgeQueue",),
        ),
        Panel(
            "State of app hosts",
            "1: gets requests. 0: not ready, drained or lost, as that edge sees it.",
            (
                Query(
                    f'haproxy_server_status{{{_SERVICE}, state="UP"}}',
                    "{{server}} at {{instance}}",
                ),
            ),
            "none",
            runbooks=("AppHostNotReady",),
            decimals=0,
            maximum=1,
        ),
        Panel(
            "Requests by app host",
            "Requests a second to each host, from both edges. Slow hosts get fewer.",
            (
                Query(
                    "sum by (server) (rate(haproxy_server_http_responses_total"
                    f"{{{_SERVICE}}}[$__rate_interval]))",
                    "{{server}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Time of an app host",
            "Mean of the last 1,024 answers, from the request to the first byte of the answer.",
            (
                Query(
                    f"max by (server) (haproxy_server_response_time_average_seconds{{{_SERVICE}}})",
                    "{{server}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Trouble with app hosts",
            "Connections that failed, requests sent to another host instead, and answers that "
            "broke off.",
            tuple(
                Query(
                    f"sum by (server) (rate(haproxy_server_{metric}_total{{{_SERVICE}}}"
                    "[$__rate_interval])) > 0",
                    f"{{{{server}}}} {words}",
                    "No app host made trouble.",
                )
                for metric, words in (
                    ("connection_errors", "not reached"),
                    ("retry_warnings", "tried again"),
                    ("response_errors", "broke off"),
                )
            ),
            "reqps",
        ),
        Panel(
            "Buyers who left",
            "Requests whose buyer closed the connection before the answer: they lost patience.",
            (
                Query(
                    f"sum by (instance) (rate(haproxy_backend_client_aborts_total{{{_SERVICE}}}"
                    "[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            "reqps",
        ),
    ),
)

VISIT = Row(
    "As a buyer sees it",
    (
        Panel(
            "Steps of a visit",
            "The synthetic buyer's times through the public address, stacked: a visit takes the "
            "sum. It comes every minute.",
            (
                Query(
                    "max by (step) (biletter_buyer_step_seconds)",
                    "{{step}}",
                ),
            ),
            "s",
            width=12,
            stack=True,
        ),
        Panel(
            "Visits that worked",
            "1: the whole visit worked. 0: one of its steps did not.",
            (Query("min(biletter_buyer_success)", "visit"),),
            "none",
            runbooks=("BuyerFails", "BuyerSilent"),
            width=12,
            decimals=0,
            maximum=1,
        ),
    ),
)
