"""Calls of services outside: a deadline, a breaker and a bulkhead for each, and what is counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import gevent
import msgspec
import urllib3
from gevent.lock import BoundedSemaphore

from app.kernel import live, metrics, spans
from app.kernel.breaker import Breaker, State

log = logging.getLogger(__name__)

T = TypeVar("T")

_FAILURES, _PAUSE, _TRIALS = 10, 5.0, 2
_KNOWN_SECONDS = 30.0
"""After a pause so long without a call, nobody knows whether a breaker would still open."""
# What a first try may take of the deadline, so that there is time for a second.
_FIRST_SHARE = 2 / 3
_SHORTEST = 0.001
_LONGEST_RETRY_AFTER = 3600.0
_REDIRECTION, _CLIENT_ERROR, _SERVER_ERROR = 300, 400, 500
_TIMED_OUT, _TOO_MANY = 408, 429
_NOT_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


class _Failed(Exception):
    """A call that did not end well; `status` is that of the answer, where there was one.

    `retry_after`: the seconds for which the service, or our breaker, wants to be left alone.
    """

    def __init__(
        self, message: str = "", *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class OutcomeUnknown(_Failed):
    """The call may or may not have had its effect; ask before anything else is done."""


class Unreadable(OutcomeUnknown):
    """The answer is none that this service gives."""


class Refused(_Failed):
    """The service said no, or was never asked: nothing has happened there."""


class _Deadline(BaseException):
    """The time for a call is over."""


class Outside:
    """One service outside, as this process sees it.

    Its address and its deadline (seconds for a whole call, queueing included) are looked up at
    each call. At most `most` calls are under way at once. `usual` are the server errors that it
    answers on good days, too: they do not make the breaker open.
    """

    def __init__(
        self,
        name: str,
        *,
        url: Callable[[], str],
        deadline: Callable[[], float],
        most: int,
        usual: frozenset[int] = frozenset(),
        pause: float = _PAUSE,
    ) -> None:
        self.name = name
        self.breaker = Breaker(
            failures=_FAILURES, pause=pause, trials=_TRIALS, on_change=self._note_state
        )
        self._url, self._deadline, self._usual = url, deadline, usual
        self._pause = pause
        self._slots = BoundedSemaphore(most)
        self._pool = urllib3.PoolManager(maxsize=most, block=False)

    def call(
        self,
        call: str,
        method: str,
        path: str,
        read: Callable[[int, bytes], T],
        *,
        body: object = None,
        is_repeatable: bool = False,
    ) -> T:
        """What `read` makes of the answer's status and body. Raises Refused, OutcomeUnknown.

        `read` is given 2xx and 4xx, and raises those two with the status, Unreadable, or an error
        of msgspec's. A repeatable call changes nothing outside: where the connection fails or
        stays silent it gets a second try.
        """
        base = self._url().rstrip("/")
        if not base:
            raise Refused(f"{self.name} has no address.")
        late_at = time.monotonic() + self._deadline()
        if self.breaker.seconds_open() > 0:
            raise self._held_back(call)
        if not self._slots.acquire(timeout=late_at - time.monotonic()):
            metrics.OUTSIDE_CALLS.labels(self.name, call, "crowded_out").inc()
            raise Refused(f"{self.name}: too many calls are under way")
        try:
            ticket = self.breaker.admit()
            if ticket is None:
                raise self._held_back(call)
            with self._observed(call, ticket):
                response = self._send(
                    call,
                    method,
                    base + path,
                    body=body,
                    seconds=max(late_at - time.monotonic(), _SHORTEST),
                    is_repeatable=is_repeatable,
                )
                return _understood(call, response, read)
        finally:
            self._slots.release()

    def is_trouble(self, error: OutcomeUnknown | Refused) -> bool:
        """Whether a failure means that the service is not well."""
        if error.status is None or isinstance(error, Unreadable):
            return True
        is_fault = error.status == _TIMED_OUT or error.status >= _SERVER_ERROR
        return is_fault and error.status not in self._usual

    def _send(
        self,
        call: str,
        method: str,
        url: str,
        *,
        body: object,
        seconds: float,
        is_repeatable: bool,
    ) -> urllib3.BaseHTTPResponse:
        first = seconds * _FIRST_SHARE
        silence = first if is_repeatable else seconds
        try:
            # The socket's timeouts are per connection and read; this one is for the whole call.
            with gevent.Timeout(seconds, _Deadline()):
                return self._pool.request(
                    method,
                    url,
                    body=None if body is None else msgspec.json.encode(body),
                    headers=None if body is None else {"Content-Type": "application/json"},
                    timeout=urllib3.Timeout(connect=first, read=silence),
                    retries=_once_more() if is_repeatable else False,
                    redirect=False,
                )
        except (_Deadline, urllib3.exceptions.HTTPError) as problem:
            exhausted = urllib3.exceptions.MaxRetryError
            error = problem.reason if isinstance(problem, exhausted) else problem
            if isinstance(error, _NOT_SENT):
                raise Refused(f"{call}: no connection") from None
            raise OutcomeUnknown(f"{call}: {type(error).__name__}") from None

    @contextmanager
    def _observed(self, call: str, ticket: int) -> Iterator[None]:
        began, outcome, conclude = time.perf_counter(), "abandoned", self.breaker.abandoned
        try:
            yield
        except (OutcomeUnknown, Refused) as error:
            outcome = "refused" if isinstance(error, Refused) else "unknown"
            conclude = self.breaker.failed if self.is_trouble(error) else self.breaker.succeeded
            raise
        else:
            outcome, conclude = "answered", self.breaker.succeeded
        finally:
            conclude(ticket)
            metrics.OUTSIDE_CALLS.labels(self.name, call, outcome).inc()
            ended = time.perf_counter()
            metrics.OUTSIDE_LATENCY.labels(self.name, call).observe(ended - began)
            if (noted := spans.watched.get()) is not None:
                noted.note(self.name, began, ended)

    def _held_back(self, call: str) -> Refused:
        metrics.OUTSIDE_CALLS.labels(self.name, call, "held_back").inc()
        retry_after = self.breaker.seconds_open() or None
        return Refused(f"{self.name} is not called for now", retry_after=retry_after)

    def _note_state(self, state: State) -> None:
        metrics.OUTSIDE_BREAKER.labels(self.name, state).inc()
        if self.name in live.NOT_CLOSED_UNTIL:
            known = time.monotonic() + self._pause + _KNOWN_SECONDS
            live.NOT_CLOSED_UNTIL[self.name].set(0.0 if state is State.CLOSED else known)
        log.warning("breaker changed", extra={"service": self.name, "state": state})


def _understood(
    call: str, response: urllib3.BaseHTTPResponse, read: Callable[[int, bytes], T]
) -> T:
    status = response.status
    said, retry_after = f"{call} answered {status}", _retry_after(response)
    if status == _TOO_MANY:
        raise Refused(said, status=status, retry_after=retry_after)
    # Also 503: a proxy says it, too, when it lost what it had passed on.
    if status == _TIMED_OUT or status >= _SERVER_ERROR:
        raise OutcomeUnknown(said, status=status, retry_after=retry_after)
    if _REDIRECTION <= status < _CLIENT_ERROR:
        raise Unreadable(said, status=status)
    try:
        return read(status, response.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"{said}: {error}", status=status) from None


def _retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
    try:
        seconds = urllib3.Retry().get_retry_after(response)
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None
    return None if seconds is None else min(float(seconds), _LONGEST_RETRY_AFTER)


def _once_more() -> urllib3.Retry:
    # Of any method, for the connection's sake only: what the service answers is an answer.
    return urllib3.Retry(
        1, status=0, redirect=0, allowed_methods=None, respect_retry_after_header=False
    )
