"""What an endpoint of the API is: a declaration, a function, and the reply that it gives.

The declaration (method, path, who may call, what comes in, what goes out) feeds the dispatch in
`front.py`, the OpenAPI document and the tests.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from app.kernel import errors
from app.kernel.auth import Principal

Environ = dict[str, Any]

JSON = "application/json"
PROBLEM = "application/problem+json"

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


def public_reply(environ: Environ, body: bytes, fingerprint: str, seconds: float) -> Reply:
    """JSON with nothing of a person in it, which any cache may keep for so many seconds.

    304 if the caller says that it has what the fingerprint stands for.
    """
    etag = f'"{fingerprint}"'
    headers = (("ETag", etag), ("Cache-Control", f"public, max-age={int(seconds)}"))
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and _is_among(etag, known):
        return Reply(HTTPStatus.NOT_MODIFIED, b"", headers=headers)
    return Reply(200, body, headers=headers)


def _is_among(etag: str, known: str) -> bool:
    etags = {one.strip().removeprefix("W/") for one in known.split(",")}
    return etag in etags or "*" in etags


class Message(msgspec.Struct):
    """The sentence that tells a caller what has been done."""

    message: str


def message_reply(sentence: str, *headers: tuple[str, str], status: int = 200) -> Reply:
    """An answer that consists of one sentence."""
    return Reply(status, encode(Message(sentence)), headers=headers)


def problem_reply(problem: errors.Problem, *, status: int | None = None) -> Reply:
    """A refusal as an RFC 9457 problem document."""
    status = status or problem.status
    headers: tuple[tuple[str, str], ...] = ()
    if status == HTTPStatus.UNAUTHORIZED:
        headers = (("WWW-Authenticate", 'Basic realm="Biletter", charset="UTF-8"'),)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = (("Retry-After", str(problem.retry_after)),)
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
