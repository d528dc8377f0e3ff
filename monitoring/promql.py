"""What an expression of PromQL reads."""

from __future__ import annotations

import re

_LABELS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_SELECTOR = re.compile(
    r"""(?P<name>[A-Za-z_:][\w:]*)\s*(?P<call>\()?(?P<matchers>\{(?:"[^"]*"|[^"{}])*\})?"""
    r"""|"[^"]*"|\d[\w.]*|\[[^\]]*\]"""
)
_WORDS = {"and", "or", "unless", "bool", "offset", "group_left", "group_right", "inf", "nan"}


def selectors(expr: str) -> list[str]:
    """The series that it reads, like `up{job="node"}`: each once, as they come."""
    found: dict[str, None] = {}
    for match in _SELECTOR.finditer(_LABELS.sub(" ", expr)):
        name = match["name"]
        if name and not match["call"] and name.lower() not in _WORDS:
            found[name + (match["matchers"] or "")] = None
    return list(found)


def metrics(expr: str) -> set[str]:
    """The names of the metrics that it reads."""
    return {selector.partition("{")[0] for selector in selectors(expr)}
