"""Questions to a Prometheus."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

SECONDS = 30


class PrometheusError(Exception):
    """Prometheus cannot be reached, or refused a question; says which."""


@dataclass(frozen=True)
class Series:
    labels: dict[str, str]
    points: list[tuple[float, float]]
    """Time in seconds since 1970, and value."""

    @property
    def last(self) -> float:
        """The newest value that is a number."""
        return next((v for _, v in reversed(self.points) if not math.isnan(v)), math.nan)


@dataclass(frozen=True)
class Prometheus:
    url: str

    def query(self, expr: str, at: float) -> list[Series]:
        """Values at a moment; a number alone comes as one series without labels."""
        return _series(self._get("query", query=expr, time=at))

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Values from `start` to `end`, one every `step` seconds."""
        return _series(self._get("query_range", query=expr, start=start, end=end, step=step))

    def label_values(self, selector: str, label: str) -> list[str]:
        """Values of a label among the series of a selector, sorted."""
        arguments = {"match[]": selector} if selector else {}
        values = self._get(f"label/{label}/values", **arguments)
        return sorted(str(value) for value in values)

    def _get(self, path: str, **arguments: object) -> Any:
        address = f"{self.url.rstrip('/')}/api/v1/{path}?{urlencode(arguments)}"
        try:
            with urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - an operator's own URL.
                return json.load(answer)["data"]
        except HTTPError as problem:
            said = json.loads(problem.read() or b"{}").get("error", problem.reason)
            raise PrometheusError(f"{said}, when asked for {arguments}") from None
        except (URLError, OSError, ValueError) as problem:
            raise PrometheusError(f"{self.url} does not answer: {problem}") from None


def _series(data: Any) -> list[Series]:
    if data["resultType"] == "scalar":
        return [Series({}, [_point(data["result"])])]
    return [
        Series(
            found["metric"], [_point(pair) for pair in found.get("values", [found.get("value")])]
        )
        for found in data["result"]
    ]


def _point(pair: Any) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
