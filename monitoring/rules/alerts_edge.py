"""Alerts about the edge: HAProxy, keepalived, and what HAProxy says of the hosts behind it."""

from __future__ import annotations

from monitoring import thresholds as limit
from monitoring.rules.model import Alert, Group

# The edges' common view: an edge that is the only one to miss a host does not speak for both.
_SERVERS = (
    'max by (instance) (label_replace(max by (server) (haproxy_server_status{proxy="service",'
    'state="UP"}), "instance", "$1", "server", "(.+)"))'
)

EDGE_ALERTS = Group(
    "edge",
    (
        Alert(
            "NoAppHostReady",
            'max(haproxy_backend_active_servers{proxy="service"}) == 0',
            limit.NO_APP_HOST_FOR_SECONDS,
            "page",
            "service",
            "{{ $value }} app hosts are ready: at best the catalogue answers",
        ),
        # Where the service itself is silent ServiceDown says so.
        Alert(
            "AppHostNotReady",
            f'{_SERVERS} == 0 unless on (instance) up{{job="service"}} == 0',
            limit.APP_HOST_NOT_READY_FOR_SECONDS,
            "ticket",
            "service",
            "The edges send nothing to {{ $labels.instance }} (ready is {{ $value }})",
        ),
        Alert(
            "EdgeDown",
            'up{job="haproxy"} == 0',
            # Longer than it takes to see that the host itself is down, which then silences this.
            60,
            "page",
            "edge",
            "HAProxy on {{ $labels.instance }} does not answer (up is {{ $value }}):"
            " the other edge is alone",
        ),
        Alert(
            "EdgeNotRedundant",
            'node_systemd_unit_state{name="keepalived.service",state="active",role="edge"} == 0',
            60,
            "page",
            "edge",
            "keepalived on {{ $labels.instance }} is not running (active is {{ $value }}):"
            " it cannot take the address over",
        ),
        Alert(
            "EdgeNoHolder",
            "sum(biletter_vip_holder) != 1",
            120,
            "page",
            "edge",
            "{{ $value }} edges hold the shared address instead of one",
        ),
        Alert(
            "EdgeQueue",
            'sum by (instance, role, zone) (haproxy_backend_current_queue{proxy=~"service.*"})'
            f" > {limit.EDGE_QUEUE_REQUESTS}",
            60,
            "page",
            "edge",
            "{{ $value }} requests wait at {{ $labels.instance }}",
        ),
        Alert(
            "EdgeConnections",
            'haproxy_frontend_current_sessions{proxy="public"}'
            ' / haproxy_frontend_limit_sessions{proxy="public"}'
            f" > {limit.EDGE_CONNECTIONS_SHARE}",
            60,
            "page",
            "edge",
            "{{ $value | humanizePercentage }} of the connections of {{ $labels.instance }} are"
            " taken",
        ),
    ),
)
