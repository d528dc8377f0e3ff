"""Charts as SVG on a common axis of seconds; the page's script reads values off under the mouse."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import floor, log10

WIDTH, HEIGHT = 1200, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 8, 24
_RIGHT_EDGE, _FLOOR = WIDTH - _RIGHT, HEIGHT - _BOTTOM

MOST_TICKS = 6

Values = Sequence[float | None]


class Chart:
    """Lines or stacked bars over the slices of a run."""

    def __init__(self, title: str, unit: str, slice_seconds: float, count: int) -> None:
        self.title, self.unit = title, unit
        self.slice_seconds, self.count = slice_seconds, max(1, count)
        self.parts: list[str] = []
        self.legend: list[tuple[str, str, Values]] = []

    def lines(self, series: Mapping[str, tuple[str, Values]], *, is_log: bool = False) -> str:
        """Draw each named series with its CSS class, and return the figure."""
        known = [v for _, values in series.values() for v in values if v is not None]
        scale = LogScale(known) if is_log else Scale(max(known, default=0.0))
        self._grid(scale)
        for name, (css, values) in series.items():
            self.legend.append((name, css, values))
            # There is no zero on a logarithmic scale.
            for run in unbroken([v or None for v in values] if is_log else values):
                points = " ".join(
                    f"{self._x(n + 0.5):.1f},{scale.y(value):.1f}" for n, value in run
                )
                if len(run) == 1:
                    x, y = points.split(",")
                    self.parts.append(f'<circle class="{css}" cx="{x}" cy="{y}" r="2"/>')
                else:
                    self.parts.append(f'<polyline class="{css}" points="{points}"/>')
        return self._figure()

    def bars(self, series: Mapping[str, tuple[str, Values]]) -> str:
        """Draw the series one above the other, and return the figure."""
        tops = [0.0] * self.count
        for _, values in series.values():
            for n, value in enumerate(values):
                tops[n] += value or 0.0
        scale = Scale(max(tops, default=0.0))
        self._grid(scale)
        tops = [0.0] * self.count
        width = max(0.8, (self._x(1) - self._x(0)) * 0.86)
        for name, (css, values) in series.items():
            self.legend.append((name, css, values))
            for n, value in enumerate(values):
                if value:
                    base, tops[n] = tops[n], tops[n] + value
                    # What is there is to be seen, be it one in a thousand.
                    height = max(1.0, scale.y(base) - scale.y(tops[n]))
                    self.parts.append(
                        f'<rect class="{css}" x="{self._x(n):.1f}"'
                        f' y="{scale.y(base) - height:.1f}" width="{width:.1f}"'
                        f' height="{height:.1f}"/>'
                    )
        return self._figure()

    def mark(self, second: float, what: str) -> None:
        """Draw a line at a second of the run, with a word beside it."""
        x = self._x(second / self.slice_seconds)
        self.parts.append(
            f'<path class="one" d="M{x:.1f} {_TOP}V{_FLOOR}"/>'
            f'<text x="{x + 4:.1f}" y="{_TOP + 8}">{escape(what)}</text>'
        )

    def _x(self, number: float) -> float:
        return _LEFT + number / self.count * (_RIGHT_EDGE - _LEFT)

    def _grid(self, scale: "Scale | LogScale") -> None:
        self.parts.append(f'<path class="grid" d="M{_LEFT} {_FLOOR}H{_RIGHT_EDGE}"/>')
        for value in scale.ticks:
            y = scale.y(value)
            self.parts.append(
                f'<path class="grid" d="M{_LEFT} {y:.1f}H{_RIGHT_EDGE}"/>'
                f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}">{short(value)}</text>'
            )
        lasted = self.count * self.slice_seconds
        step = next(s for s in (1, 2, 5, 10, 30, 60, 120, 300, 600, 3600) if lasted / s <= 16)
        for second in range(0, int(lasted) + 1, step):
            x = self._x(second / self.slice_seconds)
            self.parts.append(
                f'<path class="time" d="M{x:.1f} {_TOP}V{_FLOOR}"/>'
                f'<text class="second" x="{x:.1f}" y="{_FLOOR + 16}">{clock(second)}</text>'
            )

    def _figure(self) -> str:
        keys = "".join(
            f'<span><i class="{css}"></i>{escape(name)} <b data-v="{_packed(values)}"></b></span>'
            for name, css, values in self.legend
        )
        return (
            f'<figure data-left="{_LEFT / WIDTH:.4f}" data-right="{_RIGHT_EDGE / WIDTH:.4f}"'
            f' data-n="{self.count}" data-s="{self.slice_seconds:g}">'
            f"<figcaption><strong>{escape(self.title)}</strong><em>{escape(self.unit)}</em>{keys}"
            f'</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
            f' aria-label="{escape(self.title)}">{"".join(self.parts)}'
            f'<path class="hand" d="M0 {_TOP}V{_FLOOR}"/></svg></figure>'
        )


def _packed(values: Values) -> str:
    rounded = [None if value is None else float(f"{value:.4g}") for value in values]
    return escape(json.dumps(rounded, separators=(",", ":")))


class Scale:
    """From 0 to a round number."""

    def __init__(self, most: float) -> None:
        self.most = round_up(most)
        self.ticks = [self.most * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]

    def y(self, value: float) -> float:
        """Return where a value is drawn."""
        return _FLOOR - value / self.most * (_FLOOR - _TOP)


class LogScale:
    """Times go from a fraction of a millisecond to half a minute, often within one run."""

    def __init__(self, values: Sequence[float]) -> None:
        known = [value for value in values if value > 0] or [1.0]
        steps = [m * 10.0**power for power in range(-4, 9) for m in (1, 2, 5)]
        first = max(n for n, step in enumerate(steps) if step <= max(min(known), steps[0]))
        last = min(n for n, step in enumerate(steps) if step >= min(max(known), steps[-1]))
        last = max(last, first + 2)
        self.low, self.high = log10(steps[first]), log10(steps[last])
        chosen = steps[first : last + 1]
        self.ticks = (
            chosen if len(chosen) <= MOST_TICKS else [s for s in chosen if not log10(s) % 1]
        )

    def y(self, value: float) -> float:
        """Return where a value is drawn."""
        power = min(max(log10(max(value, 1e-9)), self.low), self.high)
        return _FLOOR - (power - self.low) / (self.high - self.low) * (_FLOOR - _TOP)


def round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 10, 20, 40 … times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** floor(log10(value))
    return next(f * unit for f in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10, 20) if value <= f * unit * 1.001)


def short(value: float) -> str:
    """Return a number for an axis."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def clock(second: int) -> str:
    """Return a moment of the run as minutes and seconds."""
    return f"{second // 60}:{second % 60:02}"


def unbroken(values: Values) -> Iterator[list[tuple[int, float]]]:
    """Yield the numbers and values in runs without a gap: where nothing was seen, no line goes."""
    run: list[tuple[int, float]] = []
    for number, value in enumerate(values):
        if value is not None:
            run.append((number, value))
        elif run:
            yield run
            run = []
    if run:
        yield run
