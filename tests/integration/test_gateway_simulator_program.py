"""The gateway's simulator as a program: it outlives a kill, ends cleanly and names its troubles."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from tests.integration.gateway import ROOT, free_port
from tests.integration.merchant import CHECK, INIT, PASSWORD, SLUG, check_body, init_body


@contextmanager
def program(port: int, data: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the real program; it is ready when it says where it is."""
    command = [sys.executable, "-m", "app.simulators.gateway", f"--port={port}", f"--data={data}"]
    command += [f"--team-slug={SLUG}", f"--password={PASSWORD}", "--delay=0"]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_a_killed_gateway_forgets_nothing_and_ends_cleanly_when_asked(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "deep" / "gateway.sqlite"
    base = f"http://127.0.0.1:{port}"
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        with program(port, data) as process:
            knobs = {"init": {"drop": {"times": 1}}}
            assert http.request("POST", f"{base}/simulator/knobs", json=knobs).status == 200
            with pytest.raises(urllib3.exceptions.ProtocolError):
                http.request("POST", base + INIT, json=init_body())
            process.send_signal(signal.SIGKILL)
            assert process.wait(timeout=10) == -signal.SIGKILL
            assert process.stderr is not None
            assert process.stderr.read() == ""
        http.clear()
        with program(port, data) as process:
            found = http.request("POST", base + CHECK, json=check_body(orderId="order-1")).json()
            payment_id = found["payments"][0]["paymentId"]
            again = http.request("POST", base + INIT, json=init_body())
            assert again.status == 409
            paid = http.request("POST", f"{base}/simulator/payments/{payment_id}/authorize")
            assert paid.json()["status"] == "AUTHORIZED"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""


def test_a_taken_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with program(port, tmp_path / "gateway.sqlite") as process:
            assert process.wait(timeout=10) == 1
            assert process.stderr is not None
            message = process.stderr.read()
    assert message == (
        f"The payment gateway cannot start: port {port} is taken by another program.\n"
    )
