"""Authenticate: 50,000 users, each with an account of its own, sign in within ten minutes."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from loadtest import fleet
from loadtest.account_file import find_accounts
from loadtest.accounts import Account
from loadtest.connection import look_up
from loadtest.master import Staff
from loadtest.outcome import Outcome
from loadtest.plan import Begin, Plan
from loadtest.sales import Sales, counted, serve
from loadtest.schedule import Schedule, level
from loadtest.shop import Shop
from loadtest.stage import CannotStartError, probe, probe_account
from loadtest.talk import Talk
from loadtest.visit_gates import Limit, visit_gates

USERS, SECONDS = 50_000, 600.0
LIMITS = {"authentication": Limit(0.99, 1.0)}


def schedule() -> Schedule:
    """Return the arrivals of the profile."""
    return level(SECONDS, USERS / SECONDS)


def run(options: argparse.Namespace) -> Outcome:
    """Let everybody come once."""
    when = schedule().scaled(options.scale).lasting(options.duration or SECONDS)
    accounts = find_accounts(options.accounts, when.count)
    if len(accounts) < when.count:
        raise CannotStartError(
            f"{when.count} users need an account each and {options.accounts} has {len(accounts)}"
            " active ones: use a smaller --scale or another --accounts."
        )
    probe(options.host)
    probe_account(options.host, accounts[0])
    plan = Plan(options.host, when, play, options.users, notes=Sales, accounts=accounts)
    sales = fleet.play(plan, Staff.told(options))
    return Outcome(visit_gates(sales, LIMITS), sales, when)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Asks for what only the account's owner may see."""

    shop: Shop
    account: Account
    kind: str = "authentication"

    def play(self, talk: Talk) -> bool:
        """Look at one's own bookings."""
        return self.shop.look_at_bookings(talk, self.account)


def play(plan: Plan, begin: Begin) -> Sales:
    """Play one part."""
    sales = Sales()
    shop = Shop(look_up(plan.host), sales)
    fleet.play_open(plan, begin, counted(arrivals(plan, shop), sales), serve, sales)
    return sales


def arrivals(plan: Plan, shop: Shop) -> Iterator[tuple[float, SignIn]]:
    """Yield this part's users, each with another account."""
    for moment, account in zip(plan.moments, plan.accounts[plan.part :: plan.parts], strict=False):
        yield moment, SignIn(shop, account)
