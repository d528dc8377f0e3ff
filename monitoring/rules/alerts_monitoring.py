"""Alerts about whoever watches: the synthetic buyer, the journals, Prometheus and Alertmanager."""

from __future__ import annotations

from monitoring import thresholds as limit
from monitoring.rules.model import Alert, Group

_UNEVALUATED = (
    "sum by (instance, rule_group) (increase(prometheus_rule_evaluation_failures_total[5m]))"
)
_UNIT = "node_systemd_unit_state"
_FAILED = "sum by (instance, integration) (increase(alertmanager_notifications_failed_total[5m]))"

MONITORING_ALERTS = Group(
    "monitoring",
    (
        # Two runs in a row: a failover may cost one.
        Alert(
            "BuyerFails",
            "biletter_buyer_success == 0",
            120,
            "page",
            "service",
            "The synthetic buyer fails: {{ $value }} of its last run's purchases succeeded",
        ),
        Alert(
            "BuyerSilent",
            "time() - biletter_buyer_last_success_timestamp_seconds >"
            f" {limit.BUYER_SILENCE_SECONDS} unless on (instance) biletter_buyer_success == 0",
            60,
            "ticket",
            "monitoring",
            "The synthetic buyer last came {{ $value | humanizeDuration }} ago",
        ),
        Alert(
            "BuyerAbsent",
            "absent(biletter_buyer_success)",
            600,
            "ticket",
            "monitoring",
            "The synthetic buyer never came ({{ $value }} of its metrics is missing)",
        ),
        Alert(
            "JournalsNotKept",
            f'{_UNIT}{{name="systemd-journal-remote.service",role="monitor",state="active"}} == 0'
            f' or {_UNIT}{{name="systemd-journal-upload.service",state="active"}} == 0',
            600,
            "ticket",
            "monitoring",
            "{{ $labels.name }} on {{ $labels.instance }} is not running (active is {{ $value }})",
        ),
        Alert(
            "AlertmanagerUnreachable",
            "increase(prometheus_notifications_errors_total[5m]) > 0"
            ' or up{job="alertmanager"} == 0',
            60,
            "page",
            "monitoring",
            'Prometheus does not reach Alertmanager: {{ printf "%.0f" $value }} alerts lost in'
            " 5 min, if any",
        ),
        Alert(
            "NotificationsFail",
            f"{_FAILED} > 0",
            120,
            "page",
            "monitoring",
            '{{ printf "%.0f" $value }} messages by {{ $labels.integration }} failed in 5 min',
        ),
        Alert(
            "RulesFail",
            f"{_UNEVALUATED} > 0",
            60,
            "ticket",
            "monitoring",
            '{{ printf "%.0f" $value }} rules of {{ $labels.rule_group }} failed in 5 min',
        ),
        Alert(
            "ConfigurationRefused",
            "prometheus_config_last_reload_successful == 0"
            " or alertmanager_config_last_reload_successful == 0",
            60,
            "ticket",
            "monitoring",
            "{{ $labels.job }} refused its new configuration (accepted is {{ $value }})",
        ),
        Alert(
            "Watchdog",
            "vector(1)",
            0,
            "none",
            "monitoring",
            "Always firing ({{ $value }}): when it stops, nobody watches",
        ),
    ),
)
