"""The words in which rules are written, and the form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

RUNBOOKS = "monitoring/runbooks"


@dataclass(frozen=True)
class Record:
    """A series that is computed at each evaluation."""

    name: str
    expr: str
    labels: dict[str, str] = field(default_factory=dict)

    def rule(self, _runbooks: str) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {"record": self.name, "expr": self.expr} | (
            {"labels": self.labels} if self.labels else {}
        )


@dataclass(frozen=True)
class Alert:
    """Something that a person has to do.

    `page` is for now, at any hour; `ticket` for the next day. `summary` is Prometheus' template and
    names the value with its unit. An alert about one host keeps the label `instance`, so that
    HostDown silences it.
    """

    name: str
    expr: str
    seconds: int
    """For how long it has to be true."""
    severity: Literal["page", "ticket", "none"]
    component: str
    summary: str
    labels: dict[str, str] = field(default_factory=dict)

    def fixed_labels(self) -> dict[str, str]:
        """The labels that do not come from the series."""
        return {"severity": self.severity, "component": self.component} | self.labels

    def runbook_url(self, runbooks: str = RUNBOOKS) -> str:
        """Where its page is; `runbooks` is a folder or an address."""
        return f"{runbooks.rstrip('/')}/{self.name}.md"

    def rule(self, runbooks: str) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": f"{self.seconds}s",
            "labels": self.fixed_labels(),
            "annotations": {"summary": self.summary, "runbook_url": self.runbook_url(runbooks)},
        }


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after the other; a file of its own."""

    name: str
    rules: tuple[Record | Alert, ...]
    interval_seconds: int = 15

    def document(self, runbooks: str = RUNBOOKS) -> dict[str, Any]:
        """The rule file."""
        return {
            "groups": [
                {
                    "name": self.name,
                    "interval": f"{self.interval_seconds}s",
                    "rules": [rule.rule(runbooks) for rule in self.rules],
                }
            ]
        }


def alerts(groups: Iterable[Group]) -> list[Alert]:
    """All alerts of some groups."""
    return [rule for group in groups for rule in group.rules if isinstance(rule, Alert)]
