"""PostgreSQL, Patroni and etcd: who is the primary, who follows, and what it is busy with."""

from __future__ import annotations

from monitoring.dashboards import database_cluster, limits
from monitoring.dashboards.model import Board, Panel, Query, Row

_OURS = 'datname="biletter"'
_FOLLOWS = "patroni_replica == 1"
_NO_STATEMENTS = "pg_stat_statements is not read on this host."


_WORK = Row(
    "Work",
    (
        Panel(
            "Transactions",
            "Commits and rollbacks a second of our database.",
            tuple(
                Query(
                    f"sum by (instance) (rate(pg_stat_database_xact_{kind}{{{_OURS}}}"
                    "[$__rate_interval]))",
                    f"{{{{instance}}}} {kind}",
                )
                for kind in ("commit", "rollback")
            ),
            "ops",
        ),
        Panel(
            "Sessions at work",
            "Statements that run at this moment. More than the host has processors: they queue.",
            (
                Query(
                    f'sum by (instance) (pg_stat_activity_count{{{_OURS}, state="active"}})',
                    "{{instance}}",
                ),
            ),
            "locale",
        ),
        Panel(
            "Sessions that wait for a lock",
            "Buyers of the same seat wait for each other for milliseconds; a line that stays up "
            "is a transaction that does not end.",
            (
                Query(
                    'sum by (instance) (pg_stat_activity_count{wait_event_type="Lock"}) '
                    "or on (instance) 0 * pg_up",
                    "{{instance}}",
                ),
            ),
            "locale",
        ),
        Panel(
            "Locks by mode",
            "Held locks on the primary. An accessexclusivelock stops everybody on its table.",
            (
                Query(
                    f"sum by (mode) (pg_locks_count{{{_OURS}}} and on (instance) "
                    "patroni_primary == 1) > 0",
                    "{{mode}}",
                    "No lock was held when the exporter looked.",
                ),
            ),
            "locale",
        ),
        Panel(
            "Oldest transaction",
            "How long the oldest open transaction has been open. It keeps dead rows from being "
            "cleared away.",
            (
                Query(
                    f"max by (instance) (pg_stat_activity_max_tx_duration{{{_OURS}}})",
                    "{{instance}}",
                ),
            ),
            "s",
            limits=limits.TRANSACTION_SECONDS,
        ),
        Panel(
            "Deadlocks",
            "Transactions that PostgreSQL ended because they waited for each other. Ours take "
            "locks in order, so there should be none.",
            (
                Query(
                    f"sum by (instance) (increase(pg_stat_database_deadlocks{{{_OURS}}}"
                    "[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            "locale",
            limits=limits.ANY,
        ),
        Panel(
            "Blocks found in memory",
            "Share of reads that did not go to the disk or the kernel.",
            (
                Query(
                    "sum by (instance) (rate(pg_stat_database_blks_hit[$__rate_interval])) / "
                    "(sum by (instance) (rate(pg_stat_database_blks_hit[$__rate_interval])) + "
                    "sum by (instance) (rate(pg_stat_database_blks_read[$__rate_interval])) > 0)",
                    "{{instance}}",
                    "Nothing was read.",
                ),
            ),
            "percentunit",
            minimum=None,
            maximum=1,
            decimals=2,
        ),
        Panel(
            "Size",
            "Of our database, and of the write-ahead log on the disk. A log that only grows is "
            "kept for a replica that does not come.",
            (
                Query(f"max by (instance) (pg_database_size_bytes{{{_OURS}}})", "{{instance}}"),
                Query("max by (instance) (pg_wal_size_bytes)", "{{instance}} log"),
            ),
            "bytes",
        ),
        Panel(
            "etcd: write to disk, p99",
            "99 of 100 writes of etcd's log were shorter. Slow disks cost leaders, and with them "
            "primaries.",
            (
                Query(
                    "histogram_quantile(0.99, sum by (le, instance) (rate("
                    "etcd_disk_wal_fsync_duration_seconds_bucket[$__rate_interval])))",
                    "{{instance}}",
                ),
            ),
            "s",
            runbooks=("EtcdNoLeader",),
        ),
    ),
)

_STATEMENTS = Row(
    "Slow statements",
    (
        Panel(
            "Statements by time spent",
            "The ten statements that took most of PostgreSQL's time in the time shown, all hosts. "
            "`SELECT query FROM pg_stat_statements WHERE queryid = …` shows the text of one.",
            (
                Query(
                    "topk(10, sum by (queryid) (increase(pg_stat_statements_seconds_total"
                    f"{{{_OURS}}}[$__range])))",
                    empty=_NO_STATEMENTS,
                ),
                Query(
                    f"sum by (queryid) (increase(pg_stat_statements_calls_total{{{_OURS}}}"
                    "[$__range])) and on (queryid) topk(10, sum by (queryid) (increase("
                    f"pg_stat_statements_seconds_total{{{_OURS}}}[$__range])))",
                    empty=_NO_STATEMENTS,
                ),
            ),
            "none",
            "table",
            width=12,
            height=8,
            columns=(
                ("queryid", "Statement", ""),
                ("Value #A", "Time", "s"),
                ("Value #B", "Calls", "locale"),
            ),
        ),
        Panel(
            "Mean time of the slowest",
            "Of the five statements with the longest mean time among those that ran.",
            (
                Query(
                    "topk(5, sum by (queryid) (rate(pg_stat_statements_seconds_total"
                    f"{{{_OURS}}}[$__rate_interval])) / (sum by (queryid) (rate("
                    f"pg_stat_statements_calls_total{{{_OURS}}}[$__rate_interval])) > 0))",
                    "{{queryid}}",
                    _NO_STATEMENTS,
                ),
            ),
            "s",
            width=12,
            height=8,
        ),
    ),
)

BOARD = Board(
    "database",
    "Database",
    "Who is the primary, who follows it, and what PostgreSQL is busy with.",
    (database_cluster.CLUSTER, _WORK, _STATEMENTS),
)
