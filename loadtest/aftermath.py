"""After the load, through the API alone: what accounts list, and what the analytics say of it."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import gevent
from gevent.pool import Group

from loadtest.accounts import Account
from loadtest.client import parse
from loadtest.connection import Address, Connection, look_up
from loadtest.gates import Gate, empty_gate
from loadtest.sales import Sales
from loadtest.verify import Audit, Listing, audit, read_bookings, read_events

READERS = 16
"""Accounts asked at the same time; a service needs some, to use its cores."""
TRIES, PAUSE_SECONDS = 4, 0.5
"""A service that has just been under load may still be busy, and a list of seats a moment old."""
COUNTS = ("total_seats", "sold_seats", "reserved_seats", "free_seats", "bookings_count")


@dataclass(frozen=True, slots=True)
class Sums:
    """The analytics of an event."""

    total_seats: int
    sold_seats: int
    reserved_seats: int
    free_seats: int
    bookings_count: int
    total_revenue: Decimal


@dataclass(slots=True)
class Aftermath:
    """What the service says when everything is over."""

    audit: Audit
    unread: list[str]
    unexplained: list[str]
    """Seats in bookings that nobody was given, beyond those of selections without an answer."""
    cancelled: list[str]
    sums: list[str]
    """Where the analytics and the bookings do not agree."""
    seconds: float

    def notes(self, sales: Sales) -> list[str]:
        """What is worth knowing, in sentences."""
        return [
            (
                f"{len(sales.holds)} seats given, {len(sales.returns)} given back,"
                f" {sales.conflicts} conflicts, {sales.unanswered} selections without an answer."
            ),
            (
                f"Correctness was read through the API in {self.seconds:.1f} s:"
                f" {self.audit.bookings} bookings with {self.audit.seats} seats."
            ),
        ]


def look_after(
    host: str, accounts: Sequence[Account], sales: Sales, events: Iterable[int], hold_seconds: float
) -> tuple[Aftermath, list[Gate]]:
    """Ask for everything that the accounts hold, compare it, and return the gates of correctness.

    The accounts must be the only ones who hold anything of these events.
    """
    began = time.monotonic()
    ledger = sales.ledger(hold_seconds)
    listings = list_all(host, accounts)
    found = Aftermath(audit(listings, ledger), [], [], [], [], 0.0)
    found.unread = [f"{one.account.email}: {one.status}" for one in listings if not is_read(one)]
    listed = {
        (booking_id, seat_id)
        for one in listings
        for booking_id, seats in (one.bookings or {}).items()
        for seat_id in seats
    }
    given = {(hold.booking_id, hold.seat_id) for hold in sales.holds}
    extra = sorted(listed - given)
    if len(extra) > sales.unanswered:
        found.unexplained = [
            f"seat {seat_id} of booking {booking_id}" for booking_id, seat_id in extra
        ]
    alive = {booking_id for one in listings for booking_id in one.bookings or ()}
    found.cancelled = [
        f"booking {booking_id}" for booking_id in sales.cancelled if booking_id in alive
    ]
    found.sums = [line for event_id in events for line in compare_sums(host, event_id, listings)]
    found.seconds = time.monotonic() - began
    pairs = [f"{first} and {second}" for first, second in ledger.doubled]
    missing = [*map(str, ledger.lost), *(f"unknown for {one}" for one in found.unread)]
    return found, [
        empty_gate("the bookings of every account can be read", found.unread),
        empty_gate("no seat is in two bookings", [*pairs, *found.audit.doubled]),
        empty_gate("every acknowledged seat is in its booking", missing),
        empty_gate("nobody holds a seat that was not given", found.unexplained),
        empty_gate("what was given back is gone", [*map(str, ledger.kept), *found.cancelled]),
        empty_gate("the sums of the analytics are those of the bookings", found.sums),
    ]


def is_read(listing: Listing) -> bool:
    """Whether the account's bookings are known."""
    return listing.bookings is not None


def list_all(host: str, accounts: Sequence[Account]) -> list[Listing]:
    """Ask for the bookings of each account."""
    address = look_up(host)
    left, listings = iter(accounts), list[Listing]()

    def read() -> None:
        with closing(Connection(address)) as connection:
            for account in left:
                listings.append(list_own(connection, address, account))

    readers = Group()
    for _ in range(min(READERS, len(accounts))):
        readers.spawn(read)
    readers.join(raise_error=True)
    return listings


def list_own(connection: Connection, address: Address, account: Account) -> Listing:
    """Ask for the bookings of one account."""
    request = address.get("/api/bookings", account.true_authorization)
    sent, status, data = ask(connection, request)
    bookings = read_bookings(data) if status == 200 else None
    events = {} if bookings is None else read_events(data)
    return Listing(account, status, bookings, sent, time.monotonic(), events)


def ask(connection: Connection, request: bytes) -> tuple[float, int, Any]:
    """Return when a request was sent, its status and its JSON; try again while there is none."""
    for _ in range(TRIES):
        sent = time.monotonic()
        status, body = connection.fetch(request)
        if 0 < status < 500:
            break
        gevent.sleep(PAUSE_SECONDS)
    return sent, status, parse(body)


def read_sums(host: str, event_id: int) -> Sums | None:
    """Return the analytics of an event, or nothing when they are none."""
    address = look_up(host)
    with closing(Connection(address)) as connection:
        _, status, data = ask(connection, address.get(f"/api/analytics?id={event_id}"))
    try:
        counts = [data[name] for name in COUNTS]
        revenue = Decimal(data["total_revenue"])
    except (TypeError, KeyError, InvalidOperation):
        return None
    if status != 200 or any(type(count) is not int for count in counts):
        return None
    return Sums(*counts, revenue)


def compare_sums(host: str, event_id: int, listings: Sequence[Listing]) -> list[str]:
    """Return where the analytics of an event and the bookings that are listed do not agree."""
    bookings: Counter[str] = Counter()
    for listing in listings:
        for booking_id, seats in (listing.bookings or {}).items():
            if listing.events.get(booking_id) == event_id:
                bookings["bookings"] += 1
                bookings["seats"] += len(seats)
    for _ in range(TRIES):
        sums = read_sums(host, event_id)
        found = ["no analytics"] if sums is None else list(differences(sums, bookings))
        if not found:
            break
        time.sleep(PAUSE_SECONDS)
    return [f"event {event_id}: {one}" for one in found]


def differences(sums: Sums, bookings: Counter[str]) -> Iterator[str]:
    """Yield what does not agree; nothing can have brought money when no seat is sold."""
    held = sums.reserved_seats + sums.sold_seats
    if held != bookings["seats"]:
        yield f"{held} seats reserved or sold, {bookings['seats']} in bookings"
    if sums.bookings_count != bookings["bookings"]:
        yield f"{sums.bookings_count} bookings, {bookings['bookings']} listed"
    if held + sums.free_seats != sums.total_seats:
        yield f"{held} seats held and {sums.free_seats} free of {sums.total_seats}"
    if bool(sums.total_revenue) and not sums.sold_seats:
        yield f"{sums.total_revenue} earned and no seat sold"
