"""Give back: 90,000 users book in order, and 10,000 of them give back three minutes later."""

import argparse
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from loadtest import fleet
from loadtest.account_file import find_accounts
from loadtest.accounts import Account
from loadtest.connection import look_up
from loadtest.outcome import Outcome
from loadtest.plan import Begin, Plan
from loadtest.sales import Sales, Visit, counted, serve
from loadtest.schedule import Schedule, level
from loadtest.selling import sell
from loadtest.shop import Cart, Shop
from loadtest.stage import EVENT_ID, probe, probe_account
from loadtest.talk import Talk
from loadtest.visit_gates import Limit, visit_gates

BUYERS, SECONDS = 90_000, 600.0
# Whoever books last gives back at the end of the ten minutes.
BACK_AFTER_SHARE = 0.3
EVERY = 9
LISTED = 5
LIMITS = {"booking": Limit(0.99, 3.0), "giving back": Limit(0.99, 3.0)}


def schedule(scale: float, seconds: float) -> Schedule:
    """Return when the buyers come, within so many seconds for all."""
    booking = SECONDS * (1 - BACK_AFTER_SHARE)
    return level(booking, BUYERS / booking).scaled(scale).lasting(seconds * (1 - BACK_AFTER_SHARE))


def run(options: argparse.Namespace) -> Outcome:
    """Reset the service, let everybody book and some give back, and compare what is left."""
    seconds = options.duration or SECONDS
    when = schedule(options.scale, seconds)
    accounts = find_accounts(options.accounts, when.count)
    probe(options.host)
    probe_account(options.host, accounts[0])
    plan = Plan(
        options.host,
        when,
        play,
        options.users,
        setting=seconds * BACK_AFTER_SHARE,
        notes=Sales,
        accounts=accounts,
    )
    told = f"{when.count} buyers with {len(accounts)} accounts."
    return sell(options, plan, [EVENT_ID], lambda sales: (visit_gates(sales, LIMITS), [told]))


@dataclass(slots=True)
class Purchase:
    """Lists, books, and takes the first seat listed that is to be had."""

    shop: Shop
    account: Account
    cart: Cart | None = None
    kind: str = "booking"

    def play(self, talk: Talk) -> bool:
        """Buy a seat."""
        self.cart = self.shop.buy(talk, EVENT_ID, self.account, LISTED)
        return self.cart is not None


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Cancels what was booked; who got nothing has nothing to give back, and is not served."""

    shop: Shop
    purchase: Purchase
    kind: str = "giving back"

    def play(self, talk: Talk) -> bool:
        """Cancel the booking."""
        cart = self.purchase.cart
        return cart is not None and self.shop.cancel(talk, cart)


def play(plan: Plan, begin: Begin) -> Sales:
    """Play one part."""
    sales = Sales()
    shop = Shop(look_up(plan.host), sales)
    fleet.play_open(plan, begin, counted(arrivals(plan, shop), sales), serve, sales)
    return sales


def arrivals(plan: Plan, shop: Shop) -> Iterator[tuple[float, Visit]]:
    """Yield this part's buyers, and every ninth of them a second time."""
    accounts = cycle(plan.accounts[plan.part :: plan.parts] or plan.accounts)
    returning: deque[tuple[float, Visit]] = deque()

    def buyers() -> Iterator[tuple[float, Visit]]:
        for number, moment in enumerate(plan.moments, 1):
            purchase = Purchase(shop, next(accounts))
            if number % EVERY == 0:
                returning.append((moment + plan.setting, GiveBack(shop, purchase)))
            yield moment, purchase

    yield from in_order(buyers(), returning)


def in_order(
    first: Iterator[tuple[float, Visit]], later: deque[tuple[float, Visit]]
) -> Iterator[tuple[float, Visit]]:
    """Yield both by their moments; the later ones are still being added while the first come."""
    for moment, visit in first:
        while later and later[0][0] <= moment:
            yield later.popleft()
        yield moment, visit
    yield from later
