"""What every dashboard marks in time, as it explains so much of what is seen there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    name: str
    expr: str
    text: str
    colour: str
    empty: str


ALL = (
    Mark(
        "Deploy",
        # A version that was not there a minute ago, unless nothing at all was measured then.
        "count by (version) (biletter_build_info) "
        "unless count by (version) (biletter_build_info offset 1m) "
        "and on () (count(biletter_build_info offset 1m) > 0)",
        "{{version}} runs",
        "blue",
        "No deploy in this time.",
    ),
    Mark(
        "Failover",
        "(patroni_postgres_timeline > patroni_postgres_timeline offset 1m) "
        "and on (instance) patroni_primary == 1",
        "{{instance}} became the primary",
        "red",
        "The primary stayed.",
    ),
    Mark(
        "Load test",
        "sum by (scenario, run) (biletter_load_users) > 0",
        "{{scenario}}, run {{run}}",
        "purple",
        "No load test in this time.",
    ),
)
