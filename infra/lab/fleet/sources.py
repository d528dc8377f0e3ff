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
_INDEX = re.compile(r"^'(https?://\S+)/dists/(\S+)/InRelease'", re.MULTILINE)
_SUITES = re.compile(r"^(bookworm|trixie|stable|testing|unstable|sid|forky)$")


@dataclass(frozen=True)
class Mirrors:
    """The addresses of Debian's main and security archives."""

    main: str
    security: str


def find_mirrors(folder: Path = _FOLDER) -> Mirrors:
    """The mirrors in this machine's apt sources. Raises LabError when they name none."""
    files = (
        f"Dir::Etc::sourcelist={folder}/sources.list",
        f"Dir::Etc::sourceparts={folder}/sources.list.d",
    )
    options = [word for file in files for word in ("--option", file)]
    # It asks nobody: it says whom it would ask.
    entries = _INDEX.findall(run("apt-get", *options, "--print-uris", "update"))
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
