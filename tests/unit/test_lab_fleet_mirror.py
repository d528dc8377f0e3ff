"""The mirror of a fleet: which archives it stands for, and what it asks them."""

from __future__ import annotations

import os
import time
from http import HTTPStatus
from pathlib import Path

import pytest

from infra.lab.errors import LabError
from infra.lab.fleet import mirror
from infra.lab.fleet.mirror import Archive
from infra.lab.fleet.sources import Mirrors, find_mirrors

STANZAS = """\
Types: deb
# https://other.example/debian
URIs: https://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main

Enabled: no
Types: deb
URIs: https://disabled.example/debian
Suites: bookworm-security
Components: main

Types: deb
URIs: https://security.example/debian-security
Suites: bookworm-security
Components: main
"""
LINES = """\
# deb http://commented.example/debian trixie main
deb [arch=amd64] http://vendor.example/apt tool main
deb http://mirror.example/debian trixie main
"""


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    folder = tmp_path / "upstream"
    for path in ("dists/trixie/InRelease", "pool/main/t/tree.deb"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text("first")
    return folder


@pytest.fixture
def archive(tmp_path: Path, upstream: Path) -> Archive:
    return Archive(tmp_path / "cache", {"debian": upstream.as_uri()})


def _content(found: Path | HTTPStatus) -> str:
    assert isinstance(found, Path)
    return found.read_text()


def test_this_machines_mirrors_are_read_from_stanzas(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(STANZAS)

    expected = Mirrors("https://mirror.example/debian", "https://security.example/debian-security")
    assert find_mirrors(tmp_path) == expected


def test_this_machines_mirrors_are_read_from_lines(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(LINES)

    expected = Mirrors("http://mirror.example/debian", "http://mirror.example/debian-security")
    assert find_mirrors(tmp_path) == expected


def test_a_machine_without_a_mirror_of_debian_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="names no mirror of Debian"):
        find_mirrors(tmp_path)


def test_a_package_is_asked_for_once(archive: Archive, upstream: Path) -> None:
    archive.find("/debian/pool/main/t/tree.deb")
    (upstream / "pool/main/t/tree.deb").unlink()

    assert _content(archive.find("/debian/pool/main/t/tree.deb")) == "first"


def test_a_list_is_asked_for_again_once_it_is_old(
    archive: Archive, upstream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.find("/debian/dists/trixie/InRelease")
    (upstream / "dists/trixie/InRelease").write_text("second")
    assert _content(archive.find("/debian/dists/trixie/InRelease")) == "first"

    later = time.time() + 2 * 3600
    monkeypatch.setattr(mirror.time, "time", lambda: later)

    assert _content(archive.find("/debian/dists/trixie/InRelease")) == "second"


def test_an_old_list_serves_while_the_mirror_cannot_be_reached(
    archive: Archive, upstream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.find("/debian/dists/trixie/InRelease")
    (upstream / "dists/trixie/InRelease").unlink()
    later = time.time() + 2 * 3600
    monkeypatch.setattr(mirror.time, "time", lambda: later)

    assert _content(archive.find("/debian/dists/trixie/InRelease")) == "first"


def test_nothing_outside_of_the_archives_is_given_out(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")

    for path in ("/debian/../../secret", "/other/dists", "/debian/", "/"):
        assert archive.find(path) is HTTPStatus.NOT_FOUND


def test_what_is_not_there_leaves_nothing_behind(archive: Archive, tmp_path: Path) -> None:
    assert archive.find("/debian/pool/none.deb") is HTTPStatus.BAD_GATEWAY

    assert [files for _, _, files in os.walk(tmp_path / "cache") if files] == []
