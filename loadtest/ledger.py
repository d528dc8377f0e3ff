"""The holds that the service acknowledged, and what may be concluded from them as time passes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

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

    def shifted(self, seconds: float) -> "Hold":
        """Return the same by another host's clock."""
        return replace(self, asked=self.asked + seconds, granted=self.granted + seconds)

    def __str__(self) -> str:
        return f"seat {self.seat_id} of booking {self.booking_id} ({self.email})"


@dataclass(frozen=True, slots=True)
class Return:
    """A seat that its buyer asked to give back; once that is granted, it must be gone."""

    booking_id: int
    seat_id: int
    asked: float
    granted: float | None
    """Nothing when no answer came, so that the seat may be there or not."""

    def shifted(self, seconds: float) -> "Return":
        """Return the same by another host's clock."""
        granted = None if self.granted is None else self.granted + seconds
        return replace(self, asked=self.asked + seconds, granted=granted)


class Ledger:
    """All acknowledged holds of a run, and what was given back of them.

    A hold lives for `hold_seconds` from some moment between `asked` and `granted`. Within that time
    less a margin, or until somebody asks to give it back, it must be there and nobody else may get
    the seat; later it may be gone or not.
    """

    def __init__(self, hold_seconds: float) -> None:
        self.hold_seconds = hold_seconds
        self.margin = min(5.0, hold_seconds / 10)
        self.holds: list[Hold] = []
        self.doubled: list[tuple[Hold, Hold]] = []
        self.lost: dict[Hold, None] = {}
        self.overdue: dict[Hold, None] = {}
        self.kept: dict[Hold, None] = {}
        """What is listed although it was given back."""
        self._returns: dict[tuple[int, int], Return] = {}
        self._by_account: defaultdict[str, list[Hold]] = defaultdict(list)
        self._latest: dict[int, Hold] = {}

    def certain_until(self, hold: Hold) -> float:
        """Return the moment up to which the hold cannot have run out."""
        runs_out = hold.asked + self.hold_seconds - self.margin
        given_back = self._returns.get((hold.booking_id, hold.seat_id))
        return runs_out if given_back is None else min(runs_out, given_back.asked)

    def give_back(self, given_back: Return) -> None:
        """Enter a return; before the holds that were granted after it was asked for."""
        self._returns[given_back.booking_id, given_back.seat_id] = given_back

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
            given_back = self._returns.get((hold.booking_id, hold.seat_id))
            if shown and given_back and given_back.granted and given_back.granted <= sent:
                self.kept[hold] = None

    def held_for(self, seat_ids: Iterable[int], *, sent: float) -> list[float]:
        """Return for each of the seats certainly held at a moment for how long it had been held."""
        latest = [self._latest[seat_id] for seat_id in seat_ids if seat_id in self._latest]
        return [
            sent - hold.granted
            for hold in latest
            if hold.granted <= sent and sent + self.margin < self.certain_until(hold)
        ]
