"""A circuit breaker: calls that would fail anyway are not made.

Our own, because the libraries do not fit: circuitbreaker 2.1.3 and purgatory 3.0.1 let every call
through once the pause is over, and pybreaker 1.4.1 holds a lock during the call, so that calls
would go one after the other. Nothing here waits, so greenlets need no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum


class State(StrEnum):
    """Whether calls are made."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after `failures` in a row for `pause` seconds; then at most `trials` at once decide.

    `on_change` hears of each new state.
    """

    def __init__(
        self,
        *,
        failures: int,
        pause: float,
        trials: int,
        on_change: Callable[[State], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = State.CLOSED
        self._limit, self._pause, self._trials = failures, pause, trials
        self._on_change, self._clock = on_change, clock
        self._failures = self._under_way = self._era = 0
        self._open_until = 0.0

    def seconds_open(self) -> float:
        """How long no call will be admitted; 0 where one may be."""
        return max(0.0, self._open_until - self._clock()) if self.state is State.OPEN else 0.0

    def admit(self) -> int | None:
        """A ticket for one call, to be handed back by one of the three below; None: do not call."""
        if self.seconds_open() > 0:
            return None
        if self.state is State.OPEN:
            self._turn(State.HALF_OPEN)
        if self.state is State.HALF_OPEN and self._under_way >= self._trials:
            return None
        self._under_way += 1
        return self._era

    def succeeded(self, ticket: int) -> None:
        """The service answered as it should."""
        if self._takes_back(ticket):
            self._failures = 0
            if self.state is State.HALF_OPEN:
                self._turn(State.CLOSED)

    def failed(self, ticket: int) -> None:
        """The service did not answer, or not as it should."""
        if self._takes_back(ticket):
            self._failures += 1
            if self.state is State.HALF_OPEN or self._failures >= self._limit:
                self._open_until = self._clock() + self._pause
                self._turn(State.OPEN)

    def abandoned(self, ticket: int) -> None:
        """The call ended for a reason that says nothing of the service."""
        self._takes_back(ticket)

    def reset(self) -> None:
        """Forget everything."""
        self._turn(State.CLOSED)

    def _takes_back(self, ticket: int) -> bool:
        # Calls from before the last change are old news: they neither close nor prolong anything.
        if ticket != self._era:
            return False
        self._under_way -= 1
        return True

    def _turn(self, state: State) -> None:
        was, self.state, self._era = self.state, state, self._era + 1
        self._failures = self._under_way = 0
        if state is not was:
            self._on_change(state)
