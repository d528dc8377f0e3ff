"""What depends on others: the payment gateway, the event provider, and what waits for them."""

from __future__ import annotations

from monitoring.dashboards import integrations_waiting, limits
from monitoring.dashboards.model import Board, Limits, Panel, Query, Row

_NO_CALL = "Nobody was called in this time."


def _oldest(title: str, metric: str, description: str, runbook: str, bound: Limits) -> Panel:
    return Panel(
        title,
        description,
        (Query(f"max({metric})", "oldest"),),
        "s",
        "stat",
        limits=bound,
        runbooks=(runbook,),
        width=4,
        height=4,
        decimals=0,
    )


_NOW = Row(
    "Now",
    (
        Panel(
            "Breakers open",
            "Processes that do not call a service outside for now, because its calls failed.",
            (Query("sum by (service) (biletter_outside_breaker_open)", "{{service}}"),),
            "none",
            "stat",
            limits=limits.ANY,
            runbooks=("OutsideServiceDown",),
            width=4,
            height=4,
            show="value_and_name",
            nothing="no calls yet",
        ),
        _oldest(
            "Oldest payment without a decision",
            "biletter_payments_undecided_oldest_seconds",
            "The gateway was asked for so long and has not decided.",
            "PaymentsUndecided",
            limits.PAYMENT_SECONDS,
        ),
        _oldest(
            "Oldest refund due",
            "biletter_refunds_due_oldest_seconds",
            "So long a buyer has been waiting for money.",
            "RefundsLate",
            limits.REFUND_SECONDS,
        ),
        _oldest(
            "Oldest unfinished order",
            "biletter_orders_oldest_seconds",
            "So long an order with the event provider has been on its way.",
            "OrdersLate",
            limits.ORDER_SECONDS,
        ),
        _oldest(
            "Oldest message",
            "biletter_outbox_oldest_seconds",
            "So long a message has been waiting in the outbox.",
            "OutboxLate",
            limits.OUTBOX_SECONDS,
        ),
        Panel(
            "For a person",
            "Refunds that were given up, dead messages, differences between ledgers. "
            "`biletter app.admin work` lists them.",
            (
                Query("max(biletter_refunds_stuck)", "refunds"),
                Query('max(biletter_outbox_messages{state="dead"})', "messages"),
                Query(
                    "sum(max by (kind) (biletter_ledger_differences)) or vector(0)",
                    "differences",
                ),
            ),
            "none",
            "stat",
            limits=limits.ANY,
            runbooks=("RefundsStuck", "MessagesDead", "LedgerDifference"),
            width=4,
            height=4,
            show="value_and_name",
        ),
    ),
)

_CALLS = Row(
    "Calls",
    (
        Panel(
            "Calls",
            "Calls a second that were sent, by service and call.",
            (
                Query(
                    "sum by (service, call) (rate(biletter_outside_call_seconds_count"
                    "[$__rate_interval]))",
                    "{{service}} {{call}}",
                    _NO_CALL,
                ),
            ),
            "reqps",
            width=12,
        ),
        Panel(
            "Time of a call, p95",
            "95 of 100 calls were answered or given up within this time.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (le, service, call) (rate("
                    "biletter_outside_call_seconds_bucket[$__rate_interval])))",
                    "{{service}} {{call}}",
                    _NO_CALL,
                ),
            ),
            "s",
            width=12,
        ),
        Panel(
            "Calls without an answer",
            "unknown: no answer came. held_back: the breaker is open. crowded_out: too many calls "
            "at once. abandoned: the caller had no more time.",
            (
                Query(
                    "sum by (service, outcome) (rate(biletter_outside_calls_total"
                    '{outcome!~"answered|refused"}[$__rate_interval])) > 0',
                    "{{service}} {{outcome}}",
                    "All calls were answered.",
                ),
            ),
            "reqps",
            runbooks=("OutsideServiceDown",),
            width=6,
        ),
        Panel(
            "Share of calls answered",
            "Refusals count as answers: the service outside is there.",
            (
                Query(
                    "sum by (service) (rate(biletter_outside_calls_total"
                    '{outcome=~"answered|refused"}[$__rate_interval])) / '
                    "(sum by (service) (rate(biletter_outside_calls_total[$__rate_interval])) > 0)",
                    "{{service}}",
                    _NO_CALL,
                ),
            ),
            "percentunit",
            limits=limits.CALLS_ANSWERED,
            runbooks=("OutsideServiceDown",),
            maximum=1,
            width=6,
        ),
        Panel(
            "Changes of breakers",
            "How often processes stopped calling, tried again, and went on.",
            (
                Query(
                    "sum by (service, state) (increase(biletter_outside_breaker_changes_total"
                    "[$__rate_interval])) > 0",
                    "{{service}} {{state}}",
                    "No breaker changed.",
                ),
            ),
            "locale",
            width=6,
        ),
        Panel(
            "Payments by outcome",
            "Attempts that the gateway decided, per minute.",
            (
                Query(
                    '60 * sum by (outcome) (rate(biletter_outcomes_total{action="payment"}'
                    "[$__rate_interval]))",
                    "{{outcome}}",
                    "No payment was decided since the service started.",
                ),
            ),
            "locale",
            decimals=1,
            width=6,
        ),
    ),
)


BOARD = Board(
    "integrations",
    "Integrations",
    "The payment gateway, the event provider, and all that waits for them or for a person.",
    (_NOW, _CALLS, integrations_waiting.WAITING),
)
