"""The one way from a WSGI request to its answer.

Exact paths are dispatched by one dictionary in front of Flask, whose own way from WSGI to a view
costs several times as much as the whole of this one (`make bench`); Flask serves everything else.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import msgspec
import psycopg

from app.kernel import errors, live, logs, metrics, spans
from app.kernel.auth import BasicAuthentication, Principal
from app.kernel.config import settings
from app.kernel.http import Access, Call, Endpoint, Environ, Reply, problem_reply
from app.kernel.parsing import decode_body, parse_query, read_body
from app.kernel.tracing import tracer

log = logging.getLogger(__name__)

StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]

_SLOW_SECONDS = 1.0
_FAILURES = (500, 503)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Front:
    """The WSGI application: endpoints by exact path, everything else by Flask."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        authentication: BasicAuthentication,
        fallback: Callable[[Environ, StartResponse], Iterable[bytes]],
    ) -> None:
        self._routes = {(e.method, e.path): _Route(e, authentication) for e in endpoints}
        self._methods: dict[str, list[str]] = {}
        for method, path in self._routes:
            self._methods.setdefault(path, []).append(method)
        self._fallback = fallback
        self._ids = _request_ids()
        self._log_all = settings().log_requests == "all"
        self._tracer = tracer()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method: str = environ["REQUEST_METHOD"]
        path: str = environ["PATH_INFO"]
        route = self._routes.get(("GET" if method == "HEAD" else method, path))
        started = time.perf_counter()
        request_id = given_request_id(environ) or self._ids()
        token = logs.request_id.set(request_id)
        live.IN_FLIGHT.add(1)
        try:
            if route is None and path not in self._methods:
                return self._fall_back(environ, request_id, start_response)
            if route is None:
                reply = self._method_not_allowed(path)
            else:
                if self._tracer is None and "HTTP_X_SERVER_TIMING" not in environ:
                    reply = route.answer(environ)
                else:
                    reply = self._watched(route, environ, started)
                seconds = time.perf_counter() - started
                route.count(reply.status, seconds)
                if (
                    self._log_all
                    or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                    or seconds > _SLOW_SECONDS
                ):
                    _log_request(method, path, reply.status, seconds)
        finally:
            live.IN_FLIGHT.add(-1)
            logs.request_id.reset(token)
        return respond(reply, request_id, start_response)

    def _watched(self, route: _Route, environ: Environ, started: float) -> Reply:
        """Answer a request that may be traced, or whose caller asks where the time goes."""
        is_asked = spans.is_asked_for(environ)
        is_traced = self._tracer is not None and self._tracer.wants()
        if not is_asked and not is_traced:
            return route.answer(environ)
        noted = spans.Spans()
        token = spans.watched.set(noted)
        try:
            reply = route.answer(environ)
        finally:
            spans.watched.reset(token)
        ended = time.perf_counter()
        if self._tracer is not None and is_traced:
            self._tracer.tell(
                route.name,
                noted,
                request_id=logs.request_id.get(),
                status=reply.status,
                began=started,
                ended=ended,
            )
        if is_asked:
            timing = ("Server-Timing", noted.server_timing(ended - started))
            reply = reply._replace(headers=(*reply.headers, timing))
        return reply

    def _fall_back(
        self, environ: Environ, request_id: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *_common_headers(request_id)], exc_info)

        return self._fallback(environ, start)

    def _method_not_allowed(self, path: str) -> Reply:
        reply = problem_reply(errors.MethodNotAllowed())
        return reply._replace(headers=(("Allow", ", ".join(sorted(self._methods[path]))),))


def given_request_id(environ: Environ) -> str | None:
    """The caller's own id of the request, when it sent one that can be passed on as it is."""
    given = environ.get("HTTP_X_REQUEST_ID")
    return given if given and _REQUEST_ID.fullmatch(given) else None


def respond(reply: Reply, request_id: str, start_response: StartResponse) -> Iterable[bytes]:
    """Hand a reply to the WSGI server."""
    headers: Headers = [
        ("Content-Type", reply.content_type),
        ("Content-Length", str(len(reply.body))),
        *_common_headers(request_id),
        *reply.headers,
    ]
    if reply.status == HTTPStatus.NOT_MODIFIED:
        del headers[:2]  # A cache would take them for those of the body that it has.
    start_response(_status_line(reply.status), headers)
    return (reply.body,)


def _common_headers(request_id: str) -> Headers:
    return [("X-Request-Id", request_id), ("X-Content-Type-Options", "nosniff")]


class _Route:
    """An endpoint made ready: its decoders, and its metrics by status."""

    def __init__(self, endpoint: Endpoint, authentication: BasicAuthentication) -> None:
        self._endpoint = endpoint
        self._authentication = authentication
        self._view = endpoint.view
        self._access = endpoint.access
        is_decoded = endpoint.body is not None and not endpoint.raw_body
        self._body = msgspec.json.Decoder(endpoint.body) if is_decoded else None
        query = endpoint.query
        self._query = (
            functools.lru_cache(4096)(functools.partial(parse_query, query)) if query else None
        )
        self.name = f"{endpoint.method} {endpoint.path}"
        self._latency = metrics.LATENCY.labels(endpoint.method, endpoint.path)
        self._counters: dict[int, Any] = {}
        # A rate sees no rise to the first value of a series that was not there before.
        for status in _FAILURES:
            self._counter(status)

    def answer(self, environ: Environ) -> Reply:
        """Parse, authenticate, call the view; whatever goes wrong becomes a problem document."""
        try:
            principal = None
            if self._access is Access.ACCOUNT:
                principal = self._authentication.required(environ.get("HTTP_AUTHORIZATION"))
            elif self._access is Access.RECOGNISED:
                principal = self._recognised(environ.get("HTTP_AUTHORIZATION"))
            given: Any = None
            if self._query is not None:
                given = self._query(environ["QUERY_STRING"])
            elif self._body is not None:
                given = decode_body(self._body, environ)
            elif self._endpoint.raw_body:
                given = read_body(environ)
            return self._view(Call(given, principal, environ))
        except errors.Busy as busy:
            return problem_reply(busy, status=self._endpoint.busy)
        except errors.Problem as problem:
            return problem_reply(problem)
        except Exception as error:
            log.exception("unexpected error", extra={"route": self._endpoint.path})
            if isinstance(error, psycopg.DataError):
                return problem_reply(errors.BadRequest("Значение не может быть сохранено."))
            return problem_reply(errors.Problem())

    def count(self, status: int, seconds: float) -> None:
        self._counter(status).inc()
        self._latency.observe(seconds)

    def _counter(self, status: int) -> Any:
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = metrics.REQUESTS.labels(
                self._endpoint.method, self._endpoint.path, str(status)
            )
        return counter

    def _recognised(self, header: str | None) -> Principal | None:
        try:
            return self._authentication.principal(header)
        except (errors.Busy, errors.Unavailable):
            return None  # A public read does not fail because an account cannot be looked up.


@functools.lru_cache(64)
def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Seat Unavailable"  # 419 is the contract's own.


def _request_ids() -> Callable[[], str]:
    prefix = os.urandom(6).hex()
    count = 0

    def next_id() -> str:
        nonlocal count
        count += 1
        return f"{prefix}-{count:x}"

    return next_id


def _log_request(method: str, path: str, status: int, seconds: float) -> None:
    log.info(
        "request",
        extra={"method": method, "path": path, "status": status, "ms": round(seconds * 1000, 2)},
    )
