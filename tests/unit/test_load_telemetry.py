"""What a load run shows Prometheus is what the table of metrics says."""

from __future__ import annotations

from loadtest.live import LIVE
from loadtest.telemetry import Metrics
from monitoring.table import BESIDE


def test_a_run_shows_the_metrics_of_the_table() -> None:
    shown = {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.type
        for metric in Metrics(LIVE, "mixed", "a-run").collect()
    }
    told = {one.name: one.kind for one in BESIDE if one.name.startswith("biletter_load_")}
    assert shown == told
