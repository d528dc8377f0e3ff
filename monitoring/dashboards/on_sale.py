"""What a director of a sale watches: seats, money, buyers, and whether all is well."""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.colours import SEATS
from monitoring.dashboards.model import Board, Panel, Query, Row, Variable
from monitoring.dashboards.on_sale_glance import GLANCE, NO_EVENT, REVENUE, SOLD_A_SECOND, seats

_SEATS = Row(
    "Seats",
    (
        Panel(
            "Seats left by zone",
            "Free seats in each zone of the hall. A zone that does not fall while others do is "
            "too dear, or cannot be selected.",
            (Query(seats("free", "zone_name"), "{{zone_name}}", NO_EVENT),),
            "locale",
            width=12,
            height=8,
            decimals=0,
        ),
        Panel(
            "Share left by zone",
            "Free seats as a share of the zone. At nothing the zone is sold out, but for seats "
            "whose hold runs out.",
            (
                Query(
                    f"{seats('free', 'zone_name')} / sum by (zone_name) (max by "
                    '(zone_name, status) (biletter_event_seats{event="$event"}))',
                    "{{zone_name}}",
                    NO_EVENT,
                ),
            ),
            "percentunit",
            "bargauge",
            limits=limits.SEATS_LEFT,
            width=6,
            height=8,
            maximum=1,
            decimals=0,
        ),
        Panel(
            "All seats by status",
            "Held seats become sold or free again within the hold, 15 minutes by default.",
            (
                Query(seats("sold"), "sold", NO_EVENT),
                Query(seats("held"), "held", NO_EVENT),
                Query(seats("free"), "free", NO_EVENT),
            ),
            "locale",
            width=6,
            height=8,
            stack=True,
            decimals=0,
            colours=SEATS,
        ),
    ),
)

_SALES = Row(
    "Sales",
    (
        Panel(
            "Seats per minute",
            "Sold of this event; held and given to others of all events. Many taken ones late in "
            "a sale are normal: buyers run after the last seats.",
            (
                Query(f"clamp_min(60 * {SOLD_A_SECOND}, 0)", "sold", NO_EVENT),
                Query(
                    '60 * sum(rate(biletter_outcomes_total{action="hold", outcome="held"}'
                    "[$__rate_interval]))",
                    "held",
                ),
                Query(
                    '60 * sum(rate(biletter_outcomes_total{action="hold", outcome="taken"}'
                    "[$__rate_interval]))",
                    "already taken",
                ),
            ),
            "locale",
            width=12,
            decimals=1,
            colours=(*SEATS, ("already taken", "red")),
        ),
        Panel(
            "Bookings that get paid",
            "Paid bookings as a share of bookings made, over 30 minutes and all events: as long "
            "as a hold and a payment take. A fall while bookings go on: look at payments.",
            (
                Query(
                    'sum(increase(biletter_outcomes_total{action="payment", '
                    'outcome="completed"}[30m])) / sum(increase(biletter_outcomes_total'
                    '{action="booking", outcome="created"}[30m]))',
                    "paid of made",
                    "No booking was made in the last half hour.",
                ),
            ),
            "percentunit",
            width=6,
            decimals=0,
            maximum=1,
        ),
        Panel(
            "From hold to ticket",
            "What became of things in the time shown, all events. Expired bookings gave their "
            "seats back.",
            tuple(
                Query(
                    f'sum(increase(biletter_outcomes_total{{action="{action}", '
                    f'outcome="{outcome}"}}[$__range]))',
                    legend,
                    empty,
                    instant=True,
                )
                for action, outcome, legend, empty in (
                    ("booking", "created", "1 bookings made", ""),
                    ("hold", "held", "2 seats held", ""),
                    ("payment", "completed", "3 payments done", "Nobody paid."),
                    ("payment", "failed", "payments failed", "No payment failed."),
                    ("booking", "expired", "bookings expired", ""),
                )
            ),
            "locale",
            "bargauge",
            width=6,
            decimals=0,
            colours=((".*(failed|expired)", "orange"),),
        ),
    ),
)

_MONEY = Row(
    "Money and load",
    (
        Panel(
            "Revenue, $currency",
            "What buyers paid for the event, less what went back. It never falls but by refunds.",
            (Query(REVENUE, "revenue", NO_EVENT),),
            "locale",
            width=6,
            decimals=0,
        ),
        Panel(
            "Bookings and payments under way",
            "Open bookings, and payments about which the gateway has not decided: buyers at its "
            "page. Payments that only grow: the gateway does not answer.",
            (
                Query("max(biletter_bookings_open)", "open bookings"),
                Query("max(biletter_payments_undecided)", "payments undecided"),
            ),
            "locale",
            runbooks=("PaymentsUndecided",),
            width=6,
        ),
        Panel(
            "Requests at the edge",
            "Requests a second at both edges, and those that were turned away by the limits per "
            "address and account.",
            (
                Query(
                    'sum(rate(haproxy_frontend_http_requests_total{proxy="public"}'
                    "[$__rate_interval]))",
                    "requests",
                ),
                Query(
                    'sum(rate(haproxy_frontend_http_responses_total{proxy="public", code="5xx"}'
                    "[$__rate_interval]))",
                    "answered 5xx",
                ),
                Query(
                    'sum(rate(haproxy_frontend_requests_denied_total{proxy="public"}'
                    "[$__rate_interval]))",
                    "turned away",
                ),
            ),
            "reqps",
            width=6,
            colours=(("answered 5xx", "red"), ("turned away", "orange"), ("requests", "blue")),
        ),
        Panel(
            "Time to select a seat",
            "95 of 100 selections were answered within this time, at the service. Buyers see "
            "some milliseconds more.",
            (
                Query(
                    'max(route:biletter_http_request_seconds:p95_1m{route="/api/seats/select"})',
                    "p95",
                    "Nobody selected a seat in the last minute.",
                ),
            ),
            "s",
            limits=limits.SELECT_SECONDS,
            runbooks=("BudgetBurnFast",),
            width=6,
        ),
    ),
)

BOARD = Board(
    "on-sale",
    "On-sale",
    "The sale of one event, and whether all that it needs is well. "
    "How to read it: monitoring/runbooks/sale.md.",
    (GLANCE, _SEATS, _SALES, _MONEY),
    variables=(
        Variable(
            "event",
            "Event",
            "query_result(max by (event, title) (biletter_event_info))",
            # A title may have quotes, and Grafana does not escape them: up to the last one.
            regex='/event="(?<value>[^"]+)".*title="(?<text>.*)"}/',
            description="The five largest events on sale.",
            empty=NO_EVENT,
        ),
        Variable(
            "currency",
            "Currency",
            'label_values(biletter_event_info{event="$event"}, currency)',
            description="Of the event.",
            hidden=True,
            empty=NO_EVENT,
        ),
    ),
    span="30m",
    refresh="5s",
)
