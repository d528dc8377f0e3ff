"""What the service has inside: what fills up, and its workers."""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.model import Panel, Query, Row

QUIET = "Nobody asked for anything in this time."

SATURATION = Row(
    "What fills up",
    (
        Panel(
            "Requests under way",
            "Requests that a host has read and not answered. It grows when the database or a "
            "service outside is slow.",
            (Query("sum by (instance) (biletter_http_requests_in_flight)", "{{instance}}"),),
            "locale",
            runbooks=("ServiceDown",),
            width=6,
        ),
        Panel(
            "Connections to the database",
            "Share of each host's connections in use, for sales (primary) and for the catalogue "
            "(replica). At 100 % requests wait for one.",
            (
                Query(
                    "sum by (instance, job, pool) "
                    '(biletter_database_connections{state="used"}) '
                    "/ (sum by (instance, job, pool) (biletter_database_connections_limit) > 0)",
                    "{{instance}} {{job}} {{pool}}",
                ),
            ),
            "percentunit",
            limits=limits.POOL,
            runbooks=("PoolExhausted",),
            width=6,
            maximum=1,
        ),
        Panel(
            "Wait for a connection, p95",
            "95 of 100 waits for a connection to the database were shorter.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (le, instance, pool) (rate("
                    "biletter_database_wait_seconds_bucket[$__rate_interval])))",
                    "{{instance}} {{pool}}",
                    QUIET,
                ),
            ),
            "s",
            width=6,
        ),
        Panel(
            "Processes and seat boards",
            "Web processes of each host: fewer than configured are dying. And how often a second "
            "they ask the database which seats have changed.",
            (
                Query("max by (instance) (biletter_web_workers)", "{{instance}} processes"),
                Query(
                    "sum by (instance) (rate(biletter_seat_board_refreshes_total"
                    "[$__rate_interval]))",
                    "{{instance}} refreshes/s",
                ),
            ),
            "locale",
            width=6,
            decimals=1,
        ),
    ),
)

WORKERS = Row(
    "Workers",
    (
        Panel(
            "Runs of jobs",
            "How often each job of the workers was done, a second, all hosts.",
            (
                Query(
                    "sum by (task) (rate(biletter_worker_job_runs_total"
                    '{outcome="done"}[$__rate_interval]))',
                    "{{task}}",
                ),
            ),
            "ops",
            width=6,
        ),
        Panel(
            "Failed runs of jobs",
            "A job that fails is tried again; one that goes on failing has an alert.",
            (
                Query(
                    "sum by (task) (rate(biletter_worker_job_runs_total"
                    '{outcome="failed"}[$__rate_interval]))',
                    "{{task}}",
                    "No job has failed.",
                ),
            ),
            "ops",
            runbooks=("WorkerJobFails",),
            width=6,
        ),
        Panel(
            "Since the last success",
            "How long ago each job last ended well on any host. All run within seconds, but the "
            "reconciliation every five minutes.",
            (
                Query(
                    "time() - max by (task) (biletter_worker_job_last_success_timestamp_seconds)",
                    "{{task}}",
                ),
            ),
            "s",
            runbooks=("WorkerJobStale", "WorkerDown"),
            width=6,
        ),
        Panel(
            "Time of a job, p95",
            "95 of 100 runs were shorter.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (le, task) (rate("
                    "biletter_worker_job_seconds_bucket[$__rate_interval])))",
                    "{{task}}",
                ),
            ),
            "s",
            width=6,
        ),
    ),
)
