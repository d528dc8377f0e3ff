"""After a failure: whether everything that was acknowledged is still there, through the API."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import gevent

from loadtest.accounts import Account
from loadtest.aftermath import compare_sums, is_read, list_all
from loadtest.connection import look_up
from loadtest.crowd import Notes
from loadtest.gates import Gate, empty_gate
from loadtest.punctual import PunctualConnection
from loadtest.verify import Audit, Listing, audit

Known = Mapping[str, frozenset[int]]
"""By e-mail address, bookings that a run did not make."""

TRIES, PAUSE_SECONDS = 5, 1.0
"""What is missing may be on its way to where it is read; what is lost stays so."""


@dataclass(slots=True)
class Losses:
    """What the accounts list, held against what the crowd was told; readable findings."""

    audit: Audit
    lost_bookings: list[str] = field(default_factory=list)
    lost_seats: list[str] = field(default_factory=list)
    revived: list[str] = field(default_factory=list)
    """Bookings that were cancelled and are there all the same."""
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return all(gate.passed for gate in self.gates)

    @property
    def gates(self) -> list[Gate]:
        """The gates of correctness."""
        unread = [f"unknown for {one}" for one in self.audit.unread]
        return [
            empty_gate("the bookings of every account can be read", self.audit.unread),
            empty_gate("every acknowledged booking is there", [*self.lost_bookings, *unread]),
            empty_gate("every acknowledged seat is in its booking", [*self.lost_seats, *unread]),
            empty_gate("no seat is in two bookings", self.doubled),
            empty_gate("nobody holds a seat that was not given", self.unexplained),
            empty_gate("what was given back is gone", self.revived),
        ]

    @property
    def figures(self) -> dict[str, Any]:
        """Return how many acknowledgements are lost; none are known when not all could be read."""
        kinds = {
            "lost_bookings": self.lost_bookings,
            "lost_seats": self.lost_seats,
            "lost_cancellations": self.revived,
            "doubled": self.doubled,
        }
        known = {name: None if self.audit.unread else len(kinds[name]) for name in kinds}
        lost = [count for name, count in known.items() if name != "doubled"]
        return {"lost": None if self.audit.unread else sum(filter(None, lost)), **known}


def await_service(host: str, account: Account, seconds: float) -> Gate:
    """Wait until the service answers for an account again, at most so long."""
    address = look_up(host)
    request = address.get("/api/bookings", account.true_authorization)
    began, took = time.monotonic(), 0.0
    while True:
        with closing(PunctualConnection(address, min(5.0, seconds))) as connection:
            status, _ = connection.fetch(request)
        took = time.monotonic() - began
        if status == 200 or took >= seconds:
            break
        gevent.sleep(PAUSE_SECONDS / 2)
    return Gate(
        f"the service answers within {seconds:g} s after the load",
        status == 200,
        f"{status or 'no answer'} after {took:.1f} s",
    )


def bookings_before(host: str, accounts: Sequence[Account]) -> Known | None:
    """Return what the accounts have already, or nothing when that cannot be read."""
    listings = list_all(host, accounts)
    if not all(map(is_read, listings)):
        return None
    return {one.account.email: frozenset(one.bookings or ()) for one in listings}


def look_for_losses(
    host: str,
    accounts: Sequence[Account],
    notes: Notes,
    hold_seconds: float,
    known: Known | None,
    *,
    tries: int = TRIES,
) -> Losses:
    """Ask for everything that the accounts hold, and compare it with what the crowd was told.

    Known bookings are left out; nothing: there were none, and nobody else uses the accounts.
    """
    for number in range(tries):
        if number:
            gevent.sleep(PAUSE_SECONDS)
        listings = [without(one, known or {}) for one in list_all(host, accounts)]
        found = compare(listings, notes, hold_seconds, is_alone=known is None)
        if found.is_clean:
            break
    return found


def look_at_sums(host: str, accounts: Sequence[Account], event_id: int) -> Gate:
    """Whether the analytics of an event say what the accounts hold, if nobody else does."""
    found = compare_sums(host, event_id, list_all(host, accounts))
    return empty_gate("the sums of the analytics are those of the bookings", found)


def without(listing: Listing, known: Known) -> Listing:
    """Return a listing without bookings that were known before."""
    before = known.get(listing.account.email, frozenset())
    if listing.bookings is None or not before:
        return listing
    left = {number: seats for number, seats in listing.bookings.items() if number not in before}
    return replace(listing, bookings=left)


def compare(
    listings: Sequence[Listing], notes: Notes, hold_seconds: float, *, is_alone: bool
) -> Losses:
    """Hold listings against notes; unless it was alone, others may hold something too."""
    ledger = notes.ledger(hold_seconds)
    found = Losses(audit(listings, ledger))
    by_account = {one.account.email: one for one in listings}
    certain = hold_seconds - ledger.margin
    for email, booking_id, asked in notes.opened:
        listing = by_account[email]
        if (
            listing.bookings is not None
            and booking_id not in notes.undone
            and listing.received < asked + certain
            and booking_id not in listing.bookings
        ):
            found.lost_bookings.append(f"booking {booking_id} ({email})")
    found.lost_seats = [*map(str, ledger.lost)]
    pairs = [f"{first} and {second}" for first, second in ledger.doubled]
    found.doubled = [*pairs, *found.audit.doubled]
    ours = {booking_id for _, booking_id, _ in notes.opened}
    given = {(hold.booking_id, hold.seat_id) for hold in notes.holds} | notes.unclear
    listed = {
        (booking_id, seat_id)
        for one in listings
        for booking_id, seats in (one.bookings or {}).items()
        for seat_id in seats
        if is_alone or booking_id in ours
    }
    found.unexplained = [
        f"seat {seat_id} of booking {booking_id}" for booking_id, seat_id in sorted(listed - given)
    ]
    alive = {booking_id for one in listings for booking_id in one.bookings or ()}
    found.revived = [f"booking {one}" for one in notes.cancelled if one in alive]
    return found
