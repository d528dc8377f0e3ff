"""What the service counts, made from the table in `metric_table.py`. With several gunicorn workers
the files in PROMETHEUS_MULTIPROC_DIR are summed, so every worker answers /metrics for all of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.kernel import live, metric_table
from app.kernel.metric_table import BY_NAME, DEFINITIONS, Metric

__all__ = ["DEFINITIONS", "Metric"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAIT_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5)
_JOB_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# Each would come with a second one that says when it began.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()


def _counter(name: str) -> Counter:
    metric = BY_NAME[name]
    return Counter(name, metric.meaning, metric.labels, registry=REGISTRY)


def _gauge(name: str) -> Gauge:
    metric = BY_NAME[name]
    return Gauge(name, metric.meaning, metric.labels, registry=REGISTRY)


def _histogram(name: str, buckets: tuple[float, ...] = LATENCY_BUCKETS) -> Histogram:
    metric = BY_NAME[name]
    return Histogram(name, metric.meaning, metric.labels, registry=REGISTRY, buckets=buckets)


def family(name: str) -> GaugeMetricFamily:
    """A gauge whose values are told when it is asked for."""
    metric = BY_NAME[name]
    return GaugeMetricFamily(name, metric.meaning, labels=metric.labels)


def single(name: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels that has this value."""
    gauge = family(name)
    gauge.add_metric([], value)
    return gauge


REQUESTS = _counter("biletter_http_requests_total")
LATENCY = _histogram("biletter_http_request_seconds")
OUTCOMES = _counter("biletter_outcomes_total")
# A rate sees no rise to the first value of a series that was not there before.
for _action, _outcomes in metric_table.OUTCOMES.items():
    for _outcome in _outcomes:
        OUTCOMES.labels(_action, _outcome)
LISTING_REFRESHES = _counter("biletter_seat_board_refreshes_total")
DATABASE_WAIT = _histogram("biletter_database_wait_seconds", _WAIT_BUCKETS)
OUTSIDE_CALLS = _counter("biletter_outside_calls_total")
OUTSIDE_LATENCY = _histogram("biletter_outside_call_seconds")
OUTSIDE_BREAKER = _counter("biletter_outside_breaker_changes_total")
MESSAGES_DELIVERED = _counter("biletter_messages_delivered_total")
MESSAGES_DEAD = _counter("biletter_messages_dead_total")
JOB_RUNS = _counter("biletter_worker_job_runs_total")
JOB_SECONDS = _histogram("biletter_worker_job_seconds", _JOB_BUCKETS)
JOB_LAST_SUCCESS = _gauge("biletter_worker_job_last_success_timestamp_seconds")


def exposition(*collectors: Collector) -> bytes:
    """All metrics in Prometheus' text format, with what these collectors know beside."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Own())
    for collector in (_Live(), *collectors):
        registry.register(collector)
    return generate_latest(registry)


def version() -> str:
    """The name of the release that this code is of, or `checkout`."""
    name = Path(__file__).resolve().parents[2].name
    return name if name.startswith("biletter-") else "checkout"


class _Own(Collector):
    """What this process alone counts."""

    def collect(self) -> Iterable[prometheus_client.Metric]:
        return REGISTRY.collect()


class _Live(Collector):
    """The numbers of `app.kernel.live`, and what a process always knows."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        build = family("biletter_build_info")
        build.add_metric([version()], 1)
        yield build
        if workers := live.WORKERS.total():
            yield single("biletter_web_workers", workers)
            yield single("biletter_http_requests_in_flight", live.IN_FLIGHT.total())
        connections = family("biletter_database_connections")
        limit = family("biletter_database_connections_limit")
        for pool, numbers in live.CONNECTIONS.items():
            connections.add_metric([pool, "used"], numbers.used.total())
            connections.add_metric([pool, "idle"], numbers.idle.total())
            limit.add_metric([pool], numbers.limit.total())
        yield connections
        yield limit
        breakers = family("biletter_outside_breaker_open")
        now = time.monotonic()
        for service, number in live.NOT_CLOSED_UNTIL.items():
            breakers.add_metric([service], sum(until > now for until in number.values()))
        yield breakers
