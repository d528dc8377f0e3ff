"""Booking: ten accounts buy the first free seat they are shown, again and again."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, ClassVar

import gevent
from locust import task
from locust.exception import StopUser

from loadtest.accounts import BOOKING_ACCOUNTS, Account
from loadtest.client import Answer, Caller, calling
from loadtest.gates import Gate, booking_gates, reset_gate
from loadtest.ledger import Hold, Ledger
from loadtest.live import LIVE
from loadtest.record import Record
from loadtest.stage import EVENT_ID, Visitor, list_bookings, play
from loadtest.verify import audit, read_bookings

PAGE_SIZE = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a buyer waits: before looking at the booking, and between rounds."""

    settle: float = 0.5
    shortest_pause: float = 0.5
    longest_pause: float = 2.5


@dataclass(slots=True)
class Rush:
    """What the buyers of one run share; a round in progress at the deadline is finished."""

    rounds: int
    deadline: float
    pace: Pace
    ledger: Ledger
    record: Record
    accounts: Iterator[Account] = field(default_factory=lambda: cycle(BOOKING_ACCOUNTS))


def run(
    host: str, *, seconds: float, users: int, rounds: int, hold_seconds: float, pace: Pace
) -> tuple[Record, list[Gate]]:
    """Reset the service, play the rush, and compare what is booked with what was acknowledged."""
    record, ledger = Record(), Ledger(hold_seconds)
    LIVE.show(record, users)
    with calling(host, record) as caller:
        answer = caller.call("POST", "/api/reset")
    reset = reset_gate(answer.status, answer.received - answer.sent)
    if not reset.passed:
        record.notes.append("No load was sent, since nothing follows from it without a reset.")
        return record, [reset]

    class RushBuyer(Buyer):
        rush = Rush(rounds, time.monotonic() + seconds, pace, ledger, record)

    play(RushBuyer, host, users, seconds, record)
    found = audit(list_bookings(host, list(islice(BOOKING_ACCOUNTS, users))), ledger)
    record.notes.append(f"The accounts list {found.bookings} bookings with {found.seats} seats.")
    if ledger.overdue:
        record.notes.append(f"{len(ledger.overdue)} holds were listed after their time.")
    if record.stale_seats:
        record.notes.append(
            f"{record.stale_seats} seats were listed as FREE though held,"
            f" for {record.stalest * 1000:.0f} ms at most."
        )
    return record, [reset, *booking_gates(record, ledger, found)]


class Buyer(Visitor):
    """Plays the rounds of one account."""

    abstract = True
    rush: ClassVar[Rush]

    def on_start(self) -> None:
        """Take the next account."""
        self.account = next(self.rush.accounts)
        self.caller = Caller(self.client, self.rush.record)
        self.check = self.rush.record.check
        self.rounds_left = self.rush.rounds

    @task
    def play_round(self) -> None:
        """List, book, select, look, pause; a round that cannot go on ends without the pause."""
        if not self.rounds_left or time.monotonic() >= self.rush.deadline:
            raise StopUser
        self.rounds_left -= 1
        seat_id = self.find_seat()
        if seat_id is None:
            return
        booking_id = self.create_booking()
        if booking_id is None:
            return
        pace = self.rush.pace
        if self.select_seat(booking_id, seat_id):
            gevent.sleep(pace.settle)
            self.look_at_bookings(booking_id, seat_id)
        gevent.sleep(random.uniform(pace.shortest_pause, pace.longest_pause))

    def find_seat(self) -> int | None:
        """Return the first seat listed."""
        answer = self.call(
            "GET", f"/api/seats?event_id={EVENT_ID}&status=FREE&pageSize={PAGE_SIZE}"
        )
        seen = answer.seen
        is_array = isinstance(answer.data, list)
        seats = (
            [seat if isinstance(seat, dict) else {} for seat in answer.data or ()]
            if is_array
            else []
        )
        ids = [seat.get("id") for seat in seats]
        self.check("seats: 200", answer.status == 200, seen)
        self.check(
            f"seats: an array of at most {PAGE_SIZE}", is_array and len(ids) <= PAGE_SIZE, seen
        )
        self.check("seats: all are FREE", all(seat.get("status") == "FREE" for seat in seats), seen)
        self.check("seats: ids are unique", len(set(map(repr, ids))) == len(ids), seen)
        self.check("seats: types are right", all(map(is_seat, seats)), seen)
        # The event has far more seats than a run can buy.
        self.check("seats: there is one", seats, seen)
        if answer.status != 200 or not ids or not is_number(ids[0]):
            return None
        self.rush.record.note_stale(self.rush.ledger.held_for(ids, sent=answer.sent))
        return ids[0]

    def create_booking(self) -> int | None:
        """Return the id of a new booking, or nothing when it was refused."""
        misspelt = self.account.is_misspelt
        name = "POST /api/bookings (wrong password)" if misspelt else None
        answer = self.call("POST", "/api/bookings", {"event_id": EVENT_ID}, name=name)
        if misspelt:
            self.check("booking with a wrong password: 401", answer.status == 401, answer.seen)
            self.rush.record.refused_rounds += answer.status == 401
        else:
            self.check("booking: 201", answer.status == 201, answer.seen)
        if answer.status != 201:
            return None
        booking_id = answer.field("id")
        numeric = self.check("booking: its id is a number", is_number(booking_id), answer.seen)
        return booking_id if numeric else None

    def select_seat(self, booking_id: int, seat_id: int) -> bool:
        """Count the outcome as the judge does and return whether the seat was given."""
        record = self.rush.record
        answer = self.call(
            "PATCH", "/api/seats/select", {"booking_id": booking_id, "seat_id": seat_id}
        )
        self.check("select: 200 or 419", answer.status in {200, 419}, answer.seen)
        if answer.status == 200:
            record.success += 1
            hold = Hold(self.account.email, booking_id, seat_id, answer.sent, answer.received)
            self.rush.ledger.acknowledge(hold)
        elif answer.status == 419:
            record.conflict += 1
        else:
            record.failed += 1
        return answer.status == 200

    def look_at_bookings(self, booking_id: int, seat_id: int) -> None:
        """Find the booking with the seat among one's own, and everything bought before."""
        answer = self.call("GET", "/api/bookings")
        listed = answer.data if isinstance(answer.data, list) else []
        own = [one for one in listed if isinstance(one, dict) and one.get("id") == booking_id]
        bookings = read_bookings(answer.data) or {}
        seen = f"{answer.status} {own} without seat {seat_id} of booking {booking_id}"
        self.check("own bookings: 200", answer.status == 200, answer.seen)
        self.check("own bookings: the seat is there", seat_id in bookings.get(booking_id, ()), seen)
        self.check("own bookings: event_id is 1", own and own[0].get("event_id") == EVENT_ID, seen)
        if answer.status == 200:
            email = self.account.email
            self.rush.ledger.compare(email, bookings, sent=answer.sent, received=answer.received)

    def call(
        self, method: str, path: str, body: dict[str, int] | None = None, name: str | None = None
    ) -> Answer:
        """Make a request as the generator does for this account."""
        authorization = self.account.sent_authorization
        return self.caller.call(method, path, name=name, authorization=authorization, body=body)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_seat(seat: dict[str, Any]) -> bool:
    """Whether the members of a listed seat have their types."""
    return all(is_number(seat.get(name)) for name in ("id", "row", "number")) and all(
        isinstance(seat.get(name), str) for name in ("status", "price")
    )
