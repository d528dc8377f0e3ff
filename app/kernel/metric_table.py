"""Every metric of the service, by name: what it counts, in which unit, under which labels.

`app.kernel.metrics` makes them from here, and a test holds what processes answer against it.
No label ever holds an id, an address or what a caller has written, but for the few events that are
on sale.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]
Source = Literal["web", "worker"]


class Metric(NamedTuple):
    """One metric. A histogram has `_bucket`, `_sum` and `_count` behind its name."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    unit: str
    meaning: str
    sources: tuple[Source, ...]
    """Whose answer has it: the web processes' of a host, a worker process'."""


SERVICES = ("event_provider", "payment_gateway")
"""The services outside, as the label `service` names them."""
POOLS = ("primary", "replica")
"""The label `pool`: connections that sell seats, and those of reads that tolerate lag."""
OUTCOMES: dict[str, tuple[str, ...]] = {
    "booking": ("created", "expired"),
    "hold": ("held", "taken"),
    "release": ("released",),
    "login": ("accepted", "refused"),
    "payment": ("completed", "failed", "refund_due"),
    "refund": ("stuck", "unclear", "paid"),
    "order": (
        *("wanted", "refused", "held", "submitting", "submitted", "confirming", "confirmed"),
        *("returning", "returned", "cancelling", "cancelled"),
    ),
}
"""The labels of `biletter_outcomes_total`: for each action its outcomes."""

_WEB: tuple[Source, ...] = ("web",)
_WORKER: tuple[Source, ...] = ("worker",)
_BOTH: tuple[Source, ...] = ("web", "worker")

_PROCESSES = (
    Metric(
        "biletter_build_info", "gauge", ("version",), "1",
        "The release that runs; `checkout` where it is none.", _BOTH,
    ),
    Metric(
        "biletter_web_workers", "gauge", (), "processes", "Web processes of this host that live.",
        _WEB,
    ),
    Metric(
        "biletter_http_requests_in_flight", "gauge", (), "requests",
        "Requests being answered now; the one that asks is one of them.", _WEB,
    ),
    Metric(
        "biletter_http_requests_total", "counter", ("method", "route", "status"), "requests",
        "Requests answered.", _WEB,
    ),
    Metric(
        "biletter_http_request_seconds", "histogram", ("method", "route"), "seconds",
        "Time from the parsed request to the finished answer.", _WEB,
    ),
    Metric(
        "biletter_seat_board_refreshes_total", "counter", (), "questions",
        "Times a process asked the database for changed seats.", _WEB,
    ),
    Metric(
        "biletter_outcomes_total", "counter", ("action", "outcome"), "attempts",
        "What became of attempts in the domain, for example hold/taken.", _BOTH,
    ),
)  # fmt: skip
_DATABASE = (
    Metric(
        "biletter_database_connections", "gauge", ("pool", "state"), "connections",
        "Connections to PostgreSQL, used by a statement or idle.", _BOTH,
    ),
    Metric(
        "biletter_database_connections_limit", "gauge", ("pool",), "connections",
        "As many may be used at once, in all processes together.", _BOTH,
    ),
    Metric(
        "biletter_database_wait_seconds", "histogram", ("pool",), "seconds",
        "Time until a use of the database had a connection, an opened one included.", _BOTH,
    ),
)  # fmt: skip
_OUTSIDE = (
    Metric(
        "biletter_outside_calls_total", "counter", ("service", "call", "outcome"), "calls",
        "Calls of a service outside: answered, refused, unknown, abandoned by the caller; never "
        "sent: held_back by the breaker, crowded_out by other calls.", _BOTH,
    ),
    Metric(
        "biletter_outside_call_seconds", "histogram", ("service", "call"), "seconds",
        "Time of a call of a service outside that was sent, without the wait before it.", _BOTH,
    ),
    Metric(
        "biletter_outside_breaker_changes_total", "counter", ("service", "state"), "changes",
        "New states of a process' breaker: open, half_open, closed.", _BOTH,
    ),
    Metric(
        "biletter_outside_breaker_open", "gauge", ("service",), "processes",
        "Processes whose breaker is not closed. One that has not tried again for half a minute is "
        "not counted any more: nobody knows.", _BOTH,
    ),
)  # fmt: skip
_WORK = (
    Metric(
        "biletter_messages_delivered_total", "counter", ("topic",), "messages",
        "Messages that left the outbox.", _WORKER,
    ),
    Metric(
        "biletter_messages_dead_total", "counter", ("topic",), "messages",
        "Messages given up after all tries; a person is needed.", _WORKER,
    ),
    Metric(
        "biletter_worker_job_runs_total", "counter", ("task", "outcome"), "runs",
        "Turns of a worker's job: done or failed.", _WORKER,
    ),
    Metric(
        "biletter_worker_job_seconds", "histogram", ("task",), "seconds",
        "Time of a turn of a worker's job.", _WORKER,
    ),
    Metric(
        "biletter_worker_job_last_success_timestamp_seconds", "gauge", ("task",),
        "seconds since 1970", "When a job's last turn that was done ended.", _WORKER,
    ),
)  # fmt: skip


