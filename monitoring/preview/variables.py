"""What Grafana does with variables before it asks Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from monitoring.preview.client import Prometheus

SCRAPE_SECONDS = 15
"""What the data source says about Prometheus' interval; a rate needs four of them."""


def chosen(prometheus: Prometheus, document: Mapping[str, Any], at: float) -> dict[str, str]:
    """The values with which a dashboard opens; without data a variable is empty."""
    values: dict[str, str] = {}
    for variable in document["templating"]["list"]:
        if variable["type"] != "query":
            continue
        if variable.get("includeAll"):
            values[variable["name"]] = variable["allValue"]
            continue
        found = _found(prometheus, interpolated(variable["query"]["query"], values), at)
        options = _matching(found, variable.get("regex") or "")
        first = variable.get("current", {}).get("value")
        values[variable["name"]] = first if first in options else (options or [""])[0]
    return values


def built_in(span: float, step: float) -> dict[str, str]:
    """Grafana's own variables for so many seconds shown, one point every `step` seconds."""
    return {
        "__rate_interval": f"{max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS):.0f}s",
        "__interval": f"{step:.0f}s",
        "__range": f"{span:.0f}s",
    }


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """The text with `$name` and `${name}` replaced; what is not known stays."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], found[0]), text)


def _found(prometheus: Prometheus, query: str, at: float) -> list[str]:
    if labels := re.fullmatch(r"label_values\((?:(.*),\s*)?(\w+)\)", query):
        return prometheus.label_values(labels[1] or "", labels[2])
    result = re.fullmatch(r"query_result\((.*)\)", query)
    if result is None:
        raise ValueError(f"not a query of a variable: {query}")
    return [
        "{" + ",".join(f'{name}="{value}"' for name, value in sorted(series.labels.items())) + "}"
        for series in prometheus.query(result[1], at)
    ]


def _matching(found: list[str], regex: str) -> list[str]:
    if not regex:
        return found
    pattern = re.compile(re.sub(r"\(\?<(\w)", r"(?P<\1", regex.strip("/")))
    matches = [match for text in found if (match := pattern.search(text))]
    return [match.groupdict().get("value") or match[0] for match in matches]
