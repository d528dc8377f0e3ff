"""Debian's packages, unpacked into a folder beside the machine, which stays as it is.

Unpacked packages do not bring the libraries they depend on: those that the machine lacks are
unpacked too, and `root_environ` makes programs find them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from infra.lab.errors import LabError

_ERLANG = (
    "base asn1 crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools"
    " snmp ssl syntax-tools tftp tools xmerl"
)
PACKAGES = (
    "mariadb-client-core",  # Holds a program that the installation of the tables runs.
    "mariadb-server-core",
    "rabbitmq-server",
    *(f"erlang-{name}" for name in _ERLANG.split()),
    "openvswitch-common",
    "ovn-common",
    "ovn-central",
)
_PROGRAMS = ("mariadbd", "ovsdb-server", "ovn-northd", "ovn-trace", "erlexec", "beam.smp")
_LIBRARY = re.compile(r"^Inst (lib\S+)", re.MULTILINE)


def require_debian() -> None:
    """Raise LabError when this machine cannot run the lab."""
    if os.geteuid() != 0:
        raise LabError(
            "The lab needs root: its servers come from Debian's packages. Use sudo, or a container."
        )
    missing = [name for name in ("apt-get", "dpkg") if not shutil.which(name)]
    if missing:
        raise LabError(
            f"The lab needs Debian (12 or 13): this machine has no {' and no '.join(missing)}."
            " A container of Debian will do."
        )


def unpack_packages(root: Path) -> None:
    """Download the packages and the libraries that the machine lacks, and unpack them."""
    downloads = root.with_name("packages")
    for folder in (downloads, root):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    names = [*PACKAGES, *_missing_libraries()]
    _run(["apt-get", "download", "--quiet", "-o", "APT::Sandbox::User=root", *names], downloads)
    for archive in sorted(downloads.iterdir()):
        _run(["dpkg-deb", "--extract", str(archive), str(root)], downloads)
    shutil.rmtree(downloads)
    _move_erlang(root)
    _require_libraries(root)


def root_environ(root: Path) -> dict[str, str]:
    """The environment in which an unpacked program finds the others and its libraries."""
    libraries = ":".join(
        str(path) for path in (*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu"))
    )
    folders = f"{root}/usr/lib/erlang/bin:{root}/usr/bin:{root}/usr/sbin"
    return {"LD_LIBRARY_PATH": libraries, "PATH": f"{folders}:{os.environ['PATH']}"}


def _missing_libraries() -> list[str]:
    """The libraries that an installation of the packages would bring."""
    simulate = ["apt-get", "install", "--simulate", "--no-install-recommends", *PACKAGES]
    try:
        plan = _run(simulate)
    except LabError:
        _run(["apt-get", "update", "--quiet"])  # A fresh container knows no package yet.
        plan = _run(simulate)
    return [name for name in _LIBRARY.findall(plan) if not name.endswith("-perl")]


def _move_erlang(root: Path) -> None:
    """Erlang's start scripts name the folder that the package would be installed in."""
    erlang = root / "usr/lib/erlang"
    for script in (
        *erlang.glob("bin/erl"),
        *erlang.glob("bin/start"),
        *erlang.glob("erts-*/bin/erl"),
        *erlang.glob("erts-*/bin/start"),
    ):
        if not script.is_symlink():
            script.write_text(script.read_text().replace("=/usr/lib/erlang", f"={erlang}"))


def _require_libraries(root: Path) -> None:
    environ = os.environ | root_environ(root)
    for name in _PROGRAMS:
        for program in (
            *root.glob(f"usr/*bin/{name}"),
            *root.glob(f"usr/lib/erlang/erts-*/bin/{name}"),
        ):
            listing = _run(["ldd", str(program)], environ=environ)
            lacking = [line.split()[0] for line in listing.splitlines() if "not found" in line]
            if lacking:
                raise LabError(
                    f"{name} lacks {', '.join(lacking)}: install the packages that hold them."
                )


def _run(
    command: list[str], folder: Path | None = None, environ: dict[str, str] | None = None
) -> str:
    environ = (environ or dict(os.environ)) | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"{' '.join(command[:3])} … failed:\n{done.stderr.strip()[-1500:]}")
    return done.stdout
