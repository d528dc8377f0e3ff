"""The holds that the service acknowledged, and what may be concluded from them as time passes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# The seats of each booking of one account, as it lists them.
Bookings = Mapping[int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Hold:
    """A seat that a 200 gave to a booking; times are monotonic seconds of the generator."""

    email: str
    booking_id: int
    seat_id: int
    asked: float
    granted: float

    def __str__(self) -> str:
        return f"seat {self.seat_id} of booking {self.booking_id} ({self.email})"


class Ledger:
    """All acknowledged holds of a run.

    A hold lives for `hold_seconds` from some moment between `asked` and `granted`. Within that time
    less a margin it must be there and nobody else may get the seat; later it may be gone or not.
    """

    def __init__(self, hold_seconds: float) -> None:
        self.hold_seconds = hold_seconds
        self.margin = min(5.0, hold_seconds / 10)
        self.holds: list[Hold] = []
        self.doubled: list[tuple[Hold, Hold]] = []
        self.lost: dict[Hold, None] = {}
        self.overdue: dict[Hold, None] = {}
        self._by_account: defaultdict[str, list[Hold]] = defaultdict(list)
        self._latest: dict[int, Hold] = {}

    def certain_until(self, hold: Hold) -> float:
        """Return the moment up to which the hold cannot have run out."""
        return hold.asked + self.hold_seconds - self.margin

    def acknowledge(self, hold: Hold) -> None:
        """Enter a hold; in the order of their `granted`."""
        before = self._latest.get(hold.seat_id)
        if (
            before is not None
            and before.booking_id != hold.booking_id
            and hold.granted < self.certain_until(before)
        ):
            self.doubled.append((before, hold))
        self.holds.append(hold)
        self._latest[hold.seat_id] = hold
        self._by_account[hold.email].append(hold)

    def compare(self, email: str, bookings: Bookings, *, sent: float, received: float) -> None:
        """Note which holds an account's listing, asked for and received then, does not show."""
        for hold in self._by_account[email]:
            shown = hold.seat_id in bookings.get(hold.booking_id, ())
            if not shown and hold.granted <= sent and received < self.certain_until(hold):
                self.lost[hold] = None
            if shown and sent > hold.granted + self.hold_seconds + self.margin:
                self.overdue[hold] = None

    def held_for(self, seat_ids: Iterable[int], *, sent: float) -> list[float]:
        """Return for each of the seats certainly held at a moment for how long it had been held."""
        latest = [self._latest[seat_id] for seat_id in seat_ids if seat_id in self._latest]
        return [
            sent - hold.granted
            for hold in latest
            if hold.granted <= sent and sent + self.margin < self.certain_until(hold)
        ]
