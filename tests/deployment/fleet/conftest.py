"""The playbooks on the lab's hosts, and buyers in front: `make lab-fleet test-fleet`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.lab.fleet.state import Fleet
from tests.deployment.fleet.operator import Operator

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """The hosts that `make lab-fleet` has brought up and converged."""
    folder = os.environ.get("LAB_FLEET")
    if not folder:
        pytest.skip("needs hosts: make lab-fleet test-fleet")
    return Fleet.open(Path(folder))


@pytest.fixture(scope="session")
def operator(fleet: Fleet) -> Operator:
    """Somebody who runs playbooks on these hosts."""
    return Operator(fleet, ROOT)
