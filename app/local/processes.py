"""The processes that a command on this machine starts, and ends again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

from app.local.postgres import end_with_parent

Process = subprocess.Popen[bytes]

_READY_SECONDS = 60.0
_STOP_SECONDS = 40.0


class CannotStart(Exception):
    """One sentence for the person at the terminal."""


def start(stack: ExitStack, environ: dict[str, str], module: str, *arguments: str) -> Process:
    """Start a Python module as a child, which ends with the stack or, at the latest, with us."""
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches us alone; we end the children in order.
        preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - single-threaded here
    )
    stack.callback(_end, child)
    return child


def wait_until_it_answers(url: str, children: dict[str, Process]) -> None:
    """Wait for a 2xx of the address. Raises CannotStart when a child ends before that."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        require_alive(children)
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise CannotStart(f"{url} does not answer.")


def require_alive(children: dict[str, Process]) -> None:
    """Raise CannotStart when one of the named children has ended."""
    for name, child in children.items():
        if child.poll() is not None:
            raise CannotStart(f"{name} has ended with code {child.returncode}.")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(child: Process) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
