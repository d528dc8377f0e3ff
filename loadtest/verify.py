"""After the load: what the accounts hold according to the service, against what it acknowledged."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.accounts import Account
from loadtest.ledger import Bookings, Ledger


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to an account's GET /api/bookings; no bookings when it could not be read."""

    account: Account
    status: int
    bookings: Bookings | None
    sent: float
    received: float
    events: Mapping[int, int] = field(default_factory=dict)
    """The event of each booking."""


@dataclass(slots=True)
class Audit:
    """What the listings of all accounts together show; each entry is a readable finding."""

    unread: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    refused_holders: list[str] = field(default_factory=list)
    bookings: int = 0
    seats: int = 0


def read_bookings(data: Any) -> Bookings | None:
    """Return the seats by booking id, or nothing when the data is no list of bookings."""
    try:
        return {
            number(booking["id"]): frozenset(number(seat["id"]) for seat in booking["seats"])
            for booking in data
        }
    except (KeyError, TypeError):
        return None


def read_events(data: Any) -> dict[int, int]:
    """Return the event by booking id of a list of bookings that could be read."""
    return {booking["id"]: booking.get("event_id") for booking in data}


def number(value: Any) -> int:
    """Return an integer of a JSON document; raises TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def audit(listings: Iterable[Listing], ledger: Ledger) -> Audit:
    """Compare the listings with one another and with the ledger, which notes what is lost."""
    found = Audit()
    holders: defaultdict[int, list[str]] = defaultdict(list)
    for listing in listings:
        email = listing.account.email
        if listing.bookings is None:
            # An account the generator cannot log in to need not be open to its true password.
            if not (listing.account.is_misspelt and listing.status == 401):
                found.unread.append(f"{email}: {listing.status}")
            continue
        if listing.account.is_misspelt and listing.bookings:
            found.refused_holders.append(f"{email}: {len(listing.bookings)} bookings")
        ledger.compare(email, listing.bookings, sent=listing.sent, received=listing.received)
        found.bookings += len(listing.bookings)
        for booking_id, seats in listing.bookings.items():
            found.seats += len(seats)
            for seat_id in seats:
                holders[seat_id].append(f"booking {booking_id} ({email})")
    found.doubled = [
        f"seat {seat_id} is in {' and '.join(bookings)}"
        for seat_id, bookings in holders.items()
        if len(bookings) > 1
    ]
    return found
