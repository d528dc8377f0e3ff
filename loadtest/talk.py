"""What a virtual user says to the service during one visit; every answer is noted at once."""

import time
from typing import Protocol

from loadtest.traffic import Traffic


class Line(Protocol):
    """What a virtual user makes its requests over."""

    repeated: int

    def open(self) -> None:
        """Connect, if the service lets us."""

    def fetch(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body; status 0 and the reason when no answer came."""

    def close(self) -> None:
        """Close the connection."""


class Talk:
    """One visit over one connection; moments are monotonic seconds."""

    __slots__ = ("_is_begun", "_line", "_start", "due", "traffic")

    def __init__(self, traffic: Traffic, line: Line, start: float, due: float) -> None:
        self.traffic = traffic
        self.due = due
        self._line = line
        self._start = start
        self._is_begun = False

    def ask(self, shape: str, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body, 0 and the reason when no answer came.

        The first one of a visit is timed from when the visit was due. Those that follow are timed
        from their send: nobody meant them to come before the answer to the one before.
        """
        traffic, sent = self.traffic, time.monotonic()
        due = sent if self._is_begun else self.due
        self._is_begun = True
        traffic.sent[int(sent - self._start)] += 1
        traffic.series.count(sent, "sent")
        status, body = self._line.fetch(request)
        received = time.monotonic()
        noted = traffic.shapes[shape]
        noted.seconds.note(received - due)
        noted.statuses[status] += 1
        traffic.series.note(due, received, status)
        traffic.from_send.note(received - sent)
        if 200 <= status < 400:
            traffic.answered[int(received - self._start)] += 1
        return status, body
