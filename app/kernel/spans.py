"""What the time of a request goes into; noted only for a request that somebody watches.

Whoever spends time asks `watched.get()`, which is None for all others, and adds what it took.
"""

from __future__ import annotations

import contextvars
from typing import NamedTuple


class Span(NamedTuple):
    """A piece of time; in seconds of `time.perf_counter`."""

    name: str
    began: float
    ended: float


class Spans(list[Span]):
    """The pieces of one request, in the order in which they ended."""

    def note(self, name: str, began: float, ended: float) -> None:
        self.append(Span(name, began, ended))

    def server_timing(self, seconds: float) -> str:
        """The value of the header Server-Timing: the whole time, then that of each name."""
        sums: dict[str, tuple[int, float]] = {}
        for span in self:
            count, total = sums.get(span.name, (0, 0.0))
            sums[span.name] = (count + 1, total + span.ended - span.began)
        parts = [f"total;dur={seconds * 1000:.2f}"]
        parts += [
            f'{name};dur={total * 1000:.2f};desc="{count}"' for name, (count, total) in sums.items()
        ]
        return ", ".join(parts)


watched: contextvars.ContextVar[Spans | None] = contextvars.ContextVar("watched", default=None)


def is_asked_for(environ: dict[str, object]) -> bool:
    """Whether the caller may and wants to see where the time goes.

    It sends X-Server-Timing, and comes from inside: the edge puts X-Forwarded-For into every
    request that it passes on.
    """
    return "HTTP_X_SERVER_TIMING" in environ and "HTTP_X_FORWARDED_FOR" not in environ
