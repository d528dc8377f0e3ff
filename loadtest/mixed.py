"""A mixed day: everything that visitors do, in a stated mix, a day's ups and downs in minutes."""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from loadtest import fleet
from loadtest.account_file import find_accounts
from loadtest.accounts import Account
from loadtest.connection import look_up
from loadtest.giveback import LISTED
from loadtest.outcome import Outcome
from loadtest.page import Request
from loadtest.plan import Begin, Plan
from loadtest.sales import Sales, Visit, counted, serve
from loadtest.schedule import Schedule, ramp
from loadtest.search import first_events, look, random_searches
from loadtest.selling import sell
from loadtest.shop import Cart, Shop
from loadtest.stage import EVENT_ID, probe, probe_account
from loadtest.talk import Talk
from loadtest.visit_gates import Limit, visit_gates

CATALOGUE, ARCHIVE, SEATS = "catalogue", "archive search", "list of seats"
BOOKING, RELEASE, CANCEL = "booking", "release", "cancellation"
MIX = {CATALOGUE: 0.50, ARCHIVE: 0.15, SEATS: 0.15, BOOKING: 0.14, RELEASE: 0.03, CANCEL: 0.03}
LIMITS = {
    CATALOGUE: Limit(0.99, 2.0),
    ARCHIVE: Limit(0.99, 1.0),
    SEATS: Limit(0.99, 1.0),
    BOOKING: Limit(0.99, 3.0),
    RELEASE: Limit(0.99, 3.0),
    CANCEL: Limit(0.99, 3.0),
}
SECONDS = 720.0
PAGE_SIZE = 20
# The rate at the end of each hour as a share of the day's peak, at eight in the evening; tickets go
# on sale at ten, and half the town wakes up for that.
HOURS = (
    *(0.15, 0.10, 0.06, 0.04, 0.04, 0.06, 0.12, 0.25),
    *(0.35, 0.90, 0.75, 0.60, 0.55, 0.50, 0.45, 0.50),
    *(0.60, 0.75, 0.90, 1.00, 1.00, 0.70, 0.40, 0.20),
)


def day(peak: float) -> Schedule:
    """Return the day's arrivals, half a minute for each hour."""
    return ramp(*((SECONDS / len(HOURS), peak * share) for share in HOURS))


def run(options: argparse.Namespace) -> Outcome:
    """Reset the service, play the day, and compare what is left."""
    when = day(options.rate).scaled(options.scale).lasting(options.duration or SECONDS)
    accounts = find_accounts(options.accounts, when.count)
    probe(options.host)
    probe_account(options.host, accounts[0])
    plan = Plan(options.host, when, play, options.users, notes=Sales, accounts=accounts)
    return sell(options, plan, [EVENT_ID], lambda sales: (visit_gates(sales, LIMITS), []))


@dataclass(frozen=True, slots=True)
class Search:
    """Looks at a page of events."""

    kind: str
    request: Request

    def play(self, talk: Talk) -> bool:
        """Ask for the page."""
        return look(self.request, talk)


@dataclass(frozen=True, slots=True)
class SeatList:
    """Looks at free seats."""

    shop: Shop
    account: Account
    kind: str = SEATS

    def play(self, talk: Talk) -> bool:
        """Ask for a page of them."""
        return self.shop.list_free(talk, EVENT_ID, PAGE_SIZE, self.account) is not None


@dataclass(frozen=True, slots=True)
class Purchase:
    """Buys a seat, and leaves the booking where somebody may give it back later."""

    shop: Shop
    account: Account
    carts: list[Cart]
    kind: str = BOOKING

    def play(self, talk: Talk) -> bool:
        """List, book and select."""
        cart = self.shop.buy(talk, EVENT_ID, self.account, LISTED)
        if cart is not None:
            self.carts.append(cart)
        return cart is not None


@dataclass(frozen=True, slots=True)
class SecondThought:
    """Gives something back that was bought before."""

    shop: Shop
    cart: Cart
    kind: str

    def play(self, talk: Talk) -> bool:
        """Release the seat, or cancel the booking."""
        give_back = self.shop.release if self.kind == RELEASE else self.shop.cancel
        return give_back(talk, self.cart)


def play(plan: Plan, begin: Begin) -> Sales:
    """Play one part."""
    sales = Sales()
    fleet.play_open(plan, begin, counted(arrivals(plan, sales), sales), serve, sales)
    return sales


def arrivals(plan: Plan, sales: Sales) -> Iterator[tuple[float, Visit]]:
    """Yield this part's visitors; who would give back when there is nothing buys instead."""
    address, chance = look_up(plan.host), random.Random(plan.part)
    shop, carts = Shop(address, sales), list[Cart]()
    searches = {
        CATALOGUE: first_events(address, chance),
        ARCHIVE: random_searches(address, chance),
    }
    accounts = cycle(plan.accounts[plan.part :: plan.parts] or plan.accounts)
    for moment, kind in zip(plan.moments, kinds(), strict=False):
        if kind in searches:
            yield moment, Search(kind, next(searches[kind]))
        elif kind == SEATS:
            yield moment, SeatList(shop, next(accounts))
        elif kind == BOOKING or not carts:
            yield moment, Purchase(shop, next(accounts), carts)
        else:
            cart = carts.pop(chance.randrange(len(carts)))
            yield moment, SecondThought(shop, cart, kind)


def kinds() -> Iterator[str]:
    """Yield kinds of visits so that after any number of them each has had its share."""
    owed = dict.fromkeys(MIX, 0.0)
    while True:
        for kind, share in MIX.items():
            owed[kind] += share
        most = max(owed, key=owed.__getitem__)
        owed[most] -= 1
        yield most
