"""What the service has acknowledged to its buyers, for the end to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Promise:
    """What the buyer of a booking has been told; times are monotonic seconds.

    A request whose answer was no yes may have had its effect all the same: `perhaps`.
    """

    account: str
    booking_id: int
    event_id: int
    held_until: float
    """The hold cannot have run out before."""
    held: set[int] = field(default_factory=set)
    """Seats whose selection was acknowledged, and that nobody has asked to give up."""
    confirmed: frozenset[int] = frozenset()
    """The seats that it had when its buyer saw it CONFIRMED."""
    given_back: set[int] = field(default_factory=set)
    perhaps_given_back: set[int] = field(default_factory=set)
    is_cancelled: bool = False
    perhaps_cancelled: bool = False
    refund_minor: int = 0
    """What was agreed to go back."""
    is_excused: bool = False
    """A reset may have erased it."""

    @property
    def kept(self) -> frozenset[int]:
        """The seats that have to be there at the end."""
        if self.is_cancelled or self.perhaps_cancelled or self.is_excused:
            return frozenset()
        return self.confirmed - self.given_back - self.perhaps_given_back

    def has(self, seat_id: int, now: float) -> bool:
        """Whether a seat is certainly this booking's at a moment."""
        return seat_id in self.kept or (
            seat_id in self.held and now < self.held_until and not self.is_excused
        )


@dataclass(slots=True)
class Memory:
    """All promises of a run."""

    promises: dict[int, Promise] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    """Seats that two buyers had been given at one time."""
    _by_seat: dict[int, list[Promise]] = field(default_factory=dict)

    def book(self, promise: Promise) -> None:
        """A booking was acknowledged."""
        self.promises[promise.booking_id] = promise

    def hold(self, promise: Promise, seat_id: int, now: float) -> None:
        """A selection was acknowledged."""
        owners = self._by_seat.setdefault(seat_id, [])
        self.doubled += [
            f"seat {seat_id} was given to booking {promise.booking_id} while booking"
            f" {other.booking_id} had it"
            for other in owners
            if other is not promise and other.has(seat_id, now)
        ]
        promise.held.add(seat_id)
        if promise not in owners:
            owners.append(promise)

    def confirm(self, promise: Promise, seat_ids: Iterable[int]) -> None:
        """The buyer has seen the booking paid."""
        promise.confirmed = frozenset(seat_ids)

    def excuse_all(self) -> None:
        """A reset erases what was acknowledged before it."""
        for promise in self.promises.values():
            promise.is_excused = True
