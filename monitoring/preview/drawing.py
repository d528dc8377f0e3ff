"""The whole picture of a dashboard: where its panels stand, and what each kind looks like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from monitoring.preview import curves, values
from monitoring.preview.canvas import BACKGROUND, CELL, DIM, TEXT, WIDTH, Canvas
from monitoring.preview.reading import Filled, Window

_KINDS = {
    "timeseries": curves.timeseries,
    "heatmap": curves.heatmap,
    "stat": values.stat,
    "gauge": values.gauge,
    "bargauge": values.bargauge,
    "table": values.table,
}


def draw(
    title: str,
    panels: Sequence[Filled],
    marks: Sequence[tuple[float, str, str]],
    window: Window,
    picture: Path,
) -> None:
    """Draw a dashboard into a PNG."""
    places = [filled.panel["gridPos"] for filled in panels]
    lines = max(place["y"] + place["h"] for place in places) + 1
    figure = Figure(figsize=(WIDTH / 100, lines * CELL / 100), dpi=100, facecolor=BACKGROUND)
    canvas = Canvas(figure, lines * CELL)
    canvas.text(10, 8, title, size=15, colour=TEXT)
    named = "   ".join(sorted({f"▏{what}" for _, what, _ in marks}))
    canvas.text(260, 12, named, size=9, colour=DIM)
    for filled in panels:
        place = filled.panel["gridPos"]
        if filled.panel["type"] == "row":
            canvas.text(10, (place["y"] + 1) * CELL + 14, f"▾ {filled.title}", 11, TEXT)
            continue
        box = canvas.panel(place["x"], place["y"] + 1, place["w"], place["h"], filled.title)
        if filled.curves:
            _KINDS[filled.panel["type"]](canvas, box, filled, marks, window)
        else:
            nothing = filled.panel["fieldConfig"]["defaults"].get("noValue", "No data")
            canvas.middle(box, nothing, 11, DIM)
    figure.savefig(picture)
