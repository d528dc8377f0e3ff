"""Pictures of dashboards and the check of their queries, from a Prometheus that is made up."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import get_args

import pytest

from monitoring import verify
from monitoring.dashboards import on_sale
from monitoring.dashboards.files import json_of
from monitoring.dashboards.model import Board, Kind, Panel, Query, Row
from monitoring.preview.client import Prometheus, Series
from monitoring.preview.drawing import draw
from monitoring.preview.reading import Window, filled, marks
from monitoring.preview.units import written
from monitoring.preview.variables import built_in, chosen, interpolated
from monitoring.promql import metrics

NOW = 1_800_000_000.0


class Constant(Prometheus):
    """Knows every metric but those of `unknown`; all of them are 1 all the time."""

    def __init__(self, *unknown: str) -> None:
        super().__init__("http://prometheus.test")
        object.__setattr__(self, "unknown", set(unknown))
        object.__setattr__(self, "asked", [])

    def query(self, expr: str, at: float) -> list[Series]:
        return self.query_range(expr, at, at, 1)

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        self.asked.append(expr)  # type: ignore[attr-defined]
        if metrics(expr) & self.unknown:  # type: ignore[attr-defined]
            return []
        labels = {"event": "7", "title": 'Игра "Айболит"', "le": "0.5", "instance": "app-1"}
        count = int((end - start) / step) + 1
        return [Series(labels, [(start + i * step, 1.0) for i in range(count)])]

    def label_values(self, selector: str, label: str) -> list[str]:
        return ["KZT"] if label == "currency" else [selector]


EXAMPLES = Board(
    "examples",
    "Examples",
    "A panel of each kind.",
    (
        Row(
            "All",
            (
                *(
                    Panel(kind, "As it says.", (Query("a", "{{le}}"), Query("b", "b")), "s", kind)
                    for kind in get_args(Kind)
                    if kind != "table"
                ),
                Panel(
                    "table",
                    "As it says.",
                    (Query("a"),),
                    "s",
                    "table",
                    columns=(("le", "Up to", ""), ("Value #A", "Time", "percentunit")),
                ),
            ),
        ),
    ),
)


def _draw(prometheus: Prometheus, picture: Path) -> None:
    document, window = json.loads(json_of(EXAMPLES)), Window(NOW - 600, NOW)
    panels = filled(prometheus, document, window)
    assert {panel.panel["type"] for panel in panels} == {"row", *get_args(Kind)}
    draw("Examples", panels, marks(prometheus, document, window), window, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_panels_of_all_kinds_are_drawn_and_look_different_without_data(tmp_path: Path) -> None:
    _draw(Constant(), tmp_path / "full.png")
    _draw(Constant("a", "b"), tmp_path / "empty.png")
    assert (tmp_path / "full.png").read_bytes() != (tmp_path / "empty.png").read_bytes()


def test_queries_are_asked_with_the_chosen_event_and_titles_say_its_currency() -> None:
    prometheus = Constant()
    panels = filled(prometheus, json.loads(json_of(on_sale.BOARD)), Window(NOW - 600, NOW))
    assert "Revenue, KZT" in [panel.title for panel in panels]
    asked = prometheus.asked  # type: ignore[attr-defined]
    assert any('biletter_event_seats{event="7", status="free"}' in expr for expr in asked)
    assert not [expr for expr in asked if "$" in expr]


def test_a_title_with_quotes_is_read_to_its_end() -> None:
    document = json.loads(json_of(on_sale.BOARD))
    pattern = document["templating"]["list"][1]["regex"]
    assert pattern == '/event="(?<value>[^"]+)".*title="(?<text>.*)"}/'
    assert chosen(Constant(), document, NOW)["event"] == "7"


def test_without_events_nothing_is_chosen() -> None:
    prometheus = Constant("biletter_event_info")
    assert chosen(prometheus, json.loads(json_of(on_sale.BOARD)), NOW)["event"] == ""


def test_a_rate_needs_four_of_prometheus_intervals() -> None:
    assert built_in(1800, 7.5)["__rate_interval"] == "60s"
    assert built_in(86400, 360)["__rate_interval"] == "375s"
    text = 'rate(a[$__rate_interval]) and b{c="${c}"} $unknown'
    assert interpolated(text, {"__rate_interval": "60s", "c": "d"}) == (
        'rate(a[60s]) and b{c="d"} $unknown'
    )


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0.0213, "s", None, "21.3 ms"),
        (5400, "s", 1, "1.5 hours"),
        (0, "s", None, "0 s"),
        (0.9993, "percentunit", 2, "99.93%"),
        (1234567, "locale", 0, "1,234,567"),
        (16 * 2**20, "bytes", None, "16 MiB"),
        (2_500_000, "bps", None, "2.5 Mb/s"),
        (12.345, "reqps", None, "12.3 req/s"),
        (14.4, "suffix: ×", 1, "14.4 ×"),
        (math.nan, "s", None, "–"),
    ],
)
def test_numbers_are_written_with_their_unit(
    value: float, unit: str, decimals: int | None, text: str
) -> None:
    assert written(value, unit, decimals) == text


def _verify(monkeypatch: pytest.MonkeyPatch, prometheus: Prometheus) -> int:
    monkeypatch.setattr(verify, "Prometheus", lambda _url: prometheus)
    return verify.run(argparse.Namespace(prometheus="", span=600))


def test_verify_is_content_when_all_have_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _verify(monkeypatch, Constant()) == 0


def test_verify_is_content_when_only_what_may_be_empty_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _verify(monkeypatch, Constant("biletter_load_users")) == 0
    assert "No load test in this time." in capsys.readouterr().out


def test_verify_fails_when_a_metric_is_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _verify(monkeypatch, Constant("haproxy_backend_current_queue")) == 1
    out = capsys.readouterr().out
    assert "MISSING\n    alert EdgeQueue" in out
    assert "MISSING\n    On-sale, Waiting at the edge" in out


def test_verify_says_that_prometheus_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = argparse.Namespace(prometheus="http://127.0.0.1:1", span=600)
    assert verify.run(arguments) == 2
    assert "does not answer" in capsys.readouterr().out
