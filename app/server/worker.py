"""The gunicorn worker: accepts, hands connections to http.py, and stops without losing a request.

On SIGTERM: the host answers 'not ready' and goes on for BILETTER_DRAIN_SECONDS, so that the load
balancer turns away; then no connection is accepted, every answer says `Connection: close`, idle
connections are closed after a moment in which what is on the wire may still arrive, and what is
being worked on ends. After SIGHUP the old workers stop in favour of new ones: the host stays ready.
"""

from __future__ import annotations

import logging
import mmap
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.workers.ggevent import GeventWorker

from app.kernel import shared
from app.kernel.config import settings
from app.server.http import Connection

log = logging.getLogger(__name__)

_NOTIFY_SECONDS = 1.0
_ON_THE_WIRE_SECONDS = 0.3

_reloads = mmap.mmap(-1, 1)  # Written by gunicorn's master, read by its workers.


def note_reload() -> None:
    """Called in the master: the workers that there are now will be replaced."""
    _reloads[0] = (_reloads[0] + 1) & 0xFF


class Worker(GeventWorker):  # type: ignore[misc] # gunicorn has no types
    """A gevent worker with llhttp in front."""

    application: Callable[..., Iterable[bytes]]
    base_environ: dict[str, Any]
    keepalive: float
    is_stopping = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: set[Connection] = set()
        self._end: Event | None = None
        self._reloads = _reloads[0]

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection; gevent calls this in a greenlet of its own."""
        del listener
        connection = Connection(self, client, addr)
        self._connections.add(connection)
        try:
            connection.serve()
        finally:
            self._connections.discard(connection)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: stop in an orderly way."""
        super().handle_exit(sig, frame)
        if self._end is not None:
            self._end.set()

    def run(self) -> None:
        self._end = Event()
        self.application = self.wsgi
        self.keepalive = float(self.cfg.keepalive)
        self.base_environ = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": _LogStream(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": self.cfg.workers > 1,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "SCRIPT_NAME": "",
            "SERVER_NAME": "biletter",
            "SERVER_PORT": "",
        }
        servers = []
        for sock in self.sockets:
            sock.setblocking(1)
            server = StreamServer(
                sock,
                handle=lambda c, a: self.handle(None, c, a),
                spawn=Pool(self.worker_connections),
            )
            if self.cfg.workers > 1:
                server.max_accept = 1  # Leaves the other connections to the other workers.
            server.start()
            servers.append(server)
        while self.alive and not self._end.wait(_NOTIFY_SECONDS):
            self.notify()
        self._stop(servers)

    def _stop(self, servers: list[StreamServer]) -> None:
        if self._reloads == _reloads[0]:  # Otherwise others take over on this host.
            shared.start_draining()
        self._pause(settings().drain_seconds)
        for server in servers:
            server.close()
        self.is_stopping = True
        self._pause(_ON_THE_WIRE_SECONDS)
        for connection in list(self._connections):
            if connection.is_idle:
                connection.close()
        with gevent.Timeout(self.cfg.graceful_timeout, False):
            while self._connections:
                self._pause(0.05)
        if self._connections:
            log.warning("requests did not end in time", extra={"count": len(self._connections)})

    def _pause(self, seconds: float) -> None:
        while seconds > 0:
            self.notify()
            gevent.sleep(min(seconds, _NOTIFY_SECONDS))
            seconds -= _NOTIFY_SECONDS


class _LogStream:
    """What WSGI calls wsgi.errors."""

    def write(self, text: str) -> None:
        if text.strip():
            log.error(text.strip())

    def flush(self) -> None:
        """Nothing is kept back."""
