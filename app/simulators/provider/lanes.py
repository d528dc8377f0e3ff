"""A lane: takes messages to their effects, so many a second, and may stop for good."""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable

from app.simulators.provider.knobs import LaneKnobs, Panel
from app.simulators.provider.records import Message

_LONGEST_PAUSE = 0.05  # Seconds until a turned knob is noticed.
_CATCH_UP = 0.02  # Seconds of messages that a late wake-up may deliver at once.
_BATCH = 100  # Messages until others get their turn.


class LaneStoppedError(Exception):
    """The message at hand cannot be delivered, now or ever."""


class Lane:
    """Delivers messages one by one; `deliver` tells whether a message is to come again."""

    def __init__(
        self, *, panel: Panel, knobs: Callable[[], LaneKnobs], deliver: Callable[[Message], bool]
    ) -> None:
        self.stuck_at: Message | None = None
        self.delivered = 0
        self._panel = panel
        self._knobs = knobs
        self._deliver = deliver
        self._arriving: deque[tuple[float, Message]] = deque()
        self._ready: list[tuple[int, int, Message]] = []
        self._order = ""
        self._last = 0.0  # When the latest message went, by the pace of the lane.
        self._wake = threading.Event()

    def __len__(self) -> int:
        return len(self._arriving) + len(self._ready)

    @property
    def is_stopped(self) -> bool:
        """Tell whether nothing comes, for whatever reason."""
        return bool(self._knobs().stopped or self._panel.is_at_standstill or self.stuck_at)

    def put(self, message: Message) -> None:
        """Send a message on its way."""
        self._arriving.append((time.monotonic(), message))
        self._wake.set()

    def forget(self) -> None:
        """Forget what is under way, and what the lane is stuck at."""
        self._arriving.clear()
        self._ready.clear()
        self.stuck_at = None
        self.delivered = 0

    def run(self) -> None:
        """Deliver for ever."""
        while True:
            self._wake.wait(self.step(time.monotonic()))
            self._wake.clear()

    def step(self, now: float) -> float | None:
        """Deliver what may arrive by now; return the seconds until there is more to do, if ever."""
        knobs = self._knobs()
        self._take_in(now, knobs)
        if not self.is_stopped:
            for _ in range(_BATCH):
                due = self._last + 1 / knobs.per_second
                if not self._ready or due > now:
                    break
                self._last = max(due, now - _CATCH_UP)
                self._deliver_next()
                if self.stuck_at:
                    break
        return self._pause(now, knobs)

    def _take_in(self, now: float, knobs: LaneKnobs) -> None:
        if knobs.order != self._order:
            self._order = knobs.order
            self._ready = [self._rank(message) for _, _, message in self._ready]
            heapq.heapify(self._ready)
        while self._arriving and self._arriving[0][0] + knobs.delay_ms / 1000 <= now:
            heapq.heappush(self._ready, self._rank(self._arriving.popleft()[1]))

    def _rank(self, message: Message) -> tuple[int, int, Message]:
        by_revision = message.revision if self._order == "revision" else 0
        return by_revision, message.seq, message

    def _deliver_next(self) -> None:
        ranked = heapq.heappop(self._ready)
        try:
            comes_again = self._deliver(ranked[2])
        except LaneStoppedError:
            self.stuck_at = ranked[2]
            comes_again = True
        else:
            self.delivered += 1
        if comes_again:
            heapq.heappush(self._ready, ranked)

    def _pause(self, now: float, knobs: LaneKnobs) -> float | None:
        if self.is_stopped:
            return _LONGEST_PAUSE if len(self) else None
        if self._ready:
            until = self._last + 1 / knobs.per_second
        elif self._arriving:
            until = self._arriving[0][0] + knobs.delay_ms / 1000
        else:
            return None
        return min(max(until - now, 0.0), _LONGEST_PAUSE)
