"""Requests of a buyer, of a browser and of a foreign customer, and what is counted of them."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastHttpSession

from loadtest.accounts import basic
from loadtest.client import parse

_UNEXPECTED = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """A status (0 when none came), the JSON of the body or None, and two headers."""

    status: int
    data: Any
    location: str = ""
    retry_after: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether it was a yes."""
        return 200 <= self.status < 400

    def field(self, name: str) -> Any:
        """Return a member of the JSON object, or None."""
        return self.data.get(name) if isinstance(self.data, dict) else None


@dataclass(slots=True)
class Counts:
    """What happened by the second since the start."""

    began: float = field(default_factory=time.monotonic)
    seconds: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """How long the calls of the service took that ended in a second."""
    errors: Counter[tuple[int, str]] = field(default_factory=Counter)
    deeds: Counter[tuple[int, str]] = field(default_factory=Counter)

    @property
    def now(self) -> int:
        """The second of the run."""
        return int(time.monotonic() - self.began)

    def note(self, deed: str) -> None:
        """Something was acknowledged."""
        self.deeds[self.now, deed] += 1

    def note_call(self, status: int, took: float) -> None:
        """A call of the service has ended."""
        self.seconds[self.now].append(took)
        if kind := kind_of(status):
            self.errors[self.now, kind] += 1


def kind_of(status: int) -> str:
    """How an answer that is no yes is counted; an empty text for a yes."""
    if status == 0:
        return "no answer"
    if status < 400:
        return ""
    return {409: "409 conflict", 419: "419 taken", 503: "503 later"}.get(
        status, "5xx" if status >= _UNEXPECTED else "4xx"
    )


class Caller:
    """Makes the requests of one buyer; Locust counts them."""

    def __init__(self, session: FastHttpSession, credentials: tuple[str, str], counts: Counts):
        session.client.valid_response_codes = frozenset(range(100, 1000))
        self._session, self._counts = session, counts
        self._authorization = basic(*credentials)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Ask the service; whatever happens is an answer."""
        headers = {"Accept": "application/json", "Authorization": self._authorization}
        payload = None
        if body is not None:
            payload, headers["Content-Type"] = json.dumps(body), "application/json"
        began = time.monotonic()
        answer = self._send(method, path, path.partition("?")[0], payload, headers)
        self._counts.note_call(answer.status, time.monotonic() - began)
        return answer

    def browse(self, method: str, url: str, name: str, form: str | None = None) -> Answer:
        """Follow a link or send a form, as a browser does; redirects are not followed."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        return self._send(method, url, name, form, kind)

    def _send(
        self, method: str, url: str, name: str, payload: str | None, headers: dict[str, str]
    ) -> Answer:
        with self._session.request(
            method,
            url,
            name=name,
            data=payload,
            headers=headers | {"Accept-Encoding": "identity"},
            allow_redirects=False,
            catch_response=True,
        ) as response:
            try:
                content, status = response.content or b"", response.status_code
            except FAILURE_EXCEPTIONS:
                content, status = b"", 0
            # 503 with a time to come back is an answer like another; no answer is none.
            if status == 0 or (status >= _UNEXPECTED and status != 503):
                response.failure(kind_of(status))
            else:
                response.success()
            found = response.headers or {}
            return Answer(
                status,
                parse(content),
                found.get("Location") or "",
                _seconds(found.get("Retry-After")),
            )


def _seconds(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
