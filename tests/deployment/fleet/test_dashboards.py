"""What a load run through the shared address leaves on the dashboards."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.lab.ports import choose_ports, takes_connections
from tests.deployment.fleet.buyers import paying
from tests.deployment.fleet.operator import MONITOR, Operator, until


@contextmanager
def way_to_prometheus(operator: Operator) -> Iterator[str]:
    """Its URL here, as an operator opens it."""
    port = choose_ports(["prometheus"])["prometheus"]
    forward = ("-N", "-L", f"127.0.0.1:{port}:127.0.0.1:9090")
    tunnel = subprocess.Popen(["ssh", "-F", operator.fleet.ssh_config, *forward, MONITOR])
    try:
        until(lambda: takes_connections(port), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        tunnel.terminate()
        tunnel.wait()


@pytest.mark.long
def test_a_load_run_fills_every_dashboard(operator: Operator, tmp_path: Path) -> None:
    playing = ("--duration", "60s", "--rate", "20", "--metrics-bind", operator.fleet.load_generator)
    operator.load("mixed", tmp_path, *playing)
    with paying(operator.fleet):  # Nobody pays in a load run, which begins with a reset.
        time.sleep(45)
    with way_to_prometheus(operator) as url:
        ask = [sys.executable, "-m", "monitoring", "verify", "--prometheus", url]
        asked = subprocess.run(ask, cwd=operator.root, capture_output=True, text=True, check=False)
        assert asked.returncode == 0, asked.stdout + asked.stderr
        assert " asked, " in asked.stdout
