"""Alerts about the service's processes and what it depends on."""

from __future__ import annotations

from monitoring import thresholds as limit
from monitoring.rules.model import Alert, Group

_RUNS = "sum by (task) (increase(biletter_worker_job_runs_total"
_SUCCESS = "max by (task) (biletter_worker_job_last_success_timestamp_seconds"
_SLOW_JOB = "reconciliation"

SERVICE_ALERTS = Group(
    "service",
    (
        Alert(
            "ServiceDown",
            'up{job="service"} == 0',
            60,
            "page",
            "service",
            "The service on {{ $labels.instance }} does not answer (up is {{ $value }})",
        ),
        Alert(
            "WorkerDown",
            'up{job="worker"} == 0',
            120,
            "page",
            "worker",
            "The worker on {{ $labels.instance }} does not answer (up is {{ $value }})",
        ),
        Alert(
            "PoolExhausted",
            'max without (state, job) (biletter_database_connections{job="service",state="used"})'
            ' / max without (job) (biletter_database_connections_limit{job="service"})'
            f" > {limit.POOL_SHARE}",
            120,
            "ticket",
            "service",
            "{{ $value | humanizePercentage }} of the service's connections to the"
            " {{ $labels.pool }} on {{ $labels.instance }} are in use",
        ),
        Alert(
            "WorkerJobFails",
            f'{_RUNS}{{outcome="failed"}}[5m])) > 3 unless {_RUNS}{{outcome="done"}}[5m])) > 0',
            60,
            "page",
            "worker",
            '{{ $labels.task }} failed {{ printf "%.0f" $value }} times in 5 min'
            " and never succeeded",
        ),
        Alert(
            "WorkerJobStale",
            f'time() - {_SUCCESS}{{task!="{_SLOW_JOB}"}}) > {limit.JOB_SILENCE_SECONDS}'
            f' or time() - {_SUCCESS}{{task="{_SLOW_JOB}"}})'
            f" > {limit.RECONCILIATION_SILENCE_SECONDS}",
            60,
            "page",
            "worker",
            "{{ $labels.task }} last succeeded {{ $value | humanizeDuration }} ago",
        ),
        # A breaker is open for 5 s at a time; the look back joins these to one.
        Alert(
            "OutsideServiceDown",
            "sum by (service) (max_over_time(biletter_outside_breaker_open[1m])) > 0",
            90,
            "page",
            "outside",
            "{{ $labels.service }} does not answer: {{ $value }} of our processes have stopped"
            " asking",
        ),
    ),
)
