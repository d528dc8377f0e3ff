"""Sell-out: buyers who all take the first seats listed, until nothing of event 1 is free."""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import ClassVar

import gevent
from locust import User, task
from locust.exception import StopUser

from loadtest.account_file import find_accounts
from loadtest.accounts import Account
from loadtest.aftermath import Sums, read_sums
from loadtest.connection import Address, Connection, look_up
from loadtest.gates import Gate
from loadtest.live import LIVE
from loadtest.master import Staff
from loadtest.outcome import Outcome
from loadtest.plan import Begin, Plan
from loadtest.sales import Sales
from loadtest.selling import sell
from loadtest.shop import Shop
from loadtest.stage import EVENT_ID, CannotStartError, probe, probe_account
from loadtest.stage import play as play_users
from loadtest.talk import Talk
from loadtest.visit_gates import selling_gates

MOST_CONFLICTS = 0.02
# After an answer that was none, or when the last seats are in other buyers' hands.
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Setting:
    """How many seats a buyer takes at a time and a process sells in all, and until when."""

    seats: int
    target: int | None
    """Nothing when it goes on until there is none."""
    seconds: float


def run(options: argparse.Namespace) -> Outcome:
    """Reset the service, sell the event out, and compare what is sold with what was given."""
    if options.scale > 1:
        raise CannotStartError("More than all seats cannot be sold: --scale is at most 1.")
    accounts = find_accounts(options.accounts, options.users)
    probe(options.host)
    probe_account(options.host, accounts[0])
    before = read_sums(options.host, EVENT_ID)
    if before is None:
        raise CannotStartError(f"{options.host} has no analytics of event {EVENT_ID} to count by.")
    target = round(before.total_seats * options.scale)
    if not target:
        raise CannotStartError(f"At this scale none of {before.total_seats} seats is to be sold.")
    # Processes of different speed share what there is, unless they must stop before its end.
    parts = Staff.told(options).parts
    share = None if options.scale == 1 else -(-target // parts)
    target = target if share is None else share * parts
    plan = Plan(
        options.host,
        None,
        play,
        options.users,
        setting=Setting(options.seats, share, options.duration),
        notes=Sales,
        accounts=accounts,
    )

    def judge(sales: Sales) -> tuple[list[Gate], list[str]]:
        seconds = options.select_ms / 1000
        took = max((hold.granted for hold in sales.holds), default=sales.start) - sales.start
        told = (
            f"{options.users} buyers with {len(accounts)} accounts sold {len(sales.holds)} of"
            f" {target} seats in {took:.1f} s: {len(sales.holds) / (took or 1):.0f} seats/s,"
            f" conflicts {sales.conflict_share:.2%}."
        )
        gates = selling_gates(sales, most_conflicts=MOST_CONFLICTS, select_seconds=seconds)
        return [sold_gate(sales, target, read_sums(options.host, EVENT_ID)), *gates], [told]

    return sell(options, plan, [EVENT_ID], judge)


def sold_gate(sales: Sales, target: int, sums: Sums | None) -> Gate:
    """As many different seats as there were to sell were given, and are reserved."""
    given = len({hold.seat_id for hold in sales.holds})
    reserved = None if sums is None else sums.reserved_seats
    return Gate(
        f"exactly {target} seats are sold",
        given == target == reserved,
        f"{given} given, {reserved} reserved",
    )


class Till:
    """Counts what a process has sold and may still sell, so that it ends at the very seat."""

    def __init__(self, target: int | None) -> None:
        self._target = target
        self._claimed = 0
        self._sold = 0
        self.is_empty = False

    def claim(self, most: int) -> int:
        """Return how many seats a buyer may try to get now."""
        count = most if self._target is None else min(most, self._target - self._claimed)
        self._claimed += count
        return count

    def settle(self, claimed: int, sold: int) -> None:
        """Enter what became of a claim."""
        self._claimed -= claimed - sold
        self._sold += sold
        if self._sold == self._target:
            self.is_empty = True


class Buyer(User):
    """Lists, books, selects what was listed, and comes again at once."""

    abstract = True
    till: ClassVar[Till]
    shop: ClassVar[Shop]
    accounts: ClassVar[Iterator[Account]]
    seats: ClassVar[int]
    deadline: ClassVar[float]

    def on_start(self) -> None:
        """Take the next account, and connect."""
        self.account = next(self.accounts)
        self.line = Connection(self.shop.address)
        self.line.open()

    def on_stop(self) -> None:
        """Close the connection."""
        self.shop.sales.repeated += self.line.repeated
        self.line.close()

    @task
    def come(self) -> None:
        """Buy up to so many seats; when none is free, it is over."""
        now = time.monotonic()
        if self.till.is_empty or now >= self.deadline:
            raise StopUser
        claimed, sold = self.till.claim(self.seats), None
        if claimed:
            self.shop.sales.arrivals += 1
            sold = self.buy(Talk(self.shop.sales, self.line, self.shop.sales.start, now), claimed)
            self.till.settle(claimed, sold or 0)
        if sold is None:
            gevent.sleep(PAUSE_SECONDS)

    def buy(self, talk: Talk, count: int) -> int | None:
        """Return how many seats were given; nothing when it did not even come to a selection."""
        seats = self.shop.list_free(talk, EVENT_ID, count, self.account)
        if seats is not None and not seats:
            self.till.is_empty = True
            return 0
        cart = self.shop.book(talk, EVENT_ID, self.account) if seats else None
        if not seats or cart is None:
            return None
        return sum(self.shop.select(talk, cart, seat_id) for seat_id in seats)


def play(plan: Plan, begin: Begin) -> Sales:
    """Play one part of the buyers until everything is sold or the time is over."""
    bought, setting = Sales(users=plan.users), plan.setting
    address: Address = look_up(plan.host)
    LIVE.show(bought)

    class SelloutBuyer(Buyer):
        till = Till(setting.target)
        shop = Shop(address, bought)
        accounts = islice(cycle(plan.accounts), plan.part, None, plan.parts)
        seats = setting.seats

    bought.start = begin()
    SelloutBuyer.deadline = bought.start + setting.seconds
    bought.series.begin(bought.start)
    gevent.sleep(max(0.0, bought.start - time.monotonic()))
    cpu = time.process_time()
    play_users(SelloutBuyer, plan.host, plan.users, setting.seconds, bought.record)
    bought.cores.append((time.process_time() - cpu) / bought.record.elapsed)
    return bought
