"""A process without an HTTP service of its own tells its metrics: GET /metrics, nothing else."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer

from app.kernel.metrics import CONTENT_TYPE

log = logging.getLogger(__name__)

_AT_ONCE = 8
_PAUSE_SECONDS = 5.0


def serve(bind: str, exposition: Callable[[], bytes]) -> None:
    """Answer on `bind` (address:port) until the greenlet is killed.

    An address that cannot be had, because the process before has not ended yet, is tried again:
    whatever this process is for does not wait for its metrics.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b""]
        start_response("200 OK", [("Content-Type", CONTENT_TYPE)])
        return [exposition()]

    host, _, port = bind.rpartition(":")
    while True:
        try:
            with socket.create_server((host, int(port))) as listener:
                WSGIServer(
                    listener, answer, spawn=Pool(_AT_ONCE), log=None, error_log=log
                ).serve_forever()
        except OSError as error:
            log.warning("metrics are not told", extra={"bind": bind, "error": str(error)})
        gevent.sleep(_PAUSE_SECONDS)
