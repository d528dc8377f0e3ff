"""Panels over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from monitoring.preview.canvas import COLOURS, DIM, PALETTE, TEXT, Box, Canvas, override
from monitoring.preview.reading import Curve, Filled, Window
from monitoring.preview.units import written

Marks = Sequence[tuple[float, str, str]]


def timeseries(canvas: Canvas, box: Box, filled: Filled, marks: Marks, window: Window) -> None:
    """Curves, dashed thresholds, marks and a legend, at the right or below."""
    defaults = filled.panel["fieldConfig"]["defaults"]
    unit, decimals = defaults["unit"], defaults.get("decimals")
    right = filled.panel["options"]["legend"]["placement"] == "right"
    room = _with_legend(canvas, box, filled, unit, decimals, right=right)
    axes = _axes(canvas, room, unit, decimals, window)
    colours = [_colour(filled.panel, curve.name, i) for i, curve in enumerate(filled.curves)]
    if defaults["custom"].get("stacking"):
        _stacked(axes, filled.curves, colours, window)
    else:
        for curve, colour in zip(filled.curves, colours, strict=True):
            times, values = _with_gaps(curve, window.step)
            axes.plot(times, values, color=colour, linewidth=1.2)
            axes.fill_between(times, values, color=colour, alpha=0.07, linewidth=0)
    if "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
    if not any(value > 0 for curve in filled.curves for _, value in curve.series.points):
        axes.set_ylim(top=1)
    if "max" in defaults:
        axes.set_ylim(top=defaults["max"] * 1.02)
    _thresholds(axes, defaults)
    for at, _, colour in marks:
        axes.axvline(at, color=COLOURS[colour], linewidth=1, linestyle=(0, (3, 2)))


def heatmap(canvas: Canvas, box: Box, filled: Filled, marks: Marks, window: Window) -> None:
    """Buckets over time; each is drawn without those below it."""
    del marks
    ordered = sorted(filled.curves, key=lambda curve: float(curve.series.labels["le"]))
    times = sorted({at for curve in ordered for at, _ in curve.series.points})
    place = {at: index for index, at in enumerate(times)}
    sums = np.zeros((len(ordered), len(times)))
    for row, curve in enumerate(ordered):
        for at, value in curve.series.points:
            sums[row, place[at]] = value
    counts = np.maximum(np.diff(sums, axis=0, prepend=0), 0)
    room = Box(box.left + 55, box.top + 4, box.width - 65, box.height - 26)
    axes = _axes(canvas, room, "none", None, window)
    axes.grid(visible=False)
    shown = np.where(counts > 0, counts, np.nan)
    axes.pcolormesh(times, np.arange(len(ordered)) + 0.5, shown, cmap="Oranges", shading="nearest")
    axes.set_yticks(range(1, len(ordered) + 1))
    bounds = [float(curve.series.labels["le"]) for curve in ordered]
    axes.set_yticklabels([written(bound, "s") for bound in bounds])


def _axes(canvas: Canvas, room: Box, unit: str, decimals: int | None, window: Window) -> Axes:
    axes = canvas.axes(room)
    axes.set_xlim(window.start, window.end)
    axes.xaxis.set_major_locator(MaxNLocator(max(2, int(room.width / 90))))
    axes.xaxis.set_major_formatter(FuncFormatter(_clock))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=unit == "locale" and not decimals))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, unit)))
    return axes


def _clock(at: float, _: object) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"


def _with_legend(
    canvas: Canvas, box: Box, filled: Filled, unit: str, decimals: int | None, *, right: bool
) -> Box:
    """Write the legend; the room that is left for curves."""
    curves = filled.curves
    if right:
        wide = min(0.5 * box.width, 360)
        left = box.left + box.width - wide
        canvas.text(left + wide - 70, box.top, "Last", 7.5, DIM, right=True)
        canvas.text(left + wide, box.top, "Max", 7.5, DIM, right=True)
        for index, curve in enumerate(curves[: int(box.height / 16) - 1]):
            y = box.top + 16 * (index + 1)
            canvas.rectangle(Box(left, y + 5, 10, 3), _colour(filled.panel, curve.name, index))
            canvas.text(left + 15, y, curve.name[:34], 8, TEXT)
            top = max((v for _, v in curve.series.points if not math.isnan(v)), default=math.nan)
            canvas.text(
                left + wide - 70, y, written(curve.series.last, unit, decimals), 8, TEXT, right=True
            )
            canvas.text(left + wide, y, written(top, unit, decimals), 8, TEXT, right=True)
        return Box(box.left + 55, box.top + 4, box.width - wide - 75, box.height - 24)
    x, y, lines = box.left, box.top + box.height - 14.0, 1
    widths = [24 + 6.2 * len(curve.name) for curve in curves]
    for width in widths:
        if x + width > box.left + box.width and lines < 3:  # noqa: PLR2004 - Grafana scrolls then.
            x, lines = box.left, lines + 1
        x += width
    x, y = box.left, y - 15 * (lines - 1)
    for index, (curve, width) in enumerate(zip(curves, widths, strict=True)):
        if x + width > box.left + box.width:
            x, y = box.left, y + 15
            if y > box.top + box.height:
                break
        canvas.rectangle(Box(x, y + 5, 10, 3), _colour(filled.panel, curve.name, index))
        canvas.text(x + 14, y, curve.name, 8, TEXT)
        x += width
    return Box(box.left + 55, box.top + 4, box.width - 60, box.height - 26 - 15 * lines)


def _colour(panel: Mapping[str, Any], name: str, index: int) -> str:
    return override(panel, name) or PALETTE[index % len(PALETTE)]


def _with_gaps(curve: Curve, step: float) -> tuple[list[float], list[float]]:
    times: list[float] = []
    values: list[float] = []
    for at, value in curve.series.points:
        if times and at - times[-1] > 1.5 * step:
            times.append(at - step)
            values.append(math.nan)
        times.append(at)
        values.append(value)
    return times, values


def _stacked(axes: Axes, curves: Sequence[Curve], colours: Sequence[str], window: Window) -> None:
    times = sorted({at for curve in curves for at, _ in curve.series.points})
    found = [dict(curve.series.points) for curve in curves]
    heights = [[points.get(at, 0.0) for at in times] for points in found]
    axes.stackplot(times, heights, colors=colours, alpha=0.55, linewidth=0)
    axes.set_xlim(window.start, window.end)


def _thresholds(axes: Axes, defaults: Mapping[str, Any]) -> None:
    if defaults["custom"].get("thresholdsStyle", {}).get("mode", "off") == "off":
        return
    bottom, top = axes.get_ylim()
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is not None and bottom <= step["value"] <= top:
            axes.axhline(step["value"], color=COLOURS[step["color"]], linewidth=1, linestyle="--")
