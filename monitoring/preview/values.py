"""Panels of single values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.patches import Wedge

from monitoring.preview.canvas import (
    COLOURS,
    DIM,
    EDGE,
    SURFACE,
    TEXT,
    Box,
    Canvas,
    override,
    threshold_colour,
)
from monitoring.preview.reading import Curve, Filled, Window
from monitoring.preview.units import written

Marks = Sequence[tuple[float, str, str]]


def stat(canvas: Canvas, box: Box, filled: Filled, marks: Marks, window: Window) -> None:
    """Large values side by side, on the colour of their threshold or word."""
    del marks, window
    options = filled.panel["options"]
    wide = box.width / len(filled.curves)
    for index, curve in enumerate(filled.curves):
        place = Box(box.left + index * wide, box.top, wide - 4, box.height)
        said, colour = _said(filled.panel, curve)
        ink = colour
        if options["colorMode"] == "background" and colour != COLOURS["text"]:
            canvas.rectangle(place, colour)
            ink = "#0b0c0e"
        elif options["graphMode"] == "area":
            _spark(canvas, place, curve)
        size = _size(24, place.width, said)
        if options["textMode"] == "name":
            canvas.middle(place, curve.name, _size(24, wide, curve.name), ink)
        elif options["textMode"] == "value_and_name":
            upper = Box(place.left, place.top, wide, place.height * 0.45)
            lower = Box(place.left, place.top + upper.height, wide, place.height - upper.height)
            canvas.middle(upper, curve.name, _size(10, 0.8 * wide, curve.name), ink)
            canvas.middle(lower, said, size, ink)
        else:
            canvas.middle(place, said, size, ink)


def gauge(canvas: Canvas, box: Box, filled: Filled, marks: Marks, window: Window) -> None:
    """Half a ring, filled up to the value."""
    del marks, window
    said, colour = _said(filled.panel, filled.curves[0])
    top = filled.panel["fieldConfig"]["defaults"].get("max", 100)
    share = min(max(filled.curves[0].series.last / top, 0), 1)
    side = min(box.width, 2 * box.height)
    place = Box(box.left + (box.width - side) / 2, box.top, side, box.height)
    axes = canvas.axes(place)
    axes.axis("off")
    axes.set_xlim(-1.05, 1.05)
    axes.set_ylim(-0.05, 1.05)
    axes.add_patch(Wedge((0, 0), 1, 0, 180, width=0.25, color=EDGE))
    filling = COLOURS["green"] if colour == COLOURS["text"] else colour
    axes.add_patch(Wedge((0, 0), 1, 180 * (1 - share), 180, width=0.25, color=filling))
    axes.text(0, 0.15, said, color=colour, size=16, ha="center")


def bargauge(canvas: Canvas, box: Box, filled: Filled, marks: Marks, window: Window) -> None:
    """A bar for each value, its name at the left."""
    del marks, window
    top = filled.panel["fieldConfig"]["defaults"].get("max")
    values = [curve.series.last for curve in filled.curves]
    top = top or max([value for value in values if not math.isnan(value)] or [1]) or 1
    tall = min(box.height / len(values), 34)
    for index, curve in enumerate(filled.curves):
        y = box.top + index * tall
        said, colour = _said(filled.panel, curve)
        colour = override(filled.panel, curve.name) or colour
        colour = COLOURS["green"] if colour == COLOURS["text"] else colour
        canvas.text(box.left, y + tall / 2 - 6, curve.name, 8.5, TEXT)
        left, room = box.left + box.width * 0.38, box.width * 0.44
        canvas.rectangle(Box(left, y + 3, room, tall - 8), EDGE)
        share = (
            min(max(curve.series.last / top, 0), 1) if curve.series.last == curve.series.last else 0
        )
        canvas.rectangle(Box(left, y + 3, room * share, tall - 8), colour)
        canvas.text(box.left + box.width, y + tall / 2 - 7, said, 9.5, colour, right=True)


def table(canvas: Canvas, box: Box, filled: Filled, marks: Marks, window: Window) -> None:
    """Rows of the labels that all queries share, one column for each query."""
    del marks, window
    organize = filled.panel["transformations"][-1]["options"]
    names = sorted(organize["indexByName"], key=organize["indexByName"].get)
    labels = [name for name in names if not name.startswith("Value #")]
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for curve in filled.curves:
        key = tuple(curve.series.labels.get(label, "") for label in labels)
        rows.setdefault(key, {})[f"Value #{curve.query}"] = curve.series.last
    units = {
        override["matcher"]["options"]: override["properties"][0]["value"]
        for override in filled.panel["fieldConfig"]["overrides"]
    }
    defaults = filled.panel["fieldConfig"]["defaults"]
    wide = box.width / len(names)
    for column, name in enumerate(names):
        heading = organize["renameByName"][name]
        canvas.text(box.left + column * wide, box.top, heading, 8.5, DIM)
        for line, (key, values) in enumerate(rows.items()):
            y = box.top + 20 * (line + 1)
            if y > box.top + box.height - 12:
                break
            unit = units.get(heading, defaults["unit"])
            said = (
                written(values.get(name, math.nan), unit, defaults.get("decimals"))
                if name.startswith("Value #")
                else key[labels.index(name)]
            )
            canvas.text(box.left + column * wide, y, said, 9, TEXT)


def _size(most: float, width: float, text: str) -> float:
    """How large a text may be written in so many pixels."""
    return min(most, 1.25 * width / max(len(text), 1))


def _said(panel: Mapping[str, Any], curve: Curve) -> tuple[str, str]:
    """A value as text, and its colour."""
    defaults = panel["fieldConfig"]["defaults"]
    value = curve.series.last
    for mapping in defaults.get("mappings", []):
        if word := mapping["options"].get(f"{value:g}"):
            return word["text"], COLOURS[word["color"]]
    return written(value, defaults["unit"], defaults.get("decimals")), threshold_colour(
        panel, value
    )


def _spark(canvas: Canvas, place: Box, curve: Curve) -> None:
    lower = Box(place.left, place.top + place.height * 0.6, place.width, place.height * 0.4)
    axes = canvas.axes(lower)
    axes.axis("off")
    axes.set_facecolor(SURFACE)
    times, values = zip(*curve.series.points, strict=True)
    axes.fill_between(times, values, min(values), color=COLOURS["blue"], alpha=0.25, linewidth=0)
    axes.plot(times, values, color=COLOURS["blue"], linewidth=1)
