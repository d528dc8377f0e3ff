"""The program around the application: arguments, sockets and signals."""

import argparse
import errno
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer

from app.simulators.gateway.calls import HANG_UP
from app.simulators.gateway.knobs import CardKnobs, Knobs, Panel
from app.simulators.gateway.rules import Mode
from app.simulators.gateway.service import Gateway
from app.simulators.gateway.store import Store
from app.simulators.gateway.web import create_app
from app.simulators.gateway.webhooks import Webhooks

_ADDRESS = "127.0.0.1"
_EXPIRY_PERIOD = 1.0
_STOP_TIMEOUT = 1.0


class _Handler(WSGIHandler):  # type: ignore[misc]  # gevent has no type information.
    def handle(self) -> None:
        # Without this a kept connection answers in 40 ms: small packets wait for an ACK.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[HANG_UP] = self._hang_up
        return environ

    def _hang_up(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)


def main(arguments: list[str] | None = None) -> int:
    """Serve the gateway until SIGTERM or SIGINT, and return the exit code."""
    options = _parse(arguments)
    knobs = Knobs()
    if options.delay is not None:
        knobs.cards = CardKnobs(min_seconds=options.delay, max_seconds=options.delay)
    panel = Panel(seed=options.seed, knobs=knobs)
    store = Store(options.data)
    webhooks = Webhooks(
        url=options.webhook_url,
        secret=options.webhook_secret,
        team_slug=options.team_slug,
        panel=panel,
    )
    gateway = Gateway(
        store=store,
        webhooks=webhooks,
        panel=panel,
        team_slug=options.team_slug,
        password=options.password,
        mode=options.mode,
    )
    try:
        return _serve(gateway, options.port)
    finally:
        webhooks.close()
        store.close()


def _serve(gateway: Gateway, port: int) -> int:
    server = WSGIServer((_ADDRESS, port), create_app(gateway), log=None, handler_class=_Handler)
    try:
        server.start()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
        sys.stderr.write(f"The payment gateway cannot start: port {port} {reason}.\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stop, _STOP_TIMEOUT)
    sys.stdout.write(f"The payment gateway ({gateway.mode}) is at http://{_ADDRESS}:{port}/\n")
    sys.stdout.flush()
    clock = gevent.spawn(_keep_expiring, gateway)
    try:
        server.serve_forever(stop_timeout=_STOP_TIMEOUT)
    finally:
        clock.kill()
    return 0


def _keep_expiring(gateway: Gateway) -> None:
    while True:
        gevent.sleep(_EXPIRY_PERIOD)
        gateway.expire_due()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.simulators.gateway", description="Plays the payment gateway."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="SQLite file of the payments")
    parser.add_argument("--team-slug", required=True, help="the merchant's id")
    parser.add_argument("--password", required=True, help="the merchant's password")
    parser.add_argument("--webhook-url", help="where the merchant's profile wants webhooks")
    parser.add_argument("--webhook-secret", help="signs webhooks when given")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.DOCUMENTED)
    parser.add_argument("--delay", type=float, help="seconds a card takes (default: 0.5 to 2)")
    parser.add_argument("--seed", type=int, default=1, help="of all chance, so that runs repeat")
    return parser.parse_args(arguments)
