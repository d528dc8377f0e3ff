"""A panel in the types of Grafana's SDK."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    gauge,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from monitoring.dashboards.model import Limits, Panel, Query

SOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${environment}")
"""Each environment has a Prometheus of its own, so choosing one is choosing the data source."""

_NARROW = 8
"""Up to so many columns there is no room for a legend at the side."""

PLAIN = "text"
"""Grafana's colour for a value that is neither good nor bad."""


def panel_of(panel: Panel, number: int, left: int, top: int, runbooks_url: str) -> Any:
    """The builder of a panel that stands at column `left` and line `top`."""
    made = _MAKERS[panel.kind](panel)
    made.id(number).title(panel.title).description(panel.description).datasource(SOURCE)
    made.grid_pos(models.GridPos(h=panel.height, w=panel.width, x=left, y=top))
    made.unit(panel.unit).no_value(panel.without_data)
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    if panel.minimum is not None:
        made.min(panel.minimum)
    if panel.maximum is not None:
        made.max(panel.maximum)
    made.thresholds(_thresholds(panel.limits))
    if panel.words:
        made.mappings([_words(panel)])
    for names, colour in panel.colours:
        value = {"mode": "fixed", "fixedColor": colour}
        made.override_by_regexp(
            f"/^({names})$/", [models.DynamicConfigValue(id_val="color", value=value)]
        )
    for index, query in enumerate(panel.queries):
        made.with_target(_target(query, chr(ord("A") + index), panel.kind))
    if runbooks_url:
        made.links([_runbook(name, runbooks_url) for name in panel.runbooks])
    return made


def _target(query: Query, name: str, kind: str) -> Any:
    target = prometheus.Dataquery().expr(query.expr).ref_id(name).datasource(SOURCE)
    if query.legend:
        target.legend_format(query.legend)
    if kind == "table":
        target.format(prometheus_models.PromQueryFormat.TABLE)
    elif kind == "heatmap":
        target.format(prometheus_models.PromQueryFormat.HEATMAP)
    return target.instant() if query.instant or kind == "table" else target.range()


def _thresholds(limits: Limits | None) -> Any:
    steps = limits.steps() if limits else [(None, PLAIN)]
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _words(panel: Panel) -> models.ValueMap:
    return models.ValueMap(
        options={
            f"{value:g}": models.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, text, colour) in enumerate(panel.words)
        }
    )


def _runbook(name: str, base: str) -> Any:
    url = f"{base.rstrip('/')}/{name}.md"
    return dashboard.DashboardLink(f"Runbook: {name}").url(url).target_blank(True)


def _last() -> Any:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _by_thresholds() -> Any:
    return dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)


def _timeseries(panel: Panel) -> Any:
    legend = common.VizLegendOptions().show_legend(True)
    if panel.width > _NARROW:
        legend.display_mode(common_models.LegendDisplayMode.TABLE)
        legend.placement(common_models.LegendPlacement.RIGHT).calcs(["lastNotNull", "max"])
    else:
        legend.display_mode(common_models.LegendDisplayMode.LIST)
        legend.placement(common_models.LegendPlacement.BOTTOM)
    tooltip = (
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
    )
    made = (
        timeseries.Panel()
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
        .draw_style(common_models.GraphDrawStyle.LINE)
        .line_width(1.5)
        .fill_opacity(40 if panel.stack else 8)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(legend)
        .tooltip(tooltip)
    )
    if panel.stack:
        made.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    if panel.limits:
        style = common_models.GraphThresholdsStyleMode.DASHED
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
    return made


def _stat(panel: Panel) -> Any:
    coloured = panel.limits is not None or bool(panel.words)
    return (
        stat.Panel()
        .reduce_options(_last())
        .color_scheme(_by_thresholds())
        .graph_mode(
            common_models.BigValueGraphMode.NONE
            if panel.words or panel.show != "value"
            else common_models.BigValueGraphMode.AREA
        )
        .color_mode(
            common_models.BigValueColorMode.BACKGROUND
            if coloured
            else common_models.BigValueColorMode.VALUE
        )
        .text_mode(common_models.BigValueTextMode(panel.show))
    )


def _gauge(_: Panel) -> Any:
    return gauge.Panel().reduce_options(_last()).color_scheme(_by_thresholds())


def _bargauge(_: Panel) -> Any:
    return (
        bargauge.Panel()
        .reduce_options(_last())
        .color_scheme(_by_thresholds())
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
    )


def _table(panel: Panel) -> Any:
    """Grafana joins the answers of several queries by their labels, one row for each."""
    order = {name: index for index, (name, _, _) in enumerate(panel.columns)}
    headings = {name: heading for name, heading, _ in panel.columns}
    made = (
        table.Panel()
        .color_scheme(_by_thresholds())
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            models.DataTransformerConfig(
                id_val="filterFieldsByName",
                options={"include": {"names": list(order)}},
            )
        )
        .with_transformation(
            models.DataTransformerConfig(
                id_val="organize",
                options={"indexByName": order, "renameByName": headings},
            )
        )
    )
    for _, heading, unit in panel.columns:
        if unit:
            made.override_by_name(heading, [models.DynamicConfigValue(id_val="unit", value=unit)])
    return made


def _heatmap(panel: Panel) -> Any:
    axis = heatmap.YAxisConfig().unit(panel.unit)
    colours = (
        heatmap.HeatmapColorOptions()
        .mode(heatmap_models.HeatmapColorMode.SCHEME)
        .scheme("Oranges")
        .steps(64)
    )
    return heatmap.Panel().calculate(False).y_axis(axis).color(colours)


_MAKERS = {
    "timeseries": _timeseries,
    "stat": _stat,
    "gauge": _gauge,
    "bargauge": _bargauge,
    "table": _table,
    "heatmap": _heatmap,
}
