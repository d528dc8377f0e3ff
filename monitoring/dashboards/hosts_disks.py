"""Disks, network, and monitoring itself."""

from __future__ import annotations

from monitoring.dashboards import limits
from monitoring.dashboards.model import Panel, Query, Row

_HOST = 'instance=~"$instance"'

_DISKS = f'{_HOST}, fstype!~"ramfs|squashfs", mountpoint!~"/run.*"'

# What is kept, as the alert looks at: temporary folders come and go.
_KEPT = f'{_HOST}, mountpoint!~"/(run|tmp|dev|boot)(/.*)?"'

_CARDS = f'{_HOST}, device!="lo"'

DISK = Row(
    "Disks and network",
    (
        Panel(
            "Disks",
            "Share of each disk that is taken.",
            (
                Query(
                    f"1 - node_filesystem_avail_bytes{{{_DISKS}}} "
                    f"/ node_filesystem_size_bytes{{{_DISKS}}}",
                    "{{instance}} {{mountpoint}}",
                ),
            ),
            "percentunit",
            limits=limits.DISK,
            runbooks=("DiskFills",),
            maximum=1,
        ),
        Panel(
            "Full in",
            "When a disk is full if it goes on as in the last hour, for those that will be within "
            "a week.",
            (
                Query(
                    f"(node_filesystem_avail_bytes{{{_KEPT}}} / (-deriv("
                    f"node_filesystem_avail_bytes{{{_KEPT}}}[1h]) > 0)) < 604800",
                    "{{instance}} {{mountpoint}}",
                    "No disk fills within a week.",
                ),
            ),
            "s",
            "bargauge",
            limits=limits.DISK_FULL_SECONDS,
            runbooks=("DiskFills",),
            nothing="no disk within a week",
        ),
        Panel(
            "Disks at work",
            "Share of time in which a disk had something to do.",
            (
                Query(
                    f"rate(node_disk_io_time_seconds_total{{{_HOST}}}[$__rate_interval])",
                    "{{instance}} {{device}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Waiting for a disk",
            "Share of time in which something waited for a disk.",
            (
                Query(
                    f"rate(node_pressure_io_waiting_seconds_total{{{_HOST}}}[$__rate_interval])",
                    "{{instance}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Network",
            "Bits a second, in and out together.",
            (
                Query(
                    "8 * sum by (instance) (rate(node_network_receive_bytes_total"
                    f"{{{_CARDS}}}[$__rate_interval]) + rate(node_network_transmit_bytes_total"
                    f"{{{_CARDS}}}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            "bps",
        ),
        Panel(
            "Sent again",
            "Share of TCP segments that had to be sent again: a network that loses packets.",
            (
                Query(
                    f"rate(node_netstat_Tcp_RetransSegs{{{_HOST}}}[$__rate_interval]) "
                    f"/ rate(node_netstat_Tcp_OutSegs{{{_HOST}}}[$__rate_interval])",
                    "{{instance}}",
                ),
            ),
            "percentunit",
        ),
    ),
)

MONITORING = Row(
    "Monitoring itself",
    (
        Panel(
            "Messages to people",
            "Alerts that Alertmanager handed on a second, and those that it could not.",
            (
                Query(
                    "sum by (integration) (rate(alertmanager_notifications_total"
                    "[$__rate_interval]))",
                    "{{integration}}",
                    "No receiver is configured.",
                ),
                Query(
                    "sum by (integration) (rate(alertmanager_notifications_failed_total"
                    "[$__rate_interval]))",
                    "{{integration}} failed",
                    "No receiver is configured.",
                ),
            ),
            "ops",
            runbooks=("NotificationsFail", "AlertmanagerUnreachable"),
            colours=((".* failed", "red"),),
        ),
        Panel(
            "Series",
            "What Prometheus keeps at the moment. It doubles when a label holds what it should "
            "not.",
            (Query("max(prometheus_tsdb_head_series)", "series"),),
            "locale",
        ),
        Panel(
            "Rules that failed",
            "Evaluations that ended in an error: alerts that cannot fire.",
            (
                Query(
                    "sum(rate(prometheus_rule_evaluation_failures_total[$__rate_interval]))",
                    "failed",
                ),
            ),
            "ops",
            runbooks=("RulesFail", "ConfigurationRefused"),
        ),
    ),
)
