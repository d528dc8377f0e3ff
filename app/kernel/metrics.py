"""What the service counts. With several gunicorn workers the files in
PROMETHEUS_MULTIPROC_DIR are summed, so every worker answers /metrics for all of them.
"""

from __future__ import annotations

import os

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "biletter_http_requests_total", "Requests answered.", ["method", "route", "status"]
)
LATENCY = Histogram(
    "biletter_http_request_seconds",
    "Time from the parsed request to the finished answer.",
    ["method", "route"],
    buckets=LATENCY_BUCKETS,
)
OUTCOMES = Counter(
    "biletter_outcomes_total",
    "What became of attempts in the domain, for example hold/taken.",
    ["action", "outcome"],
)
LISTING_REFRESHES = Counter(
    "biletter_seat_board_refreshes_total", "Times a worker asked the database for changed seats."
)
OUTSIDE_CALLS = Counter(
    "biletter_outside_calls_total",
    "Calls of a service outside. Outcomes: answered, refused, unknown, abandoned by the caller; "
    "never sent: held_back by the breaker, crowded_out by other calls.",
    ["service", "call", "outcome"],
)
OUTSIDE_LATENCY = Histogram(
    "biletter_outside_call_seconds",
    "Time of a call of a service outside that was sent, without the wait before it.",
    ["service", "call"],
    buckets=LATENCY_BUCKETS,
)
OUTSIDE_BREAKER = Counter(
    "biletter_outside_breaker_changes_total",
    "New states of a process' breaker for a service outside: open, half_open, closed.",
    ["service", "state"],
)
MESSAGES_DELIVERED = Counter(
    "biletter_messages_delivered_total", "Messages that left the outbox.", ["topic"]
)
MESSAGES_DEAD = Counter(
    "biletter_messages_dead_total",
    "Messages given up after all tries; a person is needed.",
    ["topic"],
)


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_process(pid: int) -> None:
    """Remove the gauges of a worker that has ended; its counters stay in the sums."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
