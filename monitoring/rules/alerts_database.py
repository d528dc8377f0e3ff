"""Alerts about PostgreSQL, Patroni and etcd."""

from __future__ import annotations

from monitoring import thresholds as limit
from monitoring.rules.model import Alert, Group

_LAG_ON_REPLICA = f"pg_replication_lag_seconds > {limit.LAG_SECONDS}"
# The primary compares at one moment; positions of two scrapes differ by what was written between.
_LAG_AT_PRIMARY = (
    "max by (instance) (label_replace(max by (application_name)"
    ' (pg_stat_replication_pg_wal_lsn_diff), "instance", "$1", "application_name", "(.+)"))'
    f" > {limit.LAG_BYTES}"
)

DATABASE_ALERTS = Group(
    "database",
    (
        Alert(
            "DatabaseNoPrimary",
            "(sum(patroni_primary) or vector(0)) == 0",
            limit.NO_PRIMARY_FOR_SECONDS,
            "page",
            "database",
            "{{ $value }} database hosts are primary: nobody can book",
        ),
        Alert(
            "DatabaseTwoPrimaries",
            "sum(patroni_primary) > 1",
            60,
            "page",
            "database",
            "{{ $value }} database hosts say that they are primary",
        ),
        Alert(
            "DatabaseNoStandby",
            "(sum(patroni_quorum_standby or patroni_sync_standby) or vector(0)) == 0"
            " and on () sum(patroni_primary) > 0",
            limit.NO_STANDBY_FOR_SECONDS,
            "page",
            "database",
            "{{ $value }} standbys confirm commits: the primary accepts no write",
        ),
        Alert(
            "DatabaseMemberDown",
            'up{job="patroni"} == 0 or patroni_postgres_running == 0',
            limit.MEMBER_DOWN_FOR_SECONDS,
            "page",
            "database",
            "PostgreSQL on {{ $labels.instance }} is not running or its Patroni is silent"
            " (running is {{ $value }})",
        ),
        Alert(
            "ReplicaNotStreaming",
            "patroni_postgres_streaming == 0 and on (instance) patroni_replica == 1",
            limit.MEMBER_DOWN_FOR_SECONDS,
            "ticket",
            "database",
            "The replica on {{ $labels.instance }} follows nobody (streaming is {{ $value }})",
        ),
        Alert(
            "ReplicaLags",
            _LAG_ON_REPLICA,
            limit.LAG_FOR_SECONDS,
            "ticket",
            "database",
            "The replica on {{ $labels.instance }} shows what was"
            " {{ $value | humanizeDuration }} ago",
        ),
        Alert(
            "ReplicaBehind",
            _LAG_AT_PRIMARY,
            limit.LAG_FOR_SECONDS,
            "ticket",
            "database",
            "The replica on {{ $labels.instance }} is {{ $value | humanize1024 }}B behind;"
            " reads go to the primary",
        ),
        Alert(
            "DatabaseConnections",
            "sum by (instance, role, zone) (pg_stat_database_numbackends)"
            " / on (instance) group_left () pg_settings_max_connections"
            f" > {limit.DATABASE_CONNECTIONS_SHARE}",
            120,
            "page",
            "database",
            "{{ $value | humanizePercentage }} of the connections to PostgreSQL on"
            " {{ $labels.instance }} are taken",
        ),
        Alert(
            "EtcdMemberDown",
            'up{job="etcd"} == 0',
            limit.MEMBER_DOWN_FOR_SECONDS,
            "page",
            "database",
            "etcd on {{ $labels.instance }} does not answer (up is {{ $value }})",
        ),
        Alert(
            "EtcdNoLeader",
            "etcd_server_has_leader == 0",
            60,
            "page",
            "database",
            "etcd on {{ $labels.instance }} knows no leader ({{ $value }}): no new primary could"
            " be chosen",
        ),
    ),
)
