"""The two lines of the dashboard On-sale that answer: how is the sale, and is all well?"""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.database_cluster import PRIMARY
from monitoring.dashboards.model import Panel, Query, Row

NO_EVENT = "No event is on sale."


def seats(status: str, by: str = "") -> str:
    """Seats of the event; every worker tells the same numbers, so one of them is taken."""
    seats = f'max by (zone_name) (biletter_event_seats{{event="$event", status="{status}"}})'
    return f"sum by ({by}) ({seats})" if by else f"sum({seats})"


_ALL = 'sum(max by (zone_name, status) (biletter_event_seats{event="$event"}))'

SOLD_A_SECOND = f"deriv(({seats('sold')})[5m:15s])"

REVENUE = 'max(biletter_event_revenue_minor_units{event="$event"}) / 100'

GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Seats left",
            "Free seats of the event: neither held by a buyer nor sold. Read from the database "
            "every few seconds.",
            (Query(seats("free"), "free", NO_EVENT),),
            "locale",
            "stat",
            width=4,
            height=4,
            decimals=0,
        ),
        Panel(
            "Sold",
            "Share of all seats of the event that are paid for.",
            (Query(f"{seats('sold')} / {_ALL}", "sold", NO_EVENT),),
            "percentunit",
            "gauge",
            width=4,
            height=4,
            maximum=1,
            decimals=1,
        ),
        Panel(
            "Sales per minute",
            "Seats of the event that became sold, per minute, over the last five minutes.",
            (Query(f"clamp_min(60 * {SOLD_A_SECOND}, 0)", "seats", NO_EVENT),),
            "locale",
            "stat",
            width=4,
            height=4,
            decimals=1,
        ),
        Panel(
            "Sold out in",
            "Time until the last seat is sold if sales go on as in the last five minutes. Held "
            "seats count as left. No forecast while nothing is sold.",
            (
                Query(
                    f"({_ALL} - {seats('sold')}) / ({SOLD_A_SECOND} > 0.001)",
                    "left",
                    "Nothing was sold in the last five minutes.",
                ),
            ),
            "s",
            "stat",
            width=4,
            height=4,
            decimals=1,
            nothing="no sales",
        ),
        Panel(
            "Revenue, $currency",
            "What buyers paid for the event's sold seats, less what went back to them.",
            (Query(REVENUE, "revenue", NO_EVENT),),
            "locale",
            "stat",
            width=4,
            height=4,
            decimals=0,
        ),
        Panel(
            "A visit works",
            "A synthetic buyer lists, books, selects and cancels on a test event every minute, "
            "through the public address. “No” means that real buyers are turned away too.",
            (Query("min(biletter_buyer_success)", "buyer"),),
            "none",
            "stat",
            runbooks=("BuyerFails", "BuyerSilent"),
            width=4,
            height=4,
            words=((1, "Yes", "green"), (0, "No", "red")),
            nothing="not probed",
        ),
        Panel(
            "Errors, by how many are allowed",
            "What went wrong or took too long in five minutes, as a multiple of what the "
            "objectives allow. Below 1 all is well; the alert begins where it turns red.",
            (
                Query(
                    "max by (objective) (objective:errors:ratio_rate5m) / on (objective) "
                    "(1 - max by (objective) (objective:target:ratio))",
                    "{{objective}}",
                    "No request came in the last five minutes.",
                ),
            ),
            "suffix: ×",
            "stat",
            limits=limits.BURN,
            runbooks=("BudgetBurnFast",),
            width=8,
            height=4,
            decimals=1,
            show="value_and_name",
        ),
        Panel(
            "Firing alerts",
            "Alerts that fire now and are for a person. Their pages say what to do.",
            (
                Query(
                    'count(ALERTS{alertstate="firing", severity=~"page|ticket"}) or vector(0)',
                    "alerts",
                ),
            ),
            "none",
            "stat",
            limits=limits.ANY,
            width=4,
            height=4,
        ),
        Panel(
            "Waiting at the edge",
            "Requests that wait at the edges because all connections to the service are busy. "
            "Some wait seconds and then are served; after ten seconds they get 503.",
            (Query('sum(haproxy_backend_current_queue{proxy=~"service.*"})', "waiting"),),
            "locale",
            "stat",
            limits=limits.QUEUE,
            runbooks=("EdgeQueue",),
            width=4,
            height=4,
        ),
        PRIMARY,
        Panel(
            "Waiting for a person",
            "Refunds that were given up, dead messages and differences between our ledger and "
            "those of others.",
            (
                Query(
                    "max(biletter_refunds_stuck) "
                    '+ max(biletter_outbox_messages{state="dead"}) '
                    "+ (sum(max by (kind) (biletter_ledger_differences)) or vector(0))",
                    "items",
                ),
            ),
            "none",
            "stat",
            limits=limits.ANY,
            runbooks=("RefundsStuck", "MessagesDead", "LedgerDifference"),
            width=4,
            height=4,
        ),
    ),
)
