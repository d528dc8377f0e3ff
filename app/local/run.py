"""Starts all processes, waits for the first reason to end, and ends them all again."""

from __future__ import annotations

import argparse
import fcntl
import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import psycopg

from app.dataset import seats
from app.dataset.accounts import GENERATOR_ACCOUNTS
from app.kernel import config
from app.local import database, seed, simulators
from app.local.postgres import StartError
from app.local.processes import (
    CannotStart,
    Process,
    free_port,
    require_alive,
    start,
    wait_until_it_answers,
)


class Stopped(Exception):
    """Somebody asked us to end."""


def main() -> int:
    """Run until Ctrl-C or SIGTERM, or until a process ends that should not."""
    parser = argparse.ArgumentParser(prog="make run")
    parser.add_argument("--port", required=True)
    parser.add_argument("--data-dir", required=True, type=Path)
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with ExitStack() as stack:
            return _run(stack, _port(arguments.port), arguments.data_dir.resolve())
    except (CannotStart, StartError, config.SettingsError) as error:
        print(f"Biletter does not start: {error}", file=sys.stderr)
        return 1
    except Stopped:
        print("Biletter has ended; the data is kept.")
        return 0


def _stop(_number: int, _frame: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # The children end once, in order.
    raise Stopped


def _run(stack: ExitStack, port: int, data: Path) -> int:
    started = time.monotonic()
    config.load({**os.environ, "DATABASE_URL": os.environ.get("DATABASE_URL") or "postgresql:///x"})
    _require_free(port)
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"DATA_DIR {data} cannot be used: {error.strerror}.") from None
    stack.enter_context(_only_one(data))
    database_url = os.environ.get("DATABASE_URL") or database.start_embedded(stack, data)
    database.migrate(database_url)
    children: dict[str, Process] = {}
    provider_url = os.environ.get("EVENT_PROVIDER_URL", "")
    if not provider_url:
        children["event provider"], provider_url = simulators.start_provider(stack, data)
    _fill_if_empty(database_url, provider_url)
    environ = {**os.environ, "DATABASE_URL": database_url, "EVENT_PROVIDER_URL": provider_url}
    if not os.environ.get("DATABASE_URL"):
        (data / "database_url").write_text(database_url + "\n")  # For psql and the benchmark.
    environ |= _defaults(environ, port, data)
    if "PAYMENT_GATEWAY_URL" not in os.environ:
        children["payment gateway"] = simulators.start_gateway(stack, environ, data, port)
    _write_environment(data / "environment", environ)
    conf = Path(__file__).parent.parent / "server" / "gunicorn.conf.py"
    children["gunicorn"] = start(
        stack, environ, "gunicorn", "--config", str(conf), "--no-control-socket"
    )
    # On a host the worker counts for itself; so it does here.
    alone = {name: value for name, value in environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    children["worker"] = start(stack, alone, "app.worker")
    wait_until_it_answers(f"http://127.0.0.1:{port}/health/ready", children)
    _greet(port, time.monotonic() - started, environ)
    while True:
        require_alive(children)
        time.sleep(0.2)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:  # noqa: PLR2004 - the largest port
        raise SystemExit(f"Biletter does not start: PORT={text} is not a port (1 to 65535).")
    return int(text)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(f"PORT={port} cannot be used: {error.strerror}.") from None


@contextmanager
def _only_one(data: Path) -> Iterator[IO[str]]:
    """A lock that the kernel takes back whatever way this process ends."""
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"DATA_DIR {data} is in use by another `make run`.") from None
        yield lock


def _fill_if_empty(url: str, provider_url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if not seed.is_empty(connection):
            return
        print("Filling the empty database ...")
        try:
            with connection.transaction():
                seed.seed(connection, datetime.now(UTC), provider_url)
        except seats.Unavailable as error:
            raise CannotStart(str(error)) from None
        seed.finish(connection)


def _write_environment(path: Path, environ: dict[str, str]) -> None:
    """Leave the settings for the operator's commands: `set -a; . .data/environment; set +a`."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    names = ("DATABASE_URL", "EVENT_", "PAYMENT_")
    lines = [
        f"{name}={shlex.quote(value)}\n"
        for name, value in sorted(environ.items())
        if name.startswith(names)
    ]
    path.write_text("".join(lines))


def _defaults(environ: dict[str, str], port: int, data: Path) -> dict[str, str]:
    """What a laptop wants, wherever the environment does not say otherwise."""
    metrics = data / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir()
    wanted = {
        "BILETTER_BIND": f"127.0.0.1:{port}",
        "BILETTER_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "BILETTER_METRICS_BIND": f"127.0.0.1:{free_port()}",
        "BILETTER_ALLOW_RESET": "true",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
    }
    return {name: value for name, value in wanted.items() if name not in environ}


def _greet(port: int, seconds: float, environ: dict[str, str]) -> None:
    base = f"http://127.0.0.1:{port}"
    _, email, password = GENERATOR_ACCOUNTS[0]
    demo, demo_password = seed.DEMO_ACCOUNT
    print(f"""
Biletter is running at {base} (started in {seconds:.1f} s)
  API documentation   {base}/docs
  payment gateway     {environ["PAYMENT_GATEWAY_URL"]} (page of the simulator: /simulator)
  event provider      {environ["EVENT_PROVIDER_URL"]} (likewise)
  metrics             {base}/metrics, the worker's http://{environ["BILETTER_METRICS_BIND"]}/metrics
  accounts            {demo} : {demo_password}
                      {email} : {password}
Try:
  curl '{base}/api/events?query=концерт'
  curl '{base}/api/seats?event_id=1&status=FREE&pageSize=5'
  curl -u {demo}:{demo_password} --json '{{"event_id": 1}}' {base}/api/bookings
Ctrl-C ends it; the data is kept.""", flush=True)  # fmt: skip
