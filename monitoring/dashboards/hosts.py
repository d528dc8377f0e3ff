"""All hosts: processors, memory, disks, network, units and clocks."""

from __future__ import annotations

from monitoring.dashboards import hosts_disks, limits
from monitoring.dashboards.model import Board, Panel, Query, Row, Variable

_HOST = 'instance=~"$instance"'
_DISKS = f'{_HOST}, fstype!~"ramfs|squashfs", mountpoint!~"/run.*"'
_CARDS = f'{_HOST}, device!="lo"'

_NOW = Row(
    "Now",
    (
        Panel(
            "Hosts that answer",
            "Hosts whose node exporter was read the last time.",
            (Query('sum(up{job="node"})', "hosts"),),
            "none",
            "stat",
            width=4,
            height=4,
        ),
        Panel(
            "Hosts that do not",
            "Gone, cut off, or without a node exporter.",
            (Query('count(up{job="node"} == 0) or vector(0)', "hosts"),),
            "none",
            "stat",
            limits=limits.ANY,
            runbooks=("HostDown",),
            width=4,
            height=4,
        ),
        Panel(
            "Failed units",
            "Units of systemd in the state “failed”, all hosts.",
            (Query('sum(node_systemd_units{state="failed"})', "units"),),
            "none",
            "stat",
            limits=limits.ANY,
            runbooks=("UnitFailed",),
            width=4,
            height=4,
        ),
        Panel(
            "Other targets that do not answer",
            "Exporters and services that Prometheus cannot read.",
            (Query('count(up{job!="node"} == 0) or vector(0)', "targets"),),
            "none",
            "stat",
            limits=limits.ANY,
            runbooks=("TargetDown",),
            width=4,
            height=4,
        ),
        Panel(
            "Fullest disk",
            "Share of the fullest disk that is taken.",
            (
                Query(
                    f"max(1 - node_filesystem_avail_bytes{{{_DISKS}}} "
                    f"/ node_filesystem_size_bytes{{{_DISKS}}})",
                    "taken",
                ),
            ),
            "percentunit",
            "gauge",
            limits=limits.DISK,
            runbooks=("DiskFills",),
            width=4,
            height=4,
            maximum=1,
            decimals=0,
        ),
        Panel(
            "Next certificate ends in",
            "Of all certificates on the hosts, the one that ends first.",
            (Query("min(biletter_certificate_end_timestamp_seconds) - time()", "left"),),
            "s",
            "stat",
            limits=limits.CERTIFICATE_SECONDS,
            runbooks=("CertificateEnds",),
            width=4,
            height=4,
            decimals=0,
            minimum=None,
        ),
    ),
)

_LOAD = Row(
    "Processors and memory",
    (
        Panel(
            "Processors",
            "Share of processor time that was not idle.",
            (
                Query(
                    "1 - avg by (instance) (sum by (instance, cpu) (rate("
                    f'node_cpu_seconds_total{{{_HOST}, mode=~"idle|iowait"}}'
                    "[$__rate_interval])))",
                    "{{instance}}",
                ),
            ),
            "percentunit",
            limits=limits.BUSY,
            maximum=1,
        ),
        Panel(
            "Waiting for a processor",
            "Share of time in which something was ready to run and had to wait: the first sign of "
            "a host that is too small.",
            (
                Query(
                    f"rate(node_pressure_cpu_waiting_seconds_total{{{_HOST}}}[$__rate_interval])",
                    "{{instance}}",
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Memory",
            "Share that nothing could get without swapping or killing.",
            (
                Query(
                    f"1 - node_memory_MemAvailable_bytes{{{_HOST}}} "
                    f"/ node_memory_MemTotal_bytes{{{_HOST}}}",
                    "{{instance}}",
                ),
            ),
            "percentunit",
            limits=limits.BUSY,
            maximum=1,
        ),
        Panel(
            "Load per processor",
            "Processes that run or wait, over a minute, for each processor.",
            (
                Query(
                    f"node_load1{{{_HOST}}} / on (instance) count by (instance) "
                    '(node_cpu_seconds_total{mode="idle"})',
                    "{{instance}}",
                ),
            ),
            "none",
            decimals=2,
        ),
        Panel(
            "Killed for want of memory",
            "Processes that the kernel ended.",
            (
                Query(
                    f"increase(node_vmstat_oom_kill{{{_HOST}}}[$__rate_interval])",
                    "{{instance}}",
                ),
            ),
            "locale",
            limits=limits.ANY,
        ),
        Panel(
            "Clock",
            "How far a host's clock is from its time server's. Holds end by the clock.",
            (
                Query(
                    f"abs(node_timex_offset_seconds{{{_HOST}}})",
                    "{{instance}}",
                    "Containers share the clock of their machine.",
                ),
            ),
            "s",
            limits=limits.CLOCK_SECONDS,
            runbooks=("ClockOff",),
        ),
    ),
)


BOARD = Board(
    "hosts",
    "Hosts",
    "Processors, memory, disks, network, units and clocks of all hosts.",
    (_NOW, _LOAD, hosts_disks.DISK, hosts_disks.MONITORING),
    variables=(Variable("instance", "Host", 'label_values(up{job="node"}, instance)', multi=True),),
)
