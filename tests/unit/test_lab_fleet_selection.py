"""The part of Debian's archive that the lab's hosts see."""

from __future__ import annotations

import hashlib
import lzma
from http import HTTPStatus
from pathlib import Path

import pytest

from infra.lab.fleet.mirror import Archive
from infra.lab.fleet.selection import Selection, select, words_of

PACKAGES = """\
Package: server
Version: 2:1.0-1
Depends: libserver1:any (>= 1.0~), perl | awk,
 not-a-field
Pre-Depends: init-tools (= 1)

Package: libserver1
Depends: server

Package: perl
Recommends: perl-doc

Package: perl-doc

Package: mawk
Provides: awk (= 1.3), posix-awk

Package: init-tools

Package: game
Depends: server
"""
INDEX = "main/binary-amd64/Packages"


def _names(index: str) -> list[str]:
    return [line.split()[1] for line in index.splitlines() if line.startswith("Package:")]


def _content(found: Path | HTTPStatus) -> bytes:
    assert isinstance(found, Path)
    return found.read_bytes()


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    folder = tmp_path / "upstream"
    index = folder / f"dists/trixie/{INDEX}.xz"
    index.parent.mkdir(parents=True)
    index.write_bytes(lzma.compress(PACKAGES.encode()))
    (folder / "pool").mkdir()
    (folder / "pool/server.deb").write_text("a package")
    return folder


def _selection(tmp_path: Path, upstream: Path, *wanted: str) -> Selection:
    archive = Archive(tmp_path / "cache", {"debian": upstream.as_uri()})
    return Selection(archive, "debian", tmp_path / "cache/selection", "amd64", wanted)


def test_a_package_brings_what_it_stands_on_and_nothing_else() -> None:
    index = select(PACKAGES, {"server", "no-package"})

    assert _names(index) == ["server", "libserver1", "perl", "mawk", "init-tools"]


def test_a_paragraph_stays_as_it_is() -> None:
    assert select(PACKAGES, {"perl-doc"}) == "Package: perl-doc\n\n"
    assert "Pre-Depends: init-tools (= 1)\n\n" in select(PACKAGES, {"server"})


def test_nothing_is_selected_for_nobody() -> None:
    assert select(PACKAGES, {"no-package"}) == ""


def test_every_word_of_a_playbook_may_be_a_package(tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/main.yml").write_text("name: [postgresql-17, 'g++', libc6]\n")
    (tmp_path / "roles/readme.md").write_text("game")

    words = words_of(tmp_path)

    assert {"postgresql-17", "g++", "libc6"} <= words
    assert "game" not in words


def test_the_selection_is_an_archive_for_apt(tmp_path: Path, upstream: Path) -> None:
    selection = _selection(tmp_path, upstream, "init-tools")

    index = _content(selection.find(f"dists/trixie/{INDEX}"))
    release = _content(selection.find("dists/trixie/Release")).decode()

    assert _names(index.decode()) == ["init-tools"]
    assert f" {hashlib.sha256(index).hexdigest()} {len(index)} {INDEX}\n" in release
    assert "Architectures: amd64\n" in release
    assert _content(selection.find("pool/server.deb")) == b"a package"


def test_who_wants_something_else_gets_another_list(tmp_path: Path, upstream: Path) -> None:
    first = _content(_selection(tmp_path, upstream, "perl").find(f"dists/trixie/{INDEX}"))
    second = _content(_selection(tmp_path, upstream, "game").find(f"dists/trixie/{INDEX}"))

    assert "game" in _names(second.decode())
    assert _names(first.decode()) == ["perl"]


@pytest.mark.parametrize(
    "path",
    [
        "dists/trixie/InRelease",
        f"dists/../{INDEX}",
        "dists/trixie/main/binary-arm64/Packages",
        "../secret",
        "",
    ],
)
def test_nothing_else_is_there(tmp_path: Path, upstream: Path, path: str) -> None:
    assert _selection(tmp_path, upstream, "perl").find(path) is HTTPStatus.NOT_FOUND