def _domain(name: str, labels: tuple[str, ...], unit: str, meaning: str) -> Metric:
    return Metric(name, "gauge", labels, unit, meaning, _WORKER)


_DOMAIN = (
    _domain(
        "biletter_domain_up", (), "1 or 0",
        "Whether the figures about sales and money could be read; without, they are missing.",
    ),
    _domain("biletter_domain_read_seconds", (), "seconds", "How long reading them took."),
    _domain(
        "biletter_event_info", ("event", "title", "currency"), "1",
        "An event on sale; the five with the most seats are there.",
    ),
    _domain(
        "biletter_event_seats", ("event", "zone_name", "status"), "seats",
        "Its seats: free, held, sold. A hold that has run out is free.",
    ),
    _domain(
        "biletter_event_revenue_minor_units", ("event", "currency"), "minor units of the currency",
        "What its sold seats brought, without those given back.",
    ),
    _domain("biletter_bookings_open", (), "bookings", "Unpaid bookings that live."),
    _domain(
        "biletter_payments_undecided", (), "payments",
        "Attempts to pay that came to no end yet, buyers at the gateway's form among them.",
    ),
    _domain(
        "biletter_payments_undecided_oldest_seconds", (), "seconds",
        "How long the oldest of them has been there; 0 without any.",
    ),
    _domain("biletter_refunds_due", (), "refunds", "Refunds that are not paid, stuck ones too."),
    _domain(
        "biletter_refunds_due_oldest_seconds", (), "seconds",
        "How long the oldest of them has been owed; 0 without any.",
    ),
    _domain("biletter_refunds_stuck", (), "refunds", "Those of them that need a person."),
    _domain(
        "biletter_orders", ("state",), "orders",
        "Unfinished orders at the event provider; queued: not asked for yet.",
    ),
    _domain(
        "biletter_orders_oldest_seconds", (), "seconds",
        "Since when the one has not moved that waits longest for a call of ours; those that are "
        "held, submitted or queued wait for nothing of the kind. 0 without any.",
    ),
    _domain(
        "biletter_outbox_messages", ("state",), "messages",
        "Messages in the outbox: waiting (10,000 are counted at most), and dead, which need a "
        "person.",
    ),
    _domain("biletter_outbox_oldest_seconds", (), "seconds", "Age of the oldest waiting message."),
    _domain(
        "biletter_ledger_differences", ("kind",), "differences",
        "Open differences between our tables, the gateway and the provider.",
    ),
)  # fmt: skip

DEFINITIONS: tuple[Metric, ...] = (*_PROCESSES, *_DATABASE, *_OUTSIDE, *_WORK, *_DOMAIN)
BY_NAME = {metric.name: metric for metric in DEFINITIONS}
