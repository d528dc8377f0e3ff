"""A part of Debian's archive: what somebody asks for by name, and all that it stands on.

apt and Ansible's module for it read the whole list at every run: seconds of processor time for each
task on each host when it has 69,000 packages, a fraction of one when it has a thousand.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

_WORD = re.compile(r"[a-z0-9][a-z0-9.+-]+")
_FIELD = re.compile(r"^(Package|Depends|Pre-Depends|Provides): (.+)$", re.MULTILINE)
# One relation of a field, such as `libc6:any (>= 2.38)`: alternatives count like the first.
_RELATION = re.compile(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)")


class Archive(Protocol):
    """What the packages come from."""

    def find(self, path: str) -> Path | HTTPStatus:
        """The file for a path, or why there is none."""


class Selection:
    """The selected part of an archive's `main`, as an archive of its own that nobody has signed."""

    def __init__(
        self, whole: Archive, name: str, folder: Path, architecture: str, wanted: Collection[str]
    ) -> None:
        self._whole = whole
        self._name = name
        self._architecture = architecture
        self._index = f"main/binary-{architecture}/Packages"
        self._wanted = wanted
        self._folder = folder
        self._lock = threading.Lock()

    def find(self, path: str) -> Path | HTTPStatus:
        """The file for a path of this archive, made if need be, or why there is none."""
        kind, _, rest = path.partition("/")
        if kind == "pool":
            return self._whole.find(f"/{self._name}/{path}")
        suite, _, file = rest.partition("/")
        if kind != "dists" or file not in ("Release", self._index):
            return HTTPStatus.NOT_FOUND
        found = self._whole.find(f"/{self._name}/dists/{suite}/{self._index}.xz")
        if isinstance(found, HTTPStatus):
            return found
        packages = found.read_bytes()
        made = self._folder / _key(packages, *sorted(self._wanted)) / suite
        with self._lock:
            if not (made / file).exists():
                self._make(suite, packages, made)
        return made / file

    def _make(self, suite: str, packages: bytes, folder: Path) -> None:
        index = select(lzma.decompress(packages).decode(), self._wanted)
        release = describe(suite, self._architecture, self._index, index.encode())
        for name, content in {self._index: index, "Release": release}.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_name(f".{file.name}.{os.getpid()}")
            unfinished.write_text(content)
            unfinished.rename(file)


def words_of(folder: Path) -> frozenset[str]:
    """All words of a folder's YAML files: whatever packages they name is among them."""
    files = folder.rglob("*.yml")
    return frozenset(word for file in files for word in _WORD.findall(file.read_text()))


def select(packages: str, wanted: Collection[str]) -> str:
    """The paragraphs of a `Packages` index that `wanted` leads to, in their order."""
    known = [_Package.read(text) for text in packages.strip("\n").split("\n\n")]
    by_name: defaultdict[str, list[_Package]] = defaultdict(list)
    for package in known:
        for name in {package.name, *package.provides}:
            by_name[name].append(package)
    chosen: set[str] = set()
    names = [name for name in wanted if name in by_name]
    while names:
        for package in by_name[names.pop()]:
            if package.name not in chosen:
                chosen.add(package.name)
                names += [name for name in package.needs if name in by_name]
    return "".join(f"{package.text}\n\n" for package in known if package.name in chosen)


def describe(suite: str, architecture: str, index: str, content: bytes) -> str:
    """The `Release` of an archive of one index, whose path begins at the suite's folder."""
    return (
        f"Suite: {suite}\nCodename: {suite}\nComponents: main\nArchitectures: {architecture}\n"
        f"Date: {formatdate(usegmt=True)}\n"
        f"SHA256:\n {hashlib.sha256(content).hexdigest()} {len(content)} {index}\n"
    )


@dataclass(frozen=True)
class _Package:
    name: str
    needs: tuple[str, ...]
    provides: tuple[str, ...]
    text: str

    @classmethod
    def read(cls, text: str) -> _Package:
        fields = dict(_FIELD.findall(text))
        needs = (*_names(fields.get("Depends", "")), *_names(fields.get("Pre-Depends", "")))
        return cls(fields["Package"], needs, tuple(_names(fields.get("Provides", ""))), text)


def _key(packages: bytes, *wanted: str) -> str:
    words = "\0".join(wanted).encode()
    return hashlib.sha256(packages + words).hexdigest()[:16]


def _names(relations: str) -> Iterator[str]:
    return (match[1] for match in _RELATION.finditer(relations))
