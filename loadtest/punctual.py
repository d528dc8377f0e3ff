"""A connection of a careful client: it waits so long and no longer, and repeats what it may."""

import ssl
from typing import Any

import gevent
from httptools import HttpParserError

from loadtest.connection import RECEIVE, Address, Connection

# What an answer with status 0 says instead of a body.
NO_CONNECTION = b"no connection"
"""Nothing was sent."""
BROKEN = b"broken off"
TIMED_OUT = b"timed out"


class PunctualConnection(Connection):
    """A connection of which each request, connecting included, ends within so many seconds.

    It is opened again, unnoticed, when the service closed it before a request was sent. One that
    breaks later is used again only for requests that do the same when they come twice.
    """

    def __init__(self, address: Address, seconds: float) -> None:
        super().__init__(address)
        self._seconds = seconds
        self._is_sent = False

    def fetch(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; status 0 and one of three reasons."""
        self._is_sent = False
        limit = gevent.Timeout(self._seconds)
        try:
            with limit:
                if self._socket is not None and is_over(self._socket):
                    self.close()
                return self._try(request)
        except gevent.Timeout as passed:
            self.close()
            if passed is not limit:
                raise
            return 0, TIMED_OUT if self._is_sent else NO_CONNECTION

    def _try(self, request: bytes) -> tuple[int, bytes]:
        kept = self._socket is not None
        if not kept:
            try:
                self._socket = self._connect()
            except OSError:
                return 0, BROKEN if self._is_sent else NO_CONNECTION
        self._is_sent = True
        try:
            self._exchange(request)
        except (OSError, HttpParserError):
            self.close()
            # A second POST would book a second time, any other request changes nothing more.
            if not kept or self._answer.is_begun or request.startswith(b"POST "):
                return 0, BROKEN
            self.repeated += 1
            return self._try(request)
        return self._answer.status, self._answer.body


def is_over(kept: Any) -> bool:
    """Whether a connection on which nothing is expected was closed, or says something all the same.

    Of TLS something may come that is no data.
    """
    before = kept.gettimeout()
    kept.settimeout(0.0)
    try:
        kept.recv(RECEIVE)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    else:
        return True
    finally:
        kept.settimeout(before)
