"""The servers that a benchmark compares: started on one core, measured with all their processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from loadtest import wire

SERVER_CORE, GENERATOR_CORE = 0, 1


class Target(NamedTuple):
    """A server under test."""

    port: int
    process: psutil.Process
    database: str = ""


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of a process, its descendants, and those of them that have ended."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += sum(one.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(command: list[str], port: int, path: str, environ: dict[str, str]) -> Target:
    """Start a server on the server's core and wait until it answers."""
    process = subprocess.Popen(
        ["taskset", "-c", str(SERVER_CORE), *command],
        env=os.environ | environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} ended with code {process.returncode}.")
        try:
            if asyncio.run(_status(port, path)) == 200:
                return Target(port, psutil.Process(process.pid))
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{' '.join(command)} does not answer.")


async def _status(port: int, path: str) -> int:
    line = await wire.connect("127.0.0.1", port)
    try:
        return (await asyncio.wait_for(line.send(wire.request("GET", path)), 5))[0]
    finally:
        line.close()


def start_service(data: Path, **settings: str) -> Target:
    """The service with its own PostgreSQL, one gunicorn worker."""
    port = free_port()
    target = start(
        [sys.executable, "-m", "app.local", "--port", str(port), "--data-dir", str(data)],
        port,
        "/health/ready",
        {"BILETTER_WORKERS": "1", "DATABASE_URL": "", **settings},
    )
    return target._replace(database=(data / "database_url").read_text().strip())


FORGETFUL = {
    "BILETTER_CATALOGUE_FRESHNESS": "0.000001",
    "BILETTER_ARCHIVE_FRESHNESS": "0.000001",
}
"""Settings of a service whose caches forget at once."""


def start_bare(application: str, worker_class: str, database: str, body: Path) -> Target:
    """A bare application on one gunicorn worker of the given class, which answers these bytes."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", worker_class]
    command += ["--bind", f"127.0.0.1:{port}", "--keep-alive", "30", "--log-level", "error"]
    command += ["--no-control-socket", f"loadtest.bare:{application}"]
    return start(command, port, "/", {"DATABASE_URL": database, "BARE_BODY": str(body)})


def start_edge(service: Target, data: Path) -> Target:
    """HAProxy with a cache, as the edge has it, in front of the service."""
    port = free_port()
    template = (Path(__file__).parent / "haproxy.cfg").read_text(encoding="utf-8")
    configuration = data / "haproxy.cfg"
    configuration.write_text(template.format(port=port, service=service.port))
    return start(["haproxy", "-db", "-f", str(configuration)], port, "/health/live", {})


def stop(target: Target) -> None:
    target.process.send_signal(signal.SIGTERM)
    target.process.wait(60)
