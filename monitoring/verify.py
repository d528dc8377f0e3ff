"""`verify`: ask a Prometheus every query of every panel, variable, mark, rule and alert.

What has no data is printed: with the reason that stands beside it, or as missing. A healthy system
that is used has nothing missing.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from monitoring.preview.client import Prometheus, PrometheusError, Series
from monitoring.preview.command import seconds
from monitoring.preview.variables import built_in, chosen, interpolated
from monitoring.promql import selectors
from monitoring.rules.all import GROUPS
from monitoring.rules.model import Alert, Record

STEP_SECONDS = 15

EMPTY = {
    "pg_stat_statements_seconds_total": "pg_stat_statements is not read on this host.",
    "node_timex_offset_seconds": "Containers share the clock of their machine.",
    "node_timex_maxerror_seconds": "Containers share the clock of their machine.",
    "node_timex_sync_status": "Containers share the clock of their machine.",
    "biletter_ledger_differences": "All ledgers agree.",
    "biletter_orders": "No order was unfinished.",
    "biletter_event_seats": "No event is on sale.",
    'status=~"5.."': "Nothing was answered 5xx.",
    'status="500"': "Nothing was answered 500.",
    'outcome="failed"': "No job has failed.",
    "biletter_outside_calls_total": "Nobody was called.",
}
"""Why what rules and alerts read may be empty, by a part of its selector."""


class Question(NamedTuple):
    """Something to ask, where it stands, and why it may have no answer."""

    place: str
    expr: str
    empty: str


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("verify", help="ask every query", description=__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--span", type=seconds, default=1800, help="look back so far, like 30m")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what is empty; 1 when some of it should not be, 2 without a Prometheus."""
    prometheus = Prometheus(arguments.prometheus)
    end = time.time()
    start = end - arguments.span
    missing, empty, asked = 0, 0, 0

    def ask(expr: str) -> list[Series]:
        return prometheus.query_range(expr, start, end, STEP_SECONDS)

    try:
        for question in (*_rules(), *_dashboards(prometheus, start, end)):
            asked += 1
            if has_data(ask, question.expr):
                continue
            empty += 1
            missing += not question.empty
            print(f"{question.empty or 'MISSING'}\n    {question.place}: {question.expr}")
    except PrometheusError as problem:
        print(problem)
        return 2
    print(f"{asked} asked, {empty} empty, {missing} of them without a reason")
    return 1 if missing else 0


def has_data(ask: Callable[[str], list[Series]], expr: str) -> bool:
    """Whether any value is a number."""
    return any(not math.isnan(value) for series in ask(expr) for _, value in series.points)


def reason(selector: str) -> str:
    """Why a selector may find nothing; nothing when it should find something."""
    return next((why for part, why in EMPTY.items() if part in selector), "")


def _rules() -> Iterator[Question]:
    """Rules by what they record, alerts by what they read: if all is well, they have no answer."""
    for group in GROUPS:
        for rule in group.rules:
            if isinstance(rule, Record):
                labels = ",".join(f'{name}="{value}"' for name, value in rule.labels.items())
                yield Question(f"rule {rule.name}", f"{rule.name}{{{labels}}}", "")
            elif isinstance(rule, Alert):
                for selector in selectors(rule.expr):
                    yield Question(f"alert {rule.name}", selector, reason(selector))


def _dashboards(prometheus: Prometheus, start: float, end: float) -> Iterator[Question]:
    # The SDK is there where dashboards are built, and rules do without.
    from monitoring.dashboards import marks  # noqa: PLC0415
    from monitoring.dashboards.all import ALL  # noqa: PLC0415
    from monitoring.dashboards.files import json_of  # noqa: PLC0415

    for mark in marks.ALL:
        yield Question(f"mark {mark.name}", mark.expr, mark.empty)
    for board in ALL:
        values = chosen(prometheus, json.loads(json_of(board)), end)
        values |= built_in(end - start, STEP_SECONDS)
        for variable in board.variables:
            selector = variable.query.partition("(")[2].rpartition(")")[0]
            if variable.query.startswith("label_values"):
                selector = selector.rpartition(",")[0]
            expr = interpolated(selector, values)
            yield Question(f"{board.title}, variable {variable.name}", expr, variable.empty)
        for panel in board.panels():
            for query in panel.queries:
                expr = interpolated(query.expr, values)
                yield Question(f"{board.title}, {panel.title}", expr, query.empty)
