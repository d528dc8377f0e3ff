"""What an endpoint of the API is, and the one way from a request to its answer.

An endpoint is a declaration (method, path, who may call, what comes in, what goes out) and a
function. The declaration feeds the dispatch, the OpenAPI document and the tests. Exact paths are
dispatched by one dictionary in front of Flask, whose own way from WSGI to a view costs three times
as much as the whole of this one (`make bench`); Flask serves everything else.
"""

from __future__ import annotations

import enum
import functools
import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
import psycopg

from app.kernel import errors, logs, metrics
from app.kernel.auth import BasicAuthentication, Principal
from app.kernel.config import settings

log = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]

JSON = "application/json"
PROBLEM = "application/problem+json"
_SLOW_SECONDS = 1.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")

encode = msgspec.json.Encoder().encode


class Access(enum.Enum):
    """Who may call an endpoint."""

    PUBLIC = "public"
    """Anybody; an Authorization header is not even looked at."""
    RECOGNISED = "recognised"
    """Anybody; a valid account is passed on, an invalid one is nobody."""
    ACCOUNT = "account"
    """Active accounts only; all others get 401."""


class Reply(NamedTuple):
    """What goes back: a status, the bytes of the body, and headers beside the usual ones."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Call(NamedTuple):
    """What an endpoint's function gets. `input` has passed the declared type already."""

    input: Any
    principal: Principal | None
    environ: Environ

    @property
    def user(self) -> Principal:
        """The account of an endpoint that is declared with Access.ACCOUNT."""
        if self.principal is None:
            raise errors.Unauthorized
        return self.principal


class Endpoint(NamedTuple):
    """One call of the API."""

    method: str
    path: str
    view: Callable[[Call], Reply]
    access: Access
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    answers: dict[int, tuple[str, Any]]
    """For each status the sentence that documents it, and the type of its body or None."""
    busy: int
    """The status of 'try again': 503, or what the contract asks for."""
    raw_body: bool
    """The body's raw bytes are needed (a signature is over them); the view parses it, and `body`
    only documents it."""

    @property
    def name(self) -> str:
        return self.view.__name__


class Routes:
    """The endpoints of a slice, in the order in which they are declared."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        access: Access,
        answers: dict[int, tuple[str, Any]],
        query: type[msgspec.Struct] | None = None,
        body: type[msgspec.Struct] | None = None,
        busy: int = 503,
        raw_body: bool = False,
    ) -> Callable[[Callable[[Call], Reply]], Callable[[Call], Reply]]:
        """Declare the decorated function as the endpoint of `method path`."""

        def declare(view: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
            self.endpoints.append(
                Endpoint(method, path, view, access, query, body, answers, busy, raw_body)
            )
            return view

        return declare


def json_reply(value: Any, status: int = 200) -> Reply:
    """An answer whose body is `value` as JSON."""
    return Reply(status, encode(value))


class Message(msgspec.Struct):
    """The sentence that tells a caller what has been done."""

    message: str


def message_reply(sentence: str, *headers: tuple[str, str], status: int = 200) -> Reply:
    """An answer that consists of one sentence."""
    return Reply(status, encode(Message(sentence)), headers=headers)


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

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method: str = environ["REQUEST_METHOD"]
        path: str = environ["PATH_INFO"]
        route = self._routes.get(("GET" if method == "HEAD" else method, path))
        started = time.perf_counter()
        request_id = given_request_id(environ) or self._ids()
        token = logs.request_id.set(request_id)
        try:
            if route is None and path not in self._methods:
                return self._fall_back(environ, request_id, start_response)
            if route is None:
                reply = self._method_not_allowed(path)
            else:
                reply = route.answer(environ)
                seconds = time.perf_counter() - started
                route.count(reply.status, seconds)
                if (
                    self._log_all
                    or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
                    or seconds > _SLOW_SECONDS
                ):
                    _log_request(method, path, reply.status, seconds)
        finally:
            logs.request_id.reset(token)
        return respond(reply, request_id, start_response)

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
        self._latency = metrics.LATENCY.labels(endpoint.method, endpoint.path)
        self._counters: dict[int, Any] = {}

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
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = metrics.REQUESTS.labels(
                self._endpoint.method, self._endpoint.path, str(status)
            )
        counter.inc()
        self._latency.observe(seconds)

    def _recognised(self, header: str | None) -> Principal | None:
        try:
            return self._authentication.principal(header)
        except (errors.Busy, errors.Unavailable):
            return None  # A public read does not fail because an account cannot be looked up.


def parse_query(wanted: type[msgspec.Struct], text: str) -> msgspec.Struct:
    """Read a query string as the declared type. Raises BadRequest."""
    try:
        # WSGI passes the bytes of the query on as latin-1.
        raw = text.encode("latin-1").decode("utf-8")
        pairs = parse_qsl(raw, strict_parsing=False, errors="strict", max_num_fields=32)
    except (UnicodeError, ValueError):
        raise errors.BadRequest("Строка запроса не читается как UTF-8.") from None
    values: dict[str, str | int] = {}
    integers = _integers(wanted)
    for name, value in pairs:
        if name in values:
            raise errors.BadRequest(f"Параметр {name[:40]} указан дважды.")
        if "\0" in value:
            raise errors.BadRequest(f"Параметр {name[:40]} содержит NUL.")
        is_integer = name in integers and _INTEGER.fullmatch(value)
        values[name] = int(value) if is_integer else value
    try:
        # Not msgspec's lax mode: it reads `null` as "not given" and rounds 9007199254740993.0.
        return msgspec.convert(values, wanted)
    except msgspec.ValidationError as error:
        raise errors.BadRequest(str(error)) from None


@functools.cache
def _integers(wanted: type[msgspec.Struct]) -> frozenset[str]:
    """The parameters whose type is an integer."""
    info = msgspec.inspect.type_info(wanted)
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return frozenset(
        item.encode_name
        for item in fields
        if any(
            isinstance(part, msgspec.inspect.IntType)
            for part in getattr(item.type, "types", (item.type,))
        )
    )


def read_body(environ: Environ) -> bytes:
    """The bytes of the request's body."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def decode_body(decoder: msgspec.json.Decoder[Any], environ: Environ) -> Any:
    """Read the JSON body as the declared type. Raises BadRequest, UnsupportedMediaType."""
    body = read_body(environ)
    media_type = environ.get("CONTENT_TYPE", "")
    if media_type and not media_type.lower().lstrip().startswith(JSON):
        raise errors.UnsupportedMediaType
    if not body:
        raise errors.BadRequest("Тело запроса пусто.")
    try:
        if not body.isascii():
            body.decode("utf-8")
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise errors.BadRequest(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise errors.BadRequest("Тело запроса не читается как JSON.") from None


def problem_reply(problem: errors.Problem, *, status: int | None = None) -> Reply:
    """A refusal as an RFC 9457 problem document."""
    status = status or problem.status
    headers: tuple[tuple[str, str], ...] = ()
    if status == HTTPStatus.UNAUTHORIZED:
        headers = (("WWW-Authenticate", 'Basic realm="Biletter", charset="UTF-8"'),)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = (("Retry-After", "1"),)
    return Reply(
        status, _problem_body(status, problem.code, problem.title, problem.detail), PROBLEM, headers
    )


@functools.lru_cache(1024)
def _problem_body(status: int, code: str, title: str, detail: str) -> bytes:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
    }
    if detail:
        document["detail"] = detail
    return encode(document)


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
