"""A sheet on which things are placed in pixels from the upper left, in Grafana's dark colours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

WIDTH = 1560
CELL = 38
"""Height of one of Grafana's rows with the gap below it, in pixels."""

BACKGROUND, SURFACE, EDGE = "#111217", "#181b1f", "#2a2d33"
TEXT, DIM = "#d8d9da", "#8e9199"
COLOURS = {
    "green": "#73bf69",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
    "gray": "#8e9199",
    "text": "#d8d9da",
}
PALETTE = (
    "#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0",
    "#37872d", "#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477",
)  # fmt: skip


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels from the upper left."""

    left: float
    top: float
    width: float
    height: float


class Canvas:
    def __init__(self, figure: Figure, height: float) -> None:
        self.figure = figure
        self._height = height

    def panel(self, x: int, y: int, w: int, h: int, title: str) -> Box:
        """A panel's frame and title; what is left inside."""
        column = WIDTH / 24
        box = Box(x * column + 4, y * CELL + 4, w * column - 8, h * CELL - 8)
        self.rectangle(box, SURFACE, EDGE)
        self.text(box.left + 9, box.top + 7, title, 9.5, TEXT)
        return Box(box.left + 9, box.top + 28, box.width - 18, box.height - 34)

    def rectangle(self, box: Box, colour: str, edge: str = "none") -> None:
        """A filled rectangle."""
        left, bottom, width, height = self._share(box)
        filled = FancyBboxPatch((left, bottom), width, height, boxstyle="square,pad=0", fc=colour)
        filled.set(edgecolor=edge, linewidth=0.8, zorder=-1)  # Below all axes, which stand at 0.
        self.figure.add_artist(filled)

    def axes(self, box: Box) -> Axes:
        """Axes for curves, with as much room for their labels as they need."""
        axes = self.figure.add_axes(self._share(box))
        axes.set_facecolor(SURFACE)
        axes.tick_params(colors=DIM, labelsize=7.5, length=0)
        axes.grid(color=EDGE, linewidth=0.6)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def text(
        self, x: float, y: float, said: str, size: float, colour: str, *, right: bool = False
    ) -> None:
        """Text whose upper edge is at y."""
        self.figure.text(
            x / WIDTH,
            1 - y / self._height,
            plain(said),
            color=colour,
            size=size,
            ha="right" if right else "left",
            va="top",
        )

    def middle(self, box: Box, said: str, size: float, colour: str) -> None:
        """Text in the middle of a box."""
        x, y = box.left + box.width / 2, box.top + box.height / 2
        self.figure.text(
            x / WIDTH, 1 - y / self._height, plain(said), color=colour, size=size, ha="center",
            va="center",
        )  # fmt: skip

    def _share(self, box: Box) -> tuple[float, float, float, float]:
        bottom = 1 - (box.top + box.height) / self._height
        return box.left / WIDTH, bottom, box.width / WIDTH, box.height / self._height


def plain(text: str) -> str:
    """Text in which no dollar begins a formula."""
    return text.replace("$", r"\$")


def threshold_colour(panel: Mapping[str, Any], value: float) -> str:
    """The colour of a value by a panel's thresholds."""
    colour = "text"
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return COLOURS[colour]


def override(panel: Mapping[str, Any], name: str) -> str | None:
    """The colour that a panel gives to a series of this name, if it does."""
    for rule in panel["fieldConfig"]["overrides"]:
        matcher = rule["matcher"]
        if matcher["id"] == "byRegexp" and re.search(matcher["options"].strip("/"), name):
            return COLOURS[rule["properties"][0]["value"]["fixedColor"]]
    return None
