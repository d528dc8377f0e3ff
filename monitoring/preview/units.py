"""Numbers as Grafana writes them, for the units that the dashboards use."""

from __future__ import annotations

import math

_SECONDS = (
    (1e-3, 1e-6, "µs"),
    (1, 1e-3, "ms"),
    (60, 1, "s"),
    (3600, 60, "mins"),
    (86400, 3600, "hours"),
    (7 * 86400, 86400, "days"),
    (365 * 86400, 7 * 86400, "weeks"),
    (math.inf, 365 * 86400, "years"),
)
_SUFFIXES = {"reqps": " req/s", "ops": " ops/s", "cps": " c/s", "none": ""}
_SCALES = {
    "bytes": (1024, ("B", "KiB", "MiB", "GiB", "TiB")),
    "bps": (1000, ("b/s", "kb/s", "Mb/s", "Gb/s")),
}
_WHOLE = 100


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """A value with its unit; an unknown unit is a mistake (KeyError)."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞"
    if unit == "locale":
        return f"{value:,.{decimals or 0}f}"
    if unit == "s":
        return _seconds(value, decimals)
    if unit in _SCALES:
        return _scaled(value, *_SCALES[unit], decimals)
    if unit == "percentunit":
        return f"{_number(100 * value, decimals)}%"
    suffix = unit.removeprefix("suffix:") if unit.startswith("suffix:") else _SUFFIXES[unit]
    return _number(value, decimals) + suffix


def _seconds(value: float, decimals: int | None) -> str:
    if value == 0:
        return "0 s"
    size, name = next((size, name) for below, size, name in _SECONDS if abs(value) < below)
    return f"{_number(value / size, decimals)} {name}"


def _scaled(value: float, base: int, names: tuple[str, ...], decimals: int | None) -> str:
    power = min(int(math.log(abs(value), base)), len(names) - 1) if abs(value) >= 1 else 0
    return f"{_number(value / base**power, decimals)} {names[power]}"


def _number(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.0f}" if value == 0 or abs(value) >= _WHOLE else f"{value:.3g}"
