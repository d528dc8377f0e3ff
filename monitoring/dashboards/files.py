"""All dashboards as the files that Grafana provisions."""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from monitoring.dashboards import marks
from monitoring.dashboards.all import ALL
from monitoring.dashboards.model import Board, Variable
from monitoring.dashboards.panels import SOURCE, panel_of

TAG = "biletter"
COLUMNS = 24


def dashboards(runbooks_url: str = "") -> dict[str, str]:
    """File names and their JSON. Panels link to `runbooks_url`/NAME.md; without it, nowhere."""
    return {f"{board.uid}.json": json_of(board, runbooks_url) for board in ALL}


def json_of(board: Board, runbooks_url: str = "") -> str:
    """A dashboard in Grafana's own schema; the same text for the same data."""
    made = json.loads(JSONEncoder().encode(_board(board, runbooks_url).build()))
    links = [link for holder in (made, *made["panels"]) for link in holder.get("links", [])]
    for shown in (*links, *made["annotations"]["list"]):
        del shown["placement"]  # The SDK puts all of them into a menu; they belong in sight.
    return json.dumps(made, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _board(board: Board, runbooks_url: str) -> Any:
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"{TAG}-{board.uid}")
        .description(board.description)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(f"now-{board.span}", "now")
        .refresh(board.refresh)
        .link(_links())
    )
    made.with_variable(_environment())
    for variable in board.variables:
        made.with_variable(_variable(variable))
    for mark in marks.ALL:
        made.annotation(_annotation(mark))
    number, top = 0, 0
    for row in board.rows:
        number += 1
        made.with_row(
            dashboard.Row(row.title)
            .id(number)
            .grid_pos(models.GridPos(h=1, w=24, x=0, y=top))
            .collapsed(False)
        )
        top, left, line = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, line = top + line, 0, 0
            number += 1
            made.with_panel(panel_of(panel, number, left, top, runbooks_url))
            left, line = left + panel.width, max(line, panel.height)
        top += line
    return made


def _environment() -> Any:
    return (
        dashboard.DatasourceVariable("environment")
        .label("Environment")
        .description("Each has a Prometheus of its own.")
        .type("prometheus")
    )


def _variable(variable: Variable) -> Any:
    made = (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .description(variable.description)
        .datasource(SOURCE)
        .query({"query": variable.query, "refId": variable.name})
        .definition(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NATURAL_ASC)
        .regex(variable.regex)
    )
    if variable.hidden:
        made.hide(models.VariableHide.HIDE_VARIABLE)
    if variable.multi:
        everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
        made.multi(True).include_all(True).all_value(".*").current(everything)
    elif variable.first:
        made.current(models.VariableOption(text=variable.first, value=variable.first))
    return made


def _links() -> Any:
    return (
        dashboard.DashboardLink("Dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )


def _annotation(mark: marks.Mark) -> Any:
    return (
        dashboard.AnnotationQuery()
        .name(mark.name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(mark.colour)
        .expr(mark.expr)
        .title_format(mark.name)
        .text_format(mark.text)
        .step("15s")
    )
