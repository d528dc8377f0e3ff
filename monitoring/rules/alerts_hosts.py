"""Alerts about hosts, whatever runs on them."""

from __future__ import annotations

from monitoring import thresholds as limit
from monitoring.rules.model import Alert, Group

# Other jobs have alerts of their own.
_EXPORTERS = "node|postgres|alertmanager|grafana"
_EXPECTED = ("node", "service", "worker", "haproxy", "postgres", "patroni", "etcd", "alertmanager")
# Memory, and what belongs to the boot loader.
_DISKS = 'mountpoint!~"/(run|tmp|dev|boot)(/.*)?"'
_FREE = f"node_filesystem_avail_bytes{{{_DISKS}}}"
_FREE_SHARE = f"({_FREE} / node_filesystem_size_bytes)"

HOST_ALERTS = Group(
    "hosts",
    (
        Alert(
            "HostDown",
            # A load generator shows itself only while it plays.
            'max by (instance, role, zone) (up{job!="loadgen"}) == 0',
            limit.HOST_DOWN_FOR_SECONDS,
            "page",
            "host",
            "{{ $labels.instance }} is down: {{ $value }} of its exporters answer",
        ),
        Alert(
            "TargetDown",
            f'up{{job=~"{_EXPORTERS}"}} == 0',
            limit.TARGET_DOWN_FOR_SECONDS,
            "ticket",
            "monitoring",
            "{{ $labels.job }} on {{ $labels.instance }} does not answer (up is {{ $value }}):"
            " nothing is known of what it watches",
        ),
        Alert(
            "JobMissing",
            " or ".join(f'absent(up{{job="{job}"}})' for job in _EXPECTED),
            limit.TARGET_DOWN_FOR_SECONDS,
            "ticket",
            "monitoring",
            "Prometheus has no target of {{ $labels.job }} ({{ $value }} kind of target missing)",
        ),
        Alert(
            "DiskFills",
            f"{_FREE_SHARE} < {limit.DISK_LEAST_FREE_SHARE}"
            f" or ({_FREE_SHARE} < {limit.DISK_FORECAST_FREE_SHARE} and"
            f" predict_linear({_FREE}[30m], {limit.DISK_FULL_HOURS * 3600}) < 0)",
            120,
            "page",
            "host",
            "{{ $labels.mountpoint }} on {{ $labels.instance }} has"
            " {{ $value | humanizePercentage }} left and is full within"
            f" {limit.DISK_FULL_HOURS} h or nearly full already",
        ),
        # The first works everywhere, the second where the kernel tells (not in a container).
        Alert(
            "ClockOff",
            f"abs(node_time_seconds - timestamp(node_time_seconds)) > {limit.CLOCK_SECONDS}"
            f" or abs(node_timex_offset_seconds) > {limit.CLOCK_SECONDS}"
            " or node_timex_maxerror_seconds >= 16",
            600,
            "ticket",
            "host",
            "The clock of {{ $labels.instance }} is off by up to {{ $value | humanizeDuration }}",
        ),
        Alert(
            "UnitFailed",
            'node_systemd_unit_state{state="failed"} == 1',
            300,
            "ticket",
            "host",
            "{{ $value }} unit failed on {{ $labels.instance }}: {{ $labels.name }}",
        ),
        Alert(
            "CertificateEnds",
            "biletter_certificate_end_timestamp_seconds - time() <"
            f" {limit.CERTIFICATE_DAYS * 86400}"
            " or biletter_buyer_certificate_end_timestamp_seconds - time() <"
            f" {limit.CERTIFICATE_DAYS * 86400}",
            60,
            "ticket",
            "host",
            "The certificate {{ with $labels.name }}{{ . }}{{ else }}that buyers see{{ end }}"
            " ({{ $labels.instance }}) ends in {{ $value | humanizeDuration }}",
        ),
    ),
)
