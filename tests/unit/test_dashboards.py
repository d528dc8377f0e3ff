"""What Grafana's own linter for dashboards asks, and what this project asks beside it."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units

from app.kernel.metric_table import DEFINITIONS
from monitoring import table
from monitoring.dashboards import marks
from monitoring.dashboards.all import ALL
from monitoring.dashboards.files import dashboards, json_of
from monitoring.dashboards.model import Board, Panel
from monitoring.promql import metrics, selectors
from monitoring.rules.all import ALERTS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {name: json.loads(text) for name, text in dashboards("https://pages.test/r").items()}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, document in DOCUMENTS.items()
    for panel in document["panels"]
    if panel["type"] != "row"
]
OURS = [pytest.param(p, id=f"{board.title}: {p.title}") for board in ALL for p in board.panels()]
KNOWN_UNITS = {value for name, value in vars(units).items() if isinstance(value, str)}
LABELS_OF_TARGETS = {"job", "instance", "role", "zone", "le"}


def _queries(board: Board) -> list[str]:
    return [query.expr for panel in board.panels() for query in panel.queries]


def test_there_is_a_dashboard_for_each_part_of_the_system() -> None:
    assert set(DOCUMENTS) == {
        *("on-sale.json", "service.json", "database.json", "edge.json", "hosts.json"),
        *("integrations.json", "load-test.json"),
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_grafanas_sdk_reads_a_dashboard_back_as_it_was_written(name: str) -> None:
    from grafana_foundation_sdk.models.dashboard import Dashboard  # Warns when it is the first.

    register_default_plugins()
    read = Dashboard.from_json(DOCUMENTS[name])
    assert read.uid == f"biletter-{name.removesuffix('.json')}"
    again = json.loads(JSONEncoder().encode(read))
    assert _without_places(again) == DOCUMENTS[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_dashboard_is_described_dated_and_finds_its_environment(name: str) -> None:
    document = DOCUMENTS[name]
    assert document["description"].endswith(".")
    assert document["timezone"] == "browser"
    assert not document["editable"]
    first = document["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == (
        "environment",
        "datasource",
        "prometheus",
    )
    for variable in document["templating"]["list"][1:]:
        assert variable["datasource"]["uid"] == "${environment}"
        assert variable["label"]
    for mark in document["annotations"]["list"]:
        assert mark["datasource"]["uid"] == "${environment}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_panels_have_their_own_number_and_place(name: str) -> None:
    panels = DOCUMENTS[name]["panels"]
    numbers = [panel["id"] for panel in panels]
    assert len(set(numbers)) == len(numbers)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [(a, b) for a, b in combinations(places, 2) if _overlap(a, b)]


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.uid)
def test_titles_differ_within_a_dashboard(board: Board) -> None:
    titles = [panel.title for panel in board.panels() if panel.kind != "stat"]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_in_a_unit_that_grafana_knows(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert not panel["title"].endswith(".")
    assert panel["description"].endswith(".")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    assert unit in KNOWN_UNITS or unit.startswith("suffix:")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${environment}"}
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]


@pytest.mark.parametrize("panel", PANELS)
def test_curves_have_names_and_letters(panel: dict[str, Any]) -> None:
    letters = [target["refId"] for target in panel["targets"]]
    assert letters == sorted(set(letters))
    if panel["type"] != "table":
        assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", OURS)
def test_rates_of_curves_follow_the_width_of_the_picture(panel: Panel) -> None:
    """A fixed window is fine where a fixed time is meant, and then the description says it."""
    for query in panel.queries:
        for window in re.findall(r"(?:rate|increase)\([^\[\]]*\[([^\]]+)\]", query.expr):
            if not window.startswith("$__"):
                assert _said(window, panel.description), window
            if window == "$__range":
                assert query.instant or panel.kind == "table"


@pytest.mark.parametrize("panel", OURS)
def test_links_lead_to_pages_of_alerts(panel: Panel) -> None:
    assert set(panel.runbooks) <= {alert.name for alert in ALERTS}
    links = [
        link
        for parameter in PANELS
        for link in parameter.values[0].get("links", [])
        if link["title"] in [f"Runbook: {name}" for name in panel.runbooks]
    ]
    assert all(re.fullmatch(r"https://pages\.test/r/\w+\.md", link["url"]) for link in links)
    assert bool(links) == bool(panel.runbooks)


def test_every_alert_that_pages_is_reached_from_a_panel() -> None:
    linked = {name for board in ALL for panel in board.panels() for name in panel.runbooks}
    paging = {alert.name for alert in ALERTS if alert.severity == "page"}
    assert paging - linked == WITHOUT_PANEL


WITHOUT_PANEL: set[str] = set()
"""Alerts about monitoring itself: when it is broken, its panels are too."""


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.uid)
def test_queries_use_variables_that_are_there(board: Board) -> None:
    known = {variable.name for variable in board.variables} | {"__rate_interval", "__range"}
    texts = [*_queries(board), *(panel.title for panel in board.panels())]
    assert {name for text in texts for name in re.findall(r"\$(\w+)", text)} <= known


@pytest.mark.parametrize("board", ALL, ids=lambda board: board.uid)
def test_queries_ask_our_metrics_for_labels_that_they_have(board: Board) -> None:
    labels = {m.name: {*m.labels} for m in (*DEFINITIONS, *table.BESIDE)}
    for expr in _queries(board):
        for selector in selectors(expr):
            name, _, matchers = selector.partition("{")
            if (ours := table.base(name)) in labels:
                asked = set(re.findall(r"(\w+)\s*[=!]~?", re.sub(r'"[^"]*"', '""', matchers)))
                assert asked <= labels[ours] | LABELS_OF_TARGETS, selector
            else:
                assert not name.startswith("biletter_"), f"nobody makes {name}"


@pytest.mark.parametrize(
    ("expr", "read"),
    [
        (
            'sum by (le) (rate(a_bucket{x="b{c}", y=~"d.*"}[5m])) / on (x) b:c:d',
            {"a_bucket", "b:c:d"},
        ),
        ("a unless on (x) group_left (y) b offset 5m > 1e3", {"a", "b"}),
        ("time() - max(a) < 604800 or vector(0)", {"a"}),
        ("deriv((sum(max by (z) (a)))[5m:15s])", {"a"}),
    ],
)
def test_metrics_of_an_expression_are_found(expr: str, read: set[str]) -> None:
    assert metrics(expr) == read


def test_the_table_of_metrics_is_current() -> None:
    assert table.page() == (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_a_metric_that_nobody_makes_is_refused_by_the_table() -> None:
    with pytest.raises(ValueError, match="mistyped_total"):
        table.exporter("mistyped_total")


def test_the_same_data_make_the_same_file() -> None:
    assert [json_of(board) for board in ALL] == [json_of(board) for board in ALL]
    assert all(mark.empty for mark in marks.ALL)


def _without_places(value: Any) -> Any:
    """Without the word for a menu that the SDK adds to whatever can stand in one."""
    if isinstance(value, list):
        return [_without_places(item) for item in value]
    if isinstance(value, dict):
        return {k: _without_places(v) for k, v in value.items() if v != "inControlsMenu"}
    return value


def _overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    return across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def _said(window: str, description: str) -> bool:
    words = {"1m": "minute", "5m": "five minutes", "30m": "30 minutes", "1h": "hour"}
    return words[window] in description
