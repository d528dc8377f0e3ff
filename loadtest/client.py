"""One keep-alive connection to the service, with the headers of the organisers' generator."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastHttpSession
from locust.event import EventHook

from loadtest import trust
from loadtest.record import Record

TIMEOUT_SECONDS = 30.0
HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status (0 when none came), the JSON of the body or None, and monotonic seconds."""

    status: int
    data: Any
    text: str
    sent: float
    received: float

    @property
    def seen(self) -> str:
        """The answer in a line."""
        return f"{self.status} {self.text}"

    def field(self, name: str) -> Any:
        """Return a member of the JSON object, or None."""
        return self.data.get(name) if isinstance(self.data, dict) else None


class Caller:
    """Makes requests over one connection and notes every answer in a record."""

    def __init__(self, session: FastHttpSession, record: Record) -> None:
        # Which status is right is for the scenario to say; the client would end the connection.
        session.client.valid_response_codes = frozenset(range(100, 1000))
        self._session = session
        self._record = record

    def call(
        self,
        method: str,
        path: str,
        *,
        name: str | None = None,
        authorization: str | None = None,
        body: dict[str, int] | None = None,
    ) -> Answer:
        """Make one request; whatever happens is an answer."""
        headers = HEADERS if authorization is None else HEADERS | {"Authorization": authorization}
        payload = None if body is None else json.dumps(body)
        sent = time.monotonic()
        response = self._session.request(method, path, data=payload, headers=headers)
        try:
            content, status = response.content or b"", response.status_code
        except FAILURE_EXCEPTIONS as broken:
            content, status = repr(broken).encode(), 0
        received = time.monotonic()
        if status == 0 and (error := getattr(response, "error", None)):
            content = repr(error).encode()
        self._record.note_answer(
            name or f"{method} {path.partition('?')[0]}", status, received - sent
        )
        return Answer(
            status, parse(content), content[:200].decode("utf-8", "replace"), sent, received
        )


def parse(content: bytes) -> Any:
    """Return the JSON value, or None when it is none."""
    try:
        return json.loads(content)
    except ValueError:
        return None


@contextmanager
def calling(host: str, record: Record) -> Iterator[Caller]:
    """A caller outside of the load, for what comes before and after it."""
    session = FastHttpSession(
        base_url=host,
        request_event=EventHook(),
        user=None,
        network_timeout=TIMEOUT_SECONDS,
        connection_timeout=TIMEOUT_SECONDS,
        max_redirects=0,
        concurrency=1,
        insecure=trust.TRUST.ca is None,
        ssl_context_factory=trust.context,
    )
    with closing(session.client):
        yield Caller(session, record)
