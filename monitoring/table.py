"""`table`: print docs/metrics.md, every metric that the service makes or that something reads."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from app.kernel.metric_table import DEFINITIONS, Metric
from monitoring.dashboards import marks
from monitoring.dashboards.all import ALL
from monitoring.promql import metrics
from monitoring.rules.all import GROUPS
from monitoring.rules.model import Alert, Record

HEAD = """# Metrics

Made by `python -m monitoring table > docs/metrics.md`; a test holds it to be current.

Prometheus adds to every series `job` (what was asked), `instance` (the host's name), `role` and
`zone`. A histogram `NAME` is read as `NAME_bucket`, `NAME_sum` and `NAME_count`.
"""

_EXPORTERS = (
    ("node_", "node exporter"),
    ("pg_stat_statements", "PostgreSQL exporter, with pg_stat_statements"),
    ("pg_", "PostgreSQL exporter"),
    ("patroni_", "Patroni"),
    ("etcd_", "etcd"),
    ("haproxy_", "HAProxy"),
    ("prometheus_", "Prometheus"),
    ("alertmanager_", "Alertmanager"),
    ("grafana_", "Grafana"),
)


def _beside(name: str, kind: Any, labels: str, unit: str, meaning: str) -> Metric:
    return Metric(name, kind, tuple(labels.split()), unit, meaning, ())


BESIDE = (
    _beside(
        "biletter_buyer_success", "gauge", "", "1 or 0",
        "Whether the synthetic buyer's last visit worked.",
    ),
    _beside(
        "biletter_buyer_step_seconds", "gauge", "step", "seconds",
        "Time of a step of it: list, book, seats, select, release, cancel.",
    ),
    _beside(
        "biletter_buyer_last_success_timestamp_seconds", "gauge", "", "seconds since 1970",
        "When a visit last worked.",
    ),
    _beside(
        "biletter_buyer_certificate_end_timestamp_seconds", "gauge", "", "seconds since 1970",
        "When the certificate ends that the public address shows.",
    ),
    _beside(
        "biletter_certificate_end_timestamp_seconds", "gauge", "name", "seconds since 1970",
        "When a certificate on a host ends.",
    ),
    _beside(
        "biletter_vip_holder", "gauge", "", "1 or 0", "Whether an edge holds the public address."
    ),
    _beside(
        "biletter_load_users", "gauge", "scenario run", "users",
        "Virtual users of a load test that are at work.",
    ),
    _beside(
        "biletter_load_requests_total", "counter", "scenario run name outcome", "requests",
        "Requests of a load test that ended, by how.",
    ),
    _beside(
        "biletter_load_request_seconds", "histogram", "scenario run name", "seconds",
        "Time of a load test's request, as its generator saw it.",
    ),
)  # fmt: skip
"""Our own that the service does not make: the buyer's, the hosts' and the load generator's."""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("table", help="print docs/metrics.md", description=__doc__)
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Print the page."""
    print(page(), end="")
    return 0


def page() -> str:
    """The text of docs/metrics.md."""
    users = readers()
    recorded = {
        rule.name: rule for group in GROUPS for rule in group.rules if isinstance(rule, Record)
    }
    ours = {metric.name for metric in (*DEFINITIONS, *BESIDE)} | set(recorded)
    foreign = sorted(name for name in users if name not in ours)
    return "\n".join(
        [
            HEAD,
            "## The service's\n",
            *_own(DEFINITIONS, users, "Asked of"),
            "\n## Beside the service\n",
            "The node exporter tells the synthetic buyer's and the hosts'.\n",
            *_own(BESIDE, users, ""),
            "\n## Recorded by rules\n",
            *_rows(("Name", "Read by"), ((f"`{name}`", _named(users[name])) for name in recorded)),
            "\n## Of others, as far as something reads them\n",
            *_rows(
                ("Name", "Made by", "Read by"),
                ((f"`{name}`", exporter(name), _named(users[name])) for name in foreign),
            ),
            "",
        ]
    )


def readers() -> dict[str, list[str]]:
    """Who reads a metric: dashboards by title, alerts and recorded series by name."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for who, expr in _expressions():
        for name in metrics(expr):
            found[base(name)][who] = None
    return defaultdict(list, {name: list(who) for name, who in found.items()})


def base(name: str) -> str:
    """The name that a histogram of ours stands under in the table."""
    for suffix in ("_bucket", "_count", "_sum"):
        if name.removesuffix(suffix) in _HISTOGRAMS:
            return name.removesuffix(suffix)
    return name


def exporter(name: str) -> str:
    """Who makes a metric that is not ours; a name that nobody makes is a mistake (ValueError)."""
    if name in ("up", "ALERTS"):
        return "Prometheus"
    for prefix, who in _EXPORTERS:
        if name.startswith(prefix):
            return who
    raise ValueError(f"{name} is read, and nobody makes it")


_HISTOGRAMS = {metric.name for metric in (*DEFINITIONS, *BESIDE) if metric.kind == "histogram"}


def _expressions() -> Iterable[tuple[str, str]]:
    for board in ALL:
        for variable in board.variables:
            inner = variable.query.partition("(")[2].rpartition(")")[0]
            is_label = variable.query.startswith("label_values")
            yield board.title, inner.rpartition(",")[0] if is_label else inner
        for panel in board.panels():
            for query in panel.queries:
                yield board.title, query.expr
    for mark in marks.ALL:
        yield "marks", mark.expr
    for group in GROUPS:
        for rule in group.rules:
            if isinstance(rule, Alert | Record):
                yield rule.name, rule.expr


def _own(definitions: Iterable[Metric], users: dict[str, list[str]], sources: str) -> list[str]:
    return _rows(
        ("Name", "Type", "Labels", "Unit", "Meaning", *([sources] if sources else []), "Read by"),
        (
            (
                f"`{metric.name}`",
                metric.kind,
                ", ".join(metric.labels) or "–",
                metric.unit,
                metric.meaning,
                *([", ".join(metric.sources)] if sources else []),
                _named(users[metric.name]),
            )
            for metric in definitions
        ),
    )


def _named(users: list[str]) -> str:
    return ", ".join(f"`{who}`" if ":" in who else who for who in users) or "–"


def _rows(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [heading, ("---",) * len(heading), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
