"""A dashboard's panels with their data, as Grafana would have them before it draws."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from monitoring.preview.client import Prometheus, Series
from monitoring.preview.variables import built_in, chosen, interpolated

POINTS = 240
"""How many points a curve has, about as many as a panel is wide in Grafana."""


@dataclass(frozen=True)
class Curve:
    """A series with the name that its legend gives it; `query` is the query's letter."""

    name: str
    series: Series
    query: str


@dataclass(frozen=True)
class Filled:
    """A panel of Grafana's JSON, its title with variables filled in, and its data."""

    panel: Mapping[str, Any]
    title: str
    curves: list[Curve]


@dataclass(frozen=True)
class Window:
    """The time shown, in seconds since 1970."""

    start: float
    end: float

    @property
    def step(self) -> float:
        return max(5.0, (self.end - self.start) / POINTS)


def filled(prometheus: Prometheus, document: Mapping[str, Any], window: Window) -> list[Filled]:
    """All panels and rows of a dashboard, in order."""
    values = chosen(prometheus, document, window.end)
    values |= built_in(window.end - window.start, window.step)
    ask = partial(_filled, prometheus, values=values, window=window)
    with ThreadPoolExecutor(4) as several:
        return list(several.map(ask, document["panels"]))


def marks(
    prometheus: Prometheus, document: Mapping[str, Any], window: Window
) -> list[tuple[float, str, str]]:
    """Moments to mark: when, what, colour. Of moments in a row the first."""
    found = []
    for mark in document["annotations"]["list"]:
        for series in prometheus.query_range(mark["expr"], window.start, window.end, window.step):
            name = _named(mark["textFormat"], series.labels)
            found += [(at, name, mark["iconColor"]) for at in _beginnings(series, window.step)]
    return found


def _beginnings(series: Series, step: float) -> Iterator[float]:
    before = 0.0
    for at, _ in series.points:
        if at - before > 1.5 * step:
            yield at
        before = at


def _filled(
    prometheus: Prometheus,
    panel: Mapping[str, Any],
    values: Mapping[str, str],
    window: Window,
) -> Filled:
    curves = []
    for target in panel.get("targets", []):
        expr = interpolated(target["expr"], values)
        if target.get("instant"):
            found = prometheus.query(expr, window.end)
        else:
            found = prometheus.query_range(expr, window.start, window.end, window.step)
        legend = target.get("legendFormat", "")
        curves += [Curve(_named(legend, one.labels), one, target["refId"]) for one in found]
    return Filled(panel, interpolated(panel["title"], values), curves)


def _named(legend: str, labels: Mapping[str, str]) -> str:
    if not legend:
        return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
