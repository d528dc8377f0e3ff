"""The steps of a buyer: what is sent, what must come, and what is noted of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtest.accounts import Account
from loadtest.client import parse
from loadtest.connection import Address
from loadtest.ledger import Hold, Return
from loadtest.sales import Sales
from loadtest.talk import Talk
from loadtest.verify import read_bookings

SEATS, BOOKINGS = "/api/seats", "/api/bookings"
SELECT, RELEASE, CANCEL = "/api/seats/select", "/api/seats/release", "/api/bookings/cancel"


@dataclass(slots=True)
class Cart:
    """A booking of an account and the seats that it was given."""

    account: Account
    booking_id: int
    seats: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shop:
    """A service at an address. Shapes begin with a prefix, so that buyers can be told apart."""

    address: Address
    sales: Sales
    prefix: str = ""

    def list_free(
        self, talk: Talk, event_id: int, count: int, account: Account
    ) -> list[int] | None:
        """Return the ids of at most so many free seats, or nothing when there was no list."""
        path = f"{SEATS}?event_id={event_id}&status=FREE&pageSize={count}"
        request = self.address.get(path, account.true_authorization)
        status, body = talk.ask(f"{self.prefix}GET {SEATS}", request)
        if status != 200:
            return None
        seats = parse(body)
        try:
            ids = [seat["id"] for seat in seats if type(seat["id"]) is int]
            is_right = len(ids) == len(seats) == len(set(ids)) <= count and all(
                seat["status"] == "FREE" for seat in seats
            )
        except (TypeError, KeyError):
            ids, is_right = [], False
        self._check("seats: FREE ones, none twice, not too many", is_right, body)
        return ids if is_right else None

    def book(self, talk: Talk, event_id: int, account: Account) -> Cart | None:
        """Open a booking."""
        request = self.address.send("POST", BOOKINGS, account.true_authorization, event_id=event_id)
        status, body = talk.ask(f"{self.prefix}POST {BOOKINGS}", request)
        if status != 201:
            return None
        data = parse(body)
        booking_id = data.get("id") if isinstance(data, dict) else None
        is_right = type(booking_id) is int
        self._check("booking: its id is a number", is_right, body)
        return Cart(account, booking_id) if is_right else None

    def select(self, talk: Talk, cart: Cart, seat_id: int) -> bool:
        """Put a seat into a booking, and note whether it was given, taken or nobody knows."""
        request = self.address.send(
            "PATCH",
            SELECT,
            cart.account.true_authorization,
            booking_id=cart.booking_id,
            seat_id=seat_id,
        )
        asked = time.monotonic()
        status, body = talk.ask(f"{self.prefix}PATCH {SELECT}", request)
        if status == 200:
            hold = Hold(cart.account.email, cart.booking_id, seat_id, asked, time.monotonic())
            self.sales.holds.append(hold)
            cart.seats.append(seat_id)
        elif status == 419:
            self.sales.conflicts += 1
        elif status == 0 or status >= 500:
            self.sales.unanswered += 1
        else:
            self._check("select: nothing but 200, 419 or 5xx", False, body)
        return status == 200

    def select_one(self, talk: Talk, cart: Cart, seats: Sequence[int]) -> bool:
        """Put the first seat into a booking, or the next one when somebody else has it."""
        for seat_id in seats:
            conflicts = self.sales.conflicts
            if self.select(talk, cart, seat_id):
                return True
            if self.sales.conflicts == conflicts:
                return False
        return False

    def buy(self, talk: Talk, event_id: int, account: Account, listed: int) -> Cart | None:
        """List, book, and take the first seat listed that is to be had."""
        seats = self.list_free(talk, event_id, listed, account)
        cart = self.book(talk, event_id, account) if seats else None
        if not seats or cart is None or not self.select_one(talk, cart, seats):
            return None
        return cart

    def release(self, talk: Talk, cart: Cart) -> bool:
        """Give the last seat of a booking back."""
        seat_id = cart.seats.pop()
        request = self.address.send(
            "PATCH", RELEASE, cart.account.true_authorization, seat_id=seat_id
        )
        return self._give_back(talk, cart, [seat_id], f"PATCH {RELEASE}", request)

    def cancel(self, talk: Talk, cart: Cart) -> bool:
        """Cancel a booking with all its seats."""
        request = self.address.send(
            "PATCH", CANCEL, cart.account.true_authorization, booking_id=cart.booking_id
        )
        is_cancelled = self._give_back(talk, cart, cart.seats, f"PATCH {CANCEL}", request)
        if is_cancelled:
            self.sales.cancelled.append(cart.booking_id)
        return is_cancelled

    def look_at_bookings(self, talk: Talk, account: Account) -> bool:
        """List one's own bookings."""
        request = self.address.get(BOOKINGS, account.true_authorization)
        status, body = talk.ask(f"{self.prefix}GET {BOOKINGS}", request)
        if status != 200:
            return False
        is_right = body == b"[]" or read_bookings(parse(body)) is not None
        self._check("own bookings: an array of {id, seats}", is_right, body)
        return is_right

    def _give_back(
        self, talk: Talk, cart: Cart, seats: list[int], shape: str, request: bytes
    ) -> bool:
        asked = time.monotonic()
        # From here on nobody may rely on the seats, whatever the answer will be.
        status, body = talk.ask(f"{self.prefix}{shape}", request)
        granted = time.monotonic() if status == 200 else None
        if status in {200, 0} or status >= 500:
            self.sales.returns += [
                Return(cart.booking_id, seat_id, asked, granted) for seat_id in seats
            ]
        else:
            self._check("giving back: nothing but 200 or 5xx", False, body)
        return status == 200

    def _check(self, name: str, held: bool, body: bytes) -> None:
        self.sales.record.check(name, held, "" if held else body[:200].decode("utf-8", "replace"))
