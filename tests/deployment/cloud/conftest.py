"""The real terraform on a real control plane: `make lab-cloud test-cloud`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.lab.openstack import seed
from infra.lab.openstack.listing import list_names
from infra.lab.provider import build_provider
from infra.lab.state import Lab
from tests.deployment.cloud.operator import KEY, Operator

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The cloud that `make lab-cloud` has brought up."""
    folder = os.environ.get("LAB_CLOUD")
    if not folder:
        pytest.skip("needs a cloud: make lab-cloud test-cloud")
    return Lab.open(Path(folder))


@pytest.fixture(scope="session")
def operator(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Somebody with a copy of the code of their own, at whose terminal the lab is the cloud."""
    folder = tmp_path_factory.mktemp("operator")
    left_out = shutil.ignore_patterns(".state", ".terraform*", "__pycache__")
    shutil.copytree(ROOT / "infra", folder / "infra", ignore=left_out)
    own = f'admin_cidrs = ["198.51.100.0/24"]\nadmin_keys = ["{KEY}"]\n'
    for environment in (folder / "infra/environments").iterdir():
        (environment / "own.tfvars").write_text(own)
    return Operator(folder, lab, build_provider())


@pytest.fixture
def quotas(lab: Lab) -> Iterator[Any]:
    """Changes the project's quotas; they are as before at the end."""
    yield lambda **limits: seed.set_quotas(
        lab, {key.replace("_", "-"): limits[key] for key in limits}
    )
    seed.set_quotas(lab, seed.QUOTAS)


@pytest.fixture(scope="session")
def standing(operator: Operator) -> Iterator[Operator]:
    """The environment `lab`, applied; tests leave it as it was, and at the end nothing stays."""
    before = list_names(operator.lab)
    operator.must("apply", "lab", "--yes")
    yield operator
    operator.must("destroy", "lab", "--yes")
    operator.must("erase", "lab", said="lab\n")
    assert list_names(operator.lab) == before


@pytest.fixture
def untouched(standing: Operator) -> Iterator[Operator]:
    """The standing environment, whose files are what they were at the end, and applied."""
    environment = standing.folder / "infra/environments/lab"
    saved = {file: file.read_text() for file in environment.iterdir()}
    yield standing
    for file, text in saved.items():
        file.write_text(text)
    standing.must("apply", "lab", "--yes")
