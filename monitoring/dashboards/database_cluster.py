"""Who is the primary, and who follows."""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.model import Panel, Query, Row

_FOLLOWS = "patroni_replica == 1"

PRIMARY = Panel(
    "Primary",
    "The host that takes writes. Nobody, for some seconds, while it is replaced; without one "
    "nobody can buy.",
    (
        Query("patroni_primary == 1", "{{instance}}", instant=True),
        Query("0 * absent(patroni_primary == 1)", "nobody", "There is one.", instant=True),
    ),
    "none",
    "stat",
    limits=limits.SOMEBODY,
    runbooks=("DatabaseNoPrimary",),
    width=4,
    height=4,
    show="name",
)

CLUSTER = Row(
    "Cluster",
    (
        PRIMARY,
        Panel(
            "Synchronous standbys",
            "Replicas in the quorum. A commit is answered when one of them has it too; with none "
            "left, writes are refused.",
            (Query("sum(patroni_quorum_standby) + sum(patroni_sync_standby)", "standbys"),),
            "none",
            "stat",
            limits=limits.STANDBYS,
            runbooks=("DatabaseNoStandby",),
            width=4,
            height=4,
            decimals=0,
        ),
        Panel(
            "Timeline",
            "Grows by one with each new primary.",
            (Query("max(patroni_postgres_timeline)", "timeline"),),
            "none",
            "stat",
            width=4,
            height=4,
            decimals=0,
        ),
        Panel(
            "Members of etcd with a leader",
            "Two of three are needed to choose a primary.",
            (Query("sum(etcd_server_has_leader)", "members"),),
            "none",
            "stat",
            limits=limits.ETCD_MEMBERS,
            runbooks=("EtcdNoLeader", "EtcdMemberDown"),
            width=4,
            height=4,
            decimals=0,
        ),
        Panel(
            "Connections",
            "Share of the possible connections that are taken, of the busiest host.",
            (
                Query(
                    "max(sum by (instance) (pg_stat_database_numbackends) / on (instance) "
                    "pg_settings_max_connections)",
                    "taken",
                ),
            ),
            "percentunit",
            "gauge",
            limits=limits.DATABASE_CONNECTIONS,
            runbooks=("DatabaseConnections",),
            width=4,
            height=4,
            maximum=1,
            decimals=0,
        ),
        Panel(
            "Patroni is in charge",
            "“Paused” means that nobody replaces a lost primary.",
            (Query("max(patroni_is_paused)", "paused"),),
            "none",
            "stat",
            width=4,
            height=4,
            words=((0, "Yes", "green"), (1, "Paused", "red")),
        ),
        Panel(
            "Role of each host",
            "1 is the primary; a replica is at 0. Two lines at 1 would be a split brain.",
            (Query("patroni_primary", "{{instance}}"),),
            "none",
            runbooks=("DatabaseTwoPrimaries", "DatabaseMemberDown"),
            decimals=0,
            maximum=1,
        ),
        Panel(
            "Replicas' lag",
            "Bytes of the log that the primary has written and a replica has not replayed. Reads "
            "leave a replica that is 16 MB behind.",
            (
                Query(
                    "clamp_min(scalar(max(patroni_xlog_location)) - "
                    f"patroni_xlog_replayed_location, 0) and on (instance) {_FOLLOWS}",
                    "{{instance}}",
                ),
            ),
            "bytes",
            limits=limits.LAG_BYTES,
            runbooks=("ReplicaLags",),
        ),
        Panel(
            "Replicas' lag in time",
            "How old the newest replayed commit is, while there is one not yet replayed.",
            (Query(f"pg_replication_lag_seconds and on (instance) {_FOLLOWS}", "{{instance}}"),),
            "s",
            limits=limits.LAG_SECONDS,
            runbooks=("ReplicaLags",),
        ),
    ),
)
