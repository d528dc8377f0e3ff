"""Buyers and readers who come again and again, and go on whatever happens to the service."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple
from urllib.parse import quote

import gevent
from gevent.pool import Group

from loadtest.accounts import Account
from loadtest.client import parse
from loadtest.connection import Address
from loadtest.giveback import LISTED
from loadtest.page import Request
from loadtest.punctual import BROKEN, NO_CONNECTION, TIMED_OUT, PunctualConnection
from loadtest.sales import Sales
from loadtest.search import PAGE_SIZES, PAGES, QUERIES, look
from loadtest.shop import BOOKINGS, CANCEL, SEATS, SELECT, Shop
from loadtest.talk import Talk

EVENTS = "/api/events"
KINDS = {
    f"POST {BOOKINGS}": "book",
    f"PATCH {SELECT}": "select",
    f"PATCH {CANCEL}": "cancel",
    f"GET {EVENTS}": "catalogue",
    f"GET {BOOKINGS}": "own_bookings",
    f"GET {SEATS}": "seats",
}
WRITES, READS = ("book", "select", "cancel"), ("catalogue", "own_bookings", "seats")
GOOD, REFUSED = "good", {409, 419}
"""How a request ended well, and answers that are no failure of the service."""
CANCEL_EVERY = 3
STUCK_SECONDS = 1.0
"""When somebody has waited so long for an answer, somebody else comes meanwhile, as people do. If
all waited for their deadlines, nobody would see that the service is back."""
AGAIN_SECONDS = 0.2, 0.4
TICK_SECONDS = 0.1


class Attempt(NamedTuple):
    """A request: monotonic seconds, and GOOD, a status, or why there was none."""

    kind: str
    sent: float
    received: float
    ended: str


class Opened(NamedTuple):
    """A booking that was acknowledged."""

    email: str
    booking_id: int
    asked: float


@dataclass(slots=True)
class Notes(Sales):
    """What the crowd was told."""

    attempts: list[Attempt] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    undone: set[int] = field(default_factory=set)
    """Bookings whose cancellation was asked for."""
    unclear: set[tuple[int, int]] = field(default_factory=set)
    """Booking and seat of selections that may have been done or not."""
    stall: float = 0.0
    """The longest time for which this program itself did nothing, in seconds."""


class Persistence(Talk):
    """A visit of somebody who asks again when the service is busy or away."""

    __slots__ = ("_crowd", "is_unclear", "status", "waiting_since")

    def __init__(self, crowd: "Crowd", line: PunctualConnection) -> None:
        super().__init__(crowd.notes, line, crowd.notes.start, time.monotonic())
        self._crowd = crowd
        self.waiting_since: float | None = None
        self.status = 0
        self.is_unclear = False
        """Whether what was asked last may have been done though it was not acknowledged."""

    def ask(self, shape: str, request: bytes) -> tuple[int, bytes]:
        """Send a request, again when it must have had no effect; 503 when there is no more time."""
        self.is_unclear = False
        while True:
            self.waiting_since = sent = time.monotonic()
            self.status, body = super().ask(shape, request)
            self.waiting_since = None
            ended = self._ending(body)
            self._crowd.notes.attempts.append(Attempt(KINDS[shape], sent, time.monotonic(), ended))
            self.is_unclear |= self.status >= 500 or body in {BROKEN, TIMED_OUT}
            is_away = self.status == 0 and body == NO_CONNECTION
            if not is_away and self.status not in {429, 503}:
                return self.status, body
            gevent.sleep(random.uniform(*AGAIN_SECONDS))
            if self._crowd.is_over:
                return 503, body

    def _ending(self, body: bytes) -> str:
        if 200 <= self.status < 400:
            return GOOD
        return str(self.status) if self.status else body.decode()

    @property
    def is_stuck(self) -> bool:
        """Whether the service has not answered for long."""
        since = self.waiting_since
        return since is not None and time.monotonic() - since > STUCK_SECONDS


Visit = Callable[[Persistence, Account], None]


class Crowd:
    """So many who come at a time, with a pause after each visit, each on a kept connection."""

    def __init__(self, address: Address, notes: Notes, event_id: int, deadline: float) -> None:
        self.notes = notes
        self.is_over = False
        self._address, self._event_id, self._deadline = address, event_id, deadline
        self._shop = Shop(address, notes)
        self._group = Group()
        self._lines: list[PunctualConnection] = []
        self._bought = count(1)

    def begin(
        self, accounts: tuple[Account, ...], *, buyers: int, readers: int, pause: float
    ) -> None:
        """Let them come from now on."""
        places: list[Visit] = [self.buy] * buyers
        places += [self.look_at_catalogue, self.look_at_bookings, self.look_at_seats] * readers
        for number, visit in enumerate(places):
            account = accounts[number % len(accounts)]
            self._spawn(self._come, visit, account, pause)
        self._spawn(self._feel_pulse)

    def end(self, seconds: float) -> None:
        """Let nobody come any more, and wait so long for those who are there."""
        self.is_over = True
        self._group.join(timeout=seconds)
        if self._group:
            self.notes.record.errors.append(f"{len(self._group)} visits did not come to an end")
        self._group.kill()
        for line in self._lines:
            self.notes.repeated += line.repeated
            line.close()

    def buy(self, talk: Persistence, account: Account) -> None:
        """List, book and select; every third thinks better of it."""
        seats = self._shop.list_free(talk, self._event_id, LISTED, account)
        asked = time.monotonic()
        cart = self._shop.book(talk, self._event_id, account) if seats else None
        if not seats or cart is None:
            return
        notes = self.notes
        notes.opened.append(Opened(account.email, cart.booking_id, asked))
        for seat_id in seats:
            self._shop.select(talk, cart, seat_id)
            if talk.is_unclear:
                notes.unclear.add((cart.booking_id, seat_id))
            if talk.status != 419:
                break
        if cart.seats and next(self._bought) % CANCEL_EVERY == 0:
            notes.undone.add(cart.booking_id)
            self._shop.cancel(talk, cart)

    def look_at_catalogue(self, talk: Persistence, _account: Account) -> None:
        """Look at some page of some search, so that hardly any is asked for twice."""
        page, size = random.choice(PAGES), random.choice(PAGE_SIZES)
        path = f"{EVENTS}?query={quote(random.choice(QUERIES))}&page={page}&pageSize={size}"
        look(Request(f"GET {EVENTS}", self._address.get(path), size), talk)

    def look_at_bookings(self, talk: Persistence, account: Account) -> None:
        """Look at one's own bookings."""
        self._shop.look_at_bookings(talk, account)

    def look_at_seats(self, talk: Persistence, account: Account) -> None:
        """Look at some page of seats, free or not."""
        page = random.choice(PAGES)
        path = f"{SEATS}?event_id={self._event_id}&page={page}&pageSize=20"
        request = self._address.get(path, account.true_authorization)
        status, body = talk.ask(f"GET {SEATS}", request)
        if status == 200:
            is_right = isinstance(parse(body), list)
            self.notes.record.check("seats: an array", is_right, repr(body[:200]))

    def _come(self, visit: Visit, account: Account, pause: float) -> None:
        gevent.sleep(random.uniform(0, pause))
        while not self.is_over:
            line = self._lines.pop() if self._lines else self._connection()
            talk = Persistence(self, line)
            self.notes.arrivals += 1
            guest = self._spawn(self._serve, visit, talk, account, line)
            while not guest.ready() and not talk.is_stuck:
                guest.join(timeout=TICK_SECONDS)
            gevent.sleep(random.uniform(0.5, 1.5) * pause)

    def _serve(
        self, visit: Visit, talk: Persistence, account: Account, line: PunctualConnection
    ) -> None:
        try:
            visit(talk, account)
        finally:
            self._lines.append(line)

    def _connection(self) -> PunctualConnection:
        self.notes.users += 1
        return PunctualConnection(self._address, self._deadline)

    def _feel_pulse(self) -> None:
        while not self.is_over:
            before = time.monotonic()
            gevent.sleep(TICK_SECONDS)
            self.notes.stall = max(self.notes.stall, time.monotonic() - before - TICK_SECONDS)

    def _spawn(self, act: Callable[..., None], *given: object) -> gevent.Greenlet:
        greenlet = self._group.spawn(act, *given)
        errors = self.notes.record.errors
        greenlet.link_exception(lambda ended: errors.append(repr(ended.exception)))
        return greenlet
