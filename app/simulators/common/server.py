"""The program around the application of a simulator: sockets, signals and lost connections."""

import errno
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from flask import Flask
from gevent.pywsgi import WSGIHandler, WSGIServer

_ADDRESS = "127.0.0.1"
_STOP_TIMEOUT = 1.0
_HANG_UP = "simulator.hang_up"  # In the WSGI environment: cuts the connection of this request.


class _Handler(WSGIHandler):  # type: ignore[misc]  # gevent has no type information.
    def handle(self) -> None:
        # Without this a kept connection answers in 40 ms: small packets wait for an ACK.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[_HANG_UP] = self._hang_up
        return environ

    def _hang_up(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)


def serve(
    app: Flask, *, port: int, name: str, mode: str, background: Sequence[Callable[[], None]]
) -> int:
    """Serve until SIGTERM or SIGINT with some endless work beside it; return the exit code."""
    server = WSGIServer((_ADDRESS, port), app, log=None, handler_class=_Handler)
    try:
        server.start()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
        sys.stderr.write(f"The {name} cannot start: port {port} {reason}.\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stop, _STOP_TIMEOUT)
    sys.stdout.write(f"The {name} ({mode}) is at http://{_ADDRESS}:{port}/\n")
    sys.stdout.flush()
    workers = [gevent.spawn(work) for work in background]
    try:
        server.serve_forever(stop_timeout=_STOP_TIMEOUT)
    finally:
        gevent.killall(workers)
    return 0


def hang_up(environ: dict[str, Any]) -> None:
    """Cut the connection of a request; one made inside this process has none."""
    cut = environ.get(_HANG_UP)
    if cut is not None:
        cut()
