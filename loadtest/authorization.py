"""Authorization: 42 requests in which nobody may take away what another has selected."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from locust import task
from locust.exception import StopUser

from loadtest.accounts import AUTHORIZATION_PAIRS, Account
from loadtest.client import Answer, Caller
from loadtest.gates import Gate, authorization_gates
from loadtest.ledger import Ledger
from loadtest.live import LIVE
from loadtest.record import Record
from loadtest.stage import EVENT_ID, Visitor, list_bookings, play
from loadtest.verify import audit


@dataclass(slots=True)
class Script:
    """The rounds still to play, until when, and the ids of the bookings made so far."""

    deadline: float
    record: Record
    pairs: Iterator[tuple[Account, Account]] = field(
        default_factory=lambda: iter(AUTHORIZATION_PAIRS)
    )
    bookings: list[int] = field(default_factory=list)


def run(host: str, *, seconds: float) -> tuple[Record, list[Gate]]:
    """Play the six rounds with one user, and see that nothing of them is left."""
    record = Record()
    LIVE.show(record, users=1)
    played = Script(time.monotonic() + seconds, record)

    class ScriptPlayer(Player):
        script = played

    play(ScriptPlayer, host, 1, seconds, record)
    accounts = list(dict.fromkeys(owner for owner, _ in AUTHORIZATION_PAIRS))
    listings = list_bookings(host, accounts)
    left_over = [
        f"booking {booking_id} ({listing.account.email})"
        for listing in listings
        for booking_id in played.bookings
        if booking_id in (listing.bookings or ())
    ]
    # Nothing acknowledged is meant to last here, so the length of a hold does not matter.
    found = audit(listings, Ledger(hold_seconds=0))
    return record, authorization_gates(record, found, left_over)


class Player(Visitor):
    """Plays both users of each pair over one connection, as the generator does."""

    abstract = True
    script: ClassVar[Script]

    def on_start(self) -> None:
        """Open the connection."""
        self.caller = Caller(self.client, self.script.record)

    @task
    def play_round(self) -> None:
        """Let one user select, the other be forbidden to undo it, and the first undo it."""
        pair = next(self.script.pairs, None)
        if pair is None or time.monotonic() >= self.script.deadline:
            raise StopUser
        owner, stranger = pair
        seat_id = self.find_seat(owner)
        if seat_id is None:
            return
        answer = self.step(
            "the owner books", {200, 201}, owner, "POST", "/api/bookings", event_id=EVENT_ID
        )
        booking_id = answer.field("id")
        if not isinstance(booking_id, int):
            return
        self.script.bookings.append(booking_id)
        select, release, cancel = "/api/seats/select", "/api/seats/release", "/api/bookings/cancel"
        both = {"booking_id": booking_id, "seat_id": seat_id}
        self.step("the owner selects", {200}, owner, "PATCH", select, **both)
        self.step("another releases", {403}, stranger, "PATCH", release, seat_id=seat_id)
        self.step("another cancels", {403}, stranger, "PATCH", cancel, booking_id=booking_id)
        self.step("the owner releases", {200}, owner, "PATCH", release, seat_id=seat_id)
        self.step("the owner cancels", {200}, owner, "PATCH", cancel, booking_id=booking_id)

    def find_seat(self, owner: Account) -> int | None:
        """Return the first FREE seat of the default page."""
        answer = self.step(
            "the owner lists", {200}, owner, "GET", f"/api/seats?event_id={EVENT_ID}"
        )
        seats = answer.data if isinstance(answer.data, list) else []
        free = [
            seat.get("id")
            for seat in seats
            if isinstance(seat, dict) and seat.get("status") == "FREE"
        ]
        self.script.record.check("the default page shows a FREE seat", free, answer.seen)
        return free[0] if free else None

    def step(
        self, name: str, expected: set[int], account: Account, method: str, path: str, **body: int
    ) -> Answer:
        """Make one request and check its status."""
        answer = self.caller.call(
            method, path, authorization=account.sent_authorization, body=body or None
        )
        statuses = " or ".join(map(str, sorted(expected)))
        self.script.record.check(f"{name}: {statuses}", answer.status in expected, answer.seen)
        return answer
