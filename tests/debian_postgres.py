"""`make test-debian`: the tests that depend on PostgreSQL's version, on the one of Debian 13.

That is the server the deployment installs. It comes into a folder by debootstrap, once, and runs
there in a chroot; so this needs root, and a Debian underneath.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

ROOT = Path("/var/cache/biletter/debian-13")
BINARIES = "/usr/lib/postgresql/17/bin"
TESTS = ("tests/contract", "tests/races", "tests/plans")
# Beginnings of their names.
TESTS_OF_STATEMENTS = (
    "search",
    "catalogue",
    "flows",
    "listing",
    "hold_many",
    "create_many",
    "migrations",
    "payment",
    "refund",
    "ledger",
    "places",
    "relay",
    "reconciliation",
)


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments, or the tests named above, and return its exit code."""
    if os.geteuid() != 0:
        print("make test-debian needs root: debootstrap and chroot do.", file=sys.stderr)
        return 2
    if not (ROOT / BINARIES.lstrip("/")).exists():
        install()
    data = Path(tempfile.mkdtemp(prefix="postgres-", dir=ROOT / "tmp"))
    shutil.chown(data, *owner())
    inside = f"/{data.relative_to(ROOT)}"
    run("initdb", "-D", inside, "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8")
    port = free_port()
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": inside,
        "dynamic_shared_memory_type": "mmap",  # There is no /dev/shm in there.
        "max_wal_size": "2GB",
    }
    flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
    with (data / "log").open("wb") as log:
        server = subprocess.Popen(inside_chroot("postgres", "-D", inside, *flags), stderr=log)
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        print("PostgreSQL", wait_for(url, server), flush=True)
        chosen = arguments or [
            *TESTS,
            *(
                str(file)
                for name in TESTS_OF_STATEMENTS
                for file in sorted(Path("tests/integration").glob(f"test_{name}*.py"))
            ),
        ]
        environment = os.environ | {"TEST_DATABASE_URL": url}
        return subprocess.run(
            [sys.executable, "-m", "pytest", *chosen], check=False, env=environment
        ).returncode
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
        shutil.rmtree(data, ignore_errors=True)


def install() -> None:
    """Put Debian 13 with its PostgreSQL into the folder, from the mirror this machine uses."""
    print(f"Installing Debian 13 with PostgreSQL 17 into {ROOT} ...", flush=True)
    part = ROOT.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    command = ["debootstrap", "--variant=minbase", "--include=postgresql-17", "trixie", str(part)]
    done = subprocess.run([*command, *mirror()], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"debootstrap failed: {done.stdout.strip()[-500:]}")
    part.rename(ROOT)


def mirror() -> list[str]:
    """The mirror that apt is configured with; debootstrap's own default where none is found."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(SITE)|$(REPO_URI)"],
        check=False,
        capture_output=True,
        text=True,
    )
    for line in listed.stdout.splitlines():
        origin, _, address = line.split("|", 2)
        if origin == "Debian" and "security" not in address:
            return [address]
    return []


def owner() -> tuple[int, int]:
    """User and group of postgres in there."""
    for line in (ROOT / "etc/passwd").read_text().splitlines():
        name, _, user, group, *_ = line.split(":")
        if name == "postgres":
            return int(user), int(group)
    raise SystemExit(f"{ROOT} has no user postgres; remove it and run this again.")


def inside_chroot(program: str, *arguments: str) -> list[str]:
    user, group = owner()
    return ["chroot", f"--userspec={user}:{group}", str(ROOT), f"{BINARIES}/{program}", *arguments]


def run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        inside_chroot(program, *arguments), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{program} failed: {done.stderr.strip()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                return str(connection.info.parameter_status("server_version"))
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise SystemExit("Debian's PostgreSQL does not start.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
