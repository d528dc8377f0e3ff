"""The timeline of a run as one SVG: lanes of trouble above, what the service made of it below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil

from loadtest.chaos.calls import Counts
from loadtest.chaos.mischief import Trouble
from loadtest.record import percentile

_WIDTH, _LEFT, _RIGHT = 1200, 132, 16
_LANE, _BAR, _CHART, _GAP = 26, 18, 84, 36
_LETTER = 5.6
"""How wide a letter of a label is."""
_LANES = ("workers", "web", "database", "gateway", "provider", "reset")
ERRORS = ("no answer", "5xx", "503 later", "4xx", "409 conflict", "419 taken")
_WATCHED = ("orders wanted", "orders with a duty", "payments undecided", "refunds due", "messages")

Series = Mapping[int, float]


class Timeline:
    """Draws on one axis of seconds."""

    def __init__(self, seconds: float, mischief: float) -> None:
        self.seconds = max(1.0, seconds)
        self.mischief = mischief
        self.y = 24.0
        self.parts: list[str] = []

    def draw(
        self, troubles: Sequence[Trouble], counts: Counts, watch: Mapping[int, Sequence[int]]
    ) -> str:
        """Return the whole picture."""
        for lane in _LANES:
            if found := [trouble for trouble in troubles if trouble.lane == lane]:
                self._lane(lane, found)
        self.y -= 6
        deeds = {
            name: {s: float(n) for (s, kind), n in counts.deeds.items() if kind == name}
            for name in ("booked", "paid")
        }
        self._bars("acknowledged a second", deeds)
        errors = {
            name: {s: float(n) for (s, kind), n in counts.errors.items() if kind == name}
            for name in ERRORS
        }
        self._bars("refused or lost a second", {k: v for k, v in errors.items() if v})
        self._lines("95 % of calls within, ms", {
            "p95": {s: percentile(took, 0.95) * 1000 for s, took in counts.seconds.items() if took},
        })  # fmt: skip
        seen = {name: {s: float(row[n]) for s, row in watch.items()} for n, name in
                enumerate(_WATCHED)}  # fmt: skip
        self._lines("waits for the provider", {k: seen[k] for k in _WATCHED[:2]})
        self._lines("waits for the gateway, or for us", {k: seen[k] for k in _WATCHED[2:]})
        self._axis()
        body = "".join(self.parts)
        return (
            f'<svg viewBox="0 0 {_WIDTH} {self.y + 6:.0f}" role="img"'
            f' aria-label="timeline of the run">{body}</svg>'
        )

    def _x(self, second: float) -> float:
        share = min(max(second, 0.0), self.seconds) / self.seconds
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def _lane(self, name: str, troubles: Sequence[Trouble]) -> None:
        top = self.y
        self.parts.append(
            f'<rect class="lane" x="{_LEFT}" y="{top}" width="{_WIDTH - _LEFT - _RIGHT}"'
            f' height="{_BAR}"/><text class="name" x="{_LEFT - 10}" y="{top + 13}">{name}</text>'
        )
        for trouble in troubles:
            begin, end = self._x(trouble.begin), self._x(trouble.end)
            width = max(3.0, end - begin - 1)
            kind = "kill" if trouble.is_kill else "knob"
            said = trouble.kind if trouble.is_kill else trouble.label
            told = f"{trouble.kind}: {trouble.label}, {trouble.begin:.1f}–{trouble.end:.1f} s"
            room = int((width - 6) / _LETTER)
            label = said if len(said) <= room else said[: room - 1] + "…" if room > 4 else ""
            self.parts.append(
                f'<g><title>{escape(told)}</title><rect class="{kind}" x="{begin:.1f}" y="{top}"'
                f' width="{width:.1f}" height="{_BAR}" rx="2"/>'
                f'<text class="label" x="{begin + 4:.1f}" y="{top + 12.5}">{escape(label)}</text>'
                "</g>"
            )
        self.y += _LANE

    def _frame(self, title: str, names: Sequence[str], most: float) -> float:
        """Draw title, legend and lines of a chart; returns its bottom."""
        self.y += _GAP
        self.parts.append(
            f'<text class="title" x="{_LEFT}" y="{self.y - 7}">{escape(title)}</text>'
        )
        x = _LEFT + len(title) * 6.9 + 28
        for number, name in enumerate(names):
            self.parts.append(
                f'<rect class="c{number}" x="{x:.0f}" y="{self.y - 15}" width="9" height="9"/>'
                f'<text class="legend" x="{x + 13:.0f}" y="{self.y - 7}">{escape(name)}</text>'
            )
            x += len(name) * 6.2 + 34
        for share in (0.0, 0.5, 1.0):
            y = self.y + _CHART * (1 - share)
            self.parts.append(
                f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
                f'<text class="tick" x="{_LEFT - 10}" y="{y + 4:.1f}">{most * share:g}</text>'
            )
        bottom = self.y + _CHART
        self.y = bottom
        return bottom

    def _bars(self, title: str, series: Mapping[str, Series]) -> None:
        totals: dict[int, float] = {}
        for one in series.values():
            for second, value in one.items():
                totals[second] = totals.get(second, 0.0) + value
        most = _round_up(max(totals.values(), default=1.0))
        bottom = self._frame(title, [*series], most)
        width = max(0.8, (self._x(1) - self._x(0)) * 0.82)
        heights: dict[int, float] = {}
        for number, one in enumerate(series.values()):
            for second, value in sorted(one.items()):
                height = value / most * _CHART
                base = bottom - heights.get(second, 0.0)
                heights[second] = heights.get(second, 0.0) + height
                self.parts.append(
                    f'<rect class="c{number}" x="{self._x(second):.1f}" y="{base - height:.1f}"'
                    f' width="{width:.1f}" height="{height:.1f}"/>'
                )

    def _lines(self, title: str, series: Mapping[str, Series]) -> None:
        most = _round_up(max((v for one in series.values() for v in one.values()), default=1.0))
        bottom = self._frame(title, [*series], most)
        for number, one in enumerate(series.values()):
            for run in _unbroken(one):
                points = " ".join(
                    f"{self._x(s + 0.5):.1f},{bottom - one[s] / most * _CHART:.1f}" for s in run
                )
                self.parts.append(f'<polyline class="l{number}" points="{points}"/>')

    def _axis(self) -> None:
        bottom, step = self.y, _step(self.seconds)
        for second in range(0, ceil(self.seconds), step):
            x = self._x(second)
            self.parts.append(
                f'<line class="time" x1="{x:.1f}" x2="{x:.1f}" y1="24" y2="{bottom:.1f}"/>'
                f'<text class="second" x="{x:.1f}" y="{bottom + 16:.1f}">{second} s</text>'
            )
        x = self._x(self.mischief)
        side, anchor = (x - 6, "end") if self.mischief > 0.6 * self.seconds else (x + 6, "start")
        self.parts.append(
            f'<path class="end" d="M{x:.1f} 4V{bottom:.1f}"/>'
            f'<text class="after" x="{side:.1f}" y="15" text-anchor="{anchor}">'
            f"from here on everything behaves, and comes to rest</text>"
        )
        self.y = bottom + 20


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 10, 20, 40, 100 …"""
    unit = 1.0
    while True:
        for factor in (1, 2, 4):
            if value <= factor * unit:
                return factor * unit
        unit *= 10


def _step(seconds: float) -> int:
    return next(step for step in (5, 10, 20, 60, 120, 300, 3600) if seconds / step <= 20)


def _unbroken(series: Series) -> Iterator[list[int]]:
    """The seconds in runs without a gap: where nothing was seen, nothing is drawn."""
    run: list[int] = []
    for second in sorted(series):
        if run and second - run[-1] > 2:
            yield run
            run = []
        run.append(second)
    if run:
        yield run
