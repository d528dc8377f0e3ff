"""A dashboard as plain data: rows of panels, each with its queries, unit and limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["timeseries", "stat", "gauge", "bargauge", "table", "heatmap"]


@dataclass(frozen=True)
class Query:
    """One PromQL expression.

    `empty` says why a healthy system may have no data for it; without it, no data is a mistake.
    """

    expr: str
    legend: str = ""
    empty: str = ""
    instant: bool = False


@dataclass(frozen=True)
class Limits:
    """From where on a value is worrying, in the panel's unit; `falling` where less is worse."""

    bad: float
    warn: float | None = None
    falling: bool = False

    def steps(self) -> list[tuple[float | None, str]]:
        """Where each colour begins, the lowest first; None is minus infinity."""
        if self.falling:
            steps: list[tuple[float | None, str]] = [(None, "red")]
            if self.warn is not None:
                steps.append((self.bad, "orange"))
            return [*steps, (self.bad if self.warn is None else self.warn, "green")]
        steps = [(None, "green")]
        if self.warn is not None:
            steps.append((self.warn, "orange"))
        return [*steps, (self.bad, "red")]


@dataclass(frozen=True)
class Panel:
    """One picture of a dashboard, `width` of 24 columns and `height` of Grafana's rows."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    kind: Kind = "timeseries"
    limits: Limits | None = None
    runbooks: tuple[str, ...] = ()
    """Names of pages in `monitoring/runbooks`, for the panel's links."""
    width: int = 8
    height: int = 7
    stack: bool = False
    decimals: int | None = None
    minimum: float | None = 0
    maximum: float | None = None
    words: tuple[tuple[float, str, str], ...] = ()
    """What is shown instead of a number: value, text, colour."""
    colours: tuple[tuple[str, str], ...] = ()
    """A regular expression of series' names, and their colour."""
    columns: tuple[tuple[str, str, str], ...] = ()
    """Of a table: label or `Value #A`, heading, unit; in this order, others are left out."""
    show: Literal["value", "name", "value_and_name"] = "value"
    """Of a stat: its number, its series' name, or both."""
    nothing: str = ""
    """What stands where there is no data; without it, why that may be."""

    @property
    def without_data(self) -> str:
        """What to show where there is no data."""
        if self.nothing or self.kind in ("stat", "gauge"):
            return self.nothing or "–"
        return next((query.empty for query in self.queries if query.empty), "No data")


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard, out of what a query finds."""

    name: str
    label: str
    query: str
    regex: str = ""
    description: str = ""
    multi: bool = False
    """Several at once, and all of them at first."""
    hidden: bool = False
    first: str = ""
    """What is chosen at first, instead of the first that is found."""
    empty: str = ""
    """Why there may be nothing to choose."""


@dataclass(frozen=True)
class Board:
    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    span: str = "1h"
    refresh: str = "30s"

    def panels(self) -> Iterator[Panel]:
        for row in self.rows:
            yield from row.panels
