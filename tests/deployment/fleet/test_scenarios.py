"""The judged scenarios, through the address that buyers use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deployment.fleet.operator import Operator


@pytest.mark.parametrize("scenario", ["authorization", "booking"])
def test_a_judged_scenario_passes_through_the_edge(
    operator: Operator, tmp_path: Path, scenario: str
) -> None:
    lasting = ["--duration", "20s"] if scenario == "booking" else []
    operator.load(scenario, tmp_path, *lasting)
