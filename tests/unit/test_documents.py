"""The documents say what is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.kernel import config

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = (
    *("README.md", "ARCHITECTURE.md", "loadtest/README.md"),
    *("infra/README.md", "infra/lab/README.md", "ansible/README.md"),
)
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_the_one_that_the_code_has() -> None:
    assert config.table() in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_every_folder_is_in_the_map() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
    folders |= {path.name for path in (ROOT / "app").iterdir() if (path / "__init__.py").exists()}
    folders -= {"__pycache__", "app"}
    table = ARCHITECTURE.split("## Folders")[1].split("##")[0]
    missing = {name for name in folders if not re.search(rf"\b{name}\b", table)}
    assert missing == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"`((?:app|tests|docs|loadtest|infra)/(?!\.state)[\w./-]+\w)`", text)
    links = [path.parent / link for link in re.findall(r"\]\(([\w./-]+)\)", text)]
    missing = [str(p) for p in [*(ROOT / name for name in named), *links] if not p.exists()]
    assert missing == []


def test_the_targets_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS)
    assert set(re.findall(r"(?:`|^ *)make ([a-z-]+)", text, re.MULTILINE)) <= targets
