"""Where this machine gets Debian's packages from: what is good for it is good for its guests."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.fleet.tools import run

_FOLDER = Path("/etc/apt")
_LINE = re.compile(r"^deb\s+(?:\[[^]]*\]\s+)?(https?://\S+)\s+(\S+)", re.MULTILINE)
_SUITES = re.compile(r"^(bookworm|trixie|stable|testing|unstable|sid|forky)$")


@dataclass(frozen=True)
class Mirrors:
    """The addresses of Debian's main and security archives."""

    main: str
    security: str


def find_mirrors(folder: Path = _FOLDER) -> Mirrors:
    """The mirrors in this machine's apt sources. Raises LabError when they name none."""
    entries = [entry for file in _files(folder) for entry in _entries(file)]
    main = [url for url, suite in entries if _SUITES.match(suite)]
    security = [url for url, suite in entries if suite.endswith(("-security", "/updates"))]
    if not main:
        raise LabError(f"{folder} names no mirror of Debian that could be used for the hosts too.")
    first = main[0].rstrip("/")
    return Mirrors(first, security[0].rstrip("/") if security else f"{first}-security")


def proxy_environ() -> dict[str, str]:
    """This machine's environment, with apt's proxies as the ones that programs go through."""
    environ = dict(os.environ)
    settings = run(
        "apt-config", "shell", "HTTP", "Acquire::http::Proxy", "HTTPS", "Acquire::https::Proxy"
    )
    for line in settings.splitlines():
        name, _, value = line.partition("=")
        (proxy,) = shlex.split(value) or [""]
        if proxy and proxy != "DIRECT":
            environ[f"{name.lower()}_proxy"] = proxy
    return environ


def _files(folder: Path) -> list[Path]:
    parts = folder / "sources.list.d"
    files = [
        folder / "sources.list",
        *sorted(parts.glob("*.list")),
        *sorted(parts.glob("*.sources")),
    ]
    return [file for file in files if file.exists()]


def _entries(file: Path) -> list[tuple[str, str]]:
    """Address and suite of every entry, in either of apt's two formats."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".sources":
        return _LINE.findall(text)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    entries = []
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
        if fields.get("Enabled", "yes") != "no":
            entries += [
                (url, suite)
                for url in fields.get("URIs", "").split()
                for suite in fields.get("Suites", "").split()
                if url.startswith("http")
            ]
    return entries
