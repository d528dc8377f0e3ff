"""What waits for others, or for a person."""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.model import Panel, Query, Row

WAITING = Row(
    "What waits",
    (
        Panel(
            "Payments and refunds",
            "Attempts without a decision, refunds that are due, and those given up.",
            (
                Query("max(biletter_payments_undecided)", "payments undecided"),
                Query("max(biletter_refunds_due)", "refunds due"),
                Query("max(biletter_refunds_stuck)", "refunds stuck"),
            ),
            "locale",
            colours=(("refunds stuck", "red"),),
        ),
        Panel(
            "Orders with the provider",
            "Unfinished ones by state. Queued: to be asked for, as fast as the provider can.",
            (
                Query(
                    "max by (state) (biletter_orders) > 0",
                    "{{state}}",
                    "No order was unfinished.",
                ),
            ),
            "locale",
            stack=True,
        ),
        Panel(
            "Outbox",
            "Messages that wait for their readers, and dead ones, given up after eight tries.",
            (Query("max by (state) (biletter_outbox_messages)", "{{state}}"),),
            "locale",
            runbooks=("OutboxLate", "MessagesDead"),
            colours=(("dead", "red"),),
        ),
        Panel(
            "Messages delivered",
            "Messages a second that left the outbox, by topic.",
            (
                Query(
                    "sum by (topic) (rate(biletter_messages_delivered_total[$__rate_interval]))",
                    "{{topic}}",
                    "No message since the workers started.",
                ),
            ),
            "ops",
        ),
        Panel(
            "Differences between ledgers",
            "Open ones by kind: what we, the gateway and the provider do not agree about.",
            (
                Query(
                    "max by (kind) (biletter_ledger_differences) > 0",
                    "{{kind}}",
                    "All ledgers agree.",
                ),
            ),
            "locale",
            limits=limits.ANY,
            runbooks=("LedgerDifference",),
        ),
        Panel(
            "Reading these numbers",
            "Time that the workers' collector needed to read the numbers of this row, and whether "
            "it could.",
            (
                Query("max by (instance) (biletter_domain_read_seconds)", "{{instance}}"),
                Query("1 - min by (instance) (biletter_domain_up)", "{{instance}} failed"),
            ),
            "s",
            runbooks=("DomainUnread",),
        ),
    ),
)
