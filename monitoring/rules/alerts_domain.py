"""Alerts about money, orders and messages. Every worker tells the same numbers: one is taken."""

from __future__ import annotations

from monitoring import thresholds as limit
from monitoring.rules.model import Alert, Group


def _one(metric: str) -> str:
    return f"max without (instance, zone, role, job) ({metric})"


# What waits for a service outside names it, so that OutsideServiceDown silences it.
_GATEWAY = {"service": "payment_gateway"}
_PROVIDER = {"service": "event_provider"}

DOMAIN_ALERTS = Group(
    "domain",
    (
        Alert(
            "OutboxLate",
            f"{_one('biletter_outbox_oldest_seconds')} > {limit.OUTBOX_SECONDS}",
            60,
            "ticket",
            "worker",
            "The oldest message has waited {{ $value | humanizeDuration }}",
        ),
        Alert(
            "MessagesDead",
            _one('biletter_outbox_messages{state="dead"}') + " > 0",
            60,
            "ticket",
            "worker",
            "{{ $value }} messages were given up",
        ),
        Alert(
            "RefundsStuck",
            f"{_one('biletter_refunds_stuck')} > 0",
            60,
            "ticket",
            "money",
            "{{ $value }} refunds were given up and wait for a person",
        ),
        Alert(
            "RefundsLate",
            f"{_one('biletter_refunds_due_oldest_seconds')} > {limit.REFUND_SECONDS}",
            60,
            "ticket",
            "money",
            "The oldest refund is due for {{ $value | humanizeDuration }}",
            _GATEWAY,
        ),
        Alert(
            "PaymentsUndecided",
            f"{_one('biletter_payments_undecided_oldest_seconds')} > {limit.PAYMENT_SECONDS}",
            60,
            "page",
            "money",
            "The oldest payment is undecided for {{ $value | humanizeDuration }}",
            _GATEWAY,
        ),
        Alert(
            "OrdersLate",
            f"{_one('biletter_orders_oldest_seconds')} > {limit.ORDER_SECONDS}",
            60,
            "page",
            "outside",
            "The oldest order with the event provider is unfinished for"
            " {{ $value | humanizeDuration }}",
            _PROVIDER,
        ),
        Alert(
            "LedgerDifference",
            f"{_one('biletter_ledger_differences')} > 0",
            60,
            "page",
            "money",
            "{{ $value }} differences of the kind {{ $labels.kind }} are open",
        ),
        Alert(
            "DomainUnread",
            "max(biletter_domain_up) == 0",
            120,
            "ticket",
            "worker",
            "{{ $value }} workers can read seats, money and orders from the database",
        ),
    ),
)
