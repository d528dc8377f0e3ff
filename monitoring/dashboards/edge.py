"""HAProxy and keepalived: what comes in from the internet, and to whom it goes."""

from __future__ import annotations

from monitoring.dashboards import edge_service, limits
from monitoring.dashboards.colours import STATUS_CLASSES
from monitoring.dashboards.model import Board, Panel, Query, Row

_PUBLIC = 'proxy="public"'
_SERVICE = 'proxy="service"'
_HOLDER = "biletter_vip_holder == 1"

_NOW = Row(
    "Now",
    (
        Panel(
            "Holds the public address",
            "The edge to which buyers come. The other one waits to take over.",
            (
                Query(_HOLDER, "{{instance}}", instant=True),
                Query(f"0 * absent({_HOLDER})", "nobody", "Somebody does.", instant=True),
            ),
            "none",
            "stat",
            limits=limits.SOMEBODY,
            runbooks=("EdgeNoHolder", "EdgeNotRedundant"),
            width=4,
            height=4,
            show="name",
        ),
        Panel(
            "Ready app hosts",
            "Hosts that the busiest edge sends requests to. At none it sends to any that is alive.",
            (
                Query(
                    f'max(count by (instance) (haproxy_server_status{{{_SERVICE}, state="UP"}} '
                    "== 1)) or vector(0)",
                    "hosts",
                ),
            ),
            "none",
            "stat",
            limits=limits.APP_HOSTS,
            runbooks=("NoAppHostReady", "AppHostNotReady"),
            width=4,
            height=4,
        ),
        Panel(
            "Connections",
            "Share of the possible connections at each edge.",
            (
                Query(
                    f"max(haproxy_frontend_current_sessions{{{_PUBLIC}}} / "
                    f"haproxy_frontend_limit_sessions{{{_PUBLIC}}})",
                    "taken",
                ),
            ),
            "percentunit",
            "gauge",
            limits=limits.EDGE_CONNECTIONS,
            runbooks=("EdgeConnections",),
            width=4,
            height=4,
            maximum=1,
            decimals=0,
        ),
        Panel(
            "Certificate ends in",
            "Of the public address, as a client sees it.",
            (Query("min(biletter_buyer_certificate_end_timestamp_seconds) - time()", "left"),),
            "s",
            "stat",
            limits=limits.CERTIFICATE_SECONDS,
            runbooks=("CertificateEnds",),
            width=4,
            height=4,
            decimals=0,
            minimum=None,
        ),
        Panel(
            "Busy",
            "Share of time in which HAProxy's threads had something to do.",
            (Query("max(1 - haproxy_process_idle_time_percent / 100)", "busy"),),
            "percentunit",
            "stat",
            limits=limits.BUSY,
            width=4,
            height=4,
            decimals=0,
        ),
        Panel(
            "Catalogue from the cache",
            "Share of the catalogue's requests that the edge answered itself, in five minutes.",
            (
                Query(
                    f"sum(rate(haproxy_frontend_http_cache_hits_total{{{_PUBLIC}}}[5m])) / "
                    f"(sum(rate(haproxy_frontend_http_cache_lookups_total{{{_PUBLIC}}}[5m])) > 0)",
                    "hits",
                    "Nobody asked for the catalogue, or the cache is off.",
                ),
            ),
            "percentunit",
            "stat",
            width=4,
            height=4,
            decimals=0,
        ),
    ),
)

_TRAFFIC = Row(
    "Traffic",
    (
        Panel(
            "Requests by edge",
            "Requests a second. All of them should be at the holder of the address.",
            (
                Query(
                    "sum by (instance) (rate(haproxy_frontend_http_requests_total"
                    f"{{{_PUBLIC}}}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            "reqps",
            runbooks=("EdgeDown",),
        ),
        Panel(
            "Answers by class of status",
            "What buyers got, from the service or from the edge itself.",
            (
                Query(
                    "sum by (code) (rate(haproxy_frontend_http_responses_total"
                    f"{{{_PUBLIC}}}[$__rate_interval]))",
                    "{{code}}",
                ),
            ),
            "reqps",
            stack=True,
            colours=STATUS_CLASSES,
        ),
        Panel(
            "Turned away",
            "Requests refused by the limits per address and account, and connections without a "
            "request. Honest buyers behind one address: raise the limit.",
            (
                Query(
                    "sum by (instance) (rate(haproxy_frontend_requests_denied_total"
                    f"{{{_PUBLIC}}}[$__rate_interval]))",
                    "{{instance}} denied",
                ),
                Query(
                    "sum by (instance) (rate(haproxy_frontend_request_errors_total"
                    f"{{{_PUBLIC}}}[$__rate_interval]))",
                    "{{instance}} broken",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Buyers' connections",
            "Open connections of buyers at each edge.",
            (
                Query(
                    f"sum by (instance) (haproxy_frontend_current_sessions{{{_PUBLIC}}})",
                    "{{instance}}",
                ),
            ),
            "locale",
        ),
        Panel(
            "New TLS connections",
            "Handshakes a second: the dearest thing that an edge does.",
            (
                Query(
                    "sum by (instance) (rate(haproxy_process_ssl_connections_total"
                    "[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            "cps",
        ),
        Panel(
            "Bytes to buyers",
            "What the edges sent, in bits a second, as providers sell it.",
            (
                Query(
                    "8 * sum by (instance) (rate(haproxy_frontend_bytes_out_total"
                    f"{{{_PUBLIC}}}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            "bps",
        ),
    ),
)


BOARD = Board(
    "edge",
    "Edge",
    "What comes through HAProxy, who holds the address, and which app hosts serve.",
    (_NOW, _TRAFFIC, edge_service.HOSTS, edge_service.VISIT),
)
