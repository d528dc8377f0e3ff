"""Rush: everybody storms event 1, while buyers of other events are measured before and under it."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import cycle
from operator import itemgetter

from loadtest import fleet
from loadtest.account_file import find_accounts
from loadtest.accounts import Account
from loadtest.connection import look_up
from loadtest.gates import Gate
from loadtest.giveback import LISTED
from loadtest.outcome import Outcome
from loadtest.plan import Begin, Plan
from loadtest.sales import Sales, Visit, counted, serve
from loadtest.schedule import Phase, Schedule, level
from loadtest.selling import sell
from loadtest.shop import Shop
from loadtest.stage import EVENT_ID, CannotStartError, find_events, probe, probe_account
from loadtest.talk import Talk
from loadtest.visit_gates import Limit, done_share, ratio_gate, visit_gates

IDLE, RUSHED, STORM = "others, idle", "others, under the rush", "the rush"
LIMITS = {IDLE: Limit(0.99, 3.0), RUSHED: Limit(0.99, 3.0)}
SECONDS, IDLE_SHARE = 90.0, 1 / 3
MOST_RATIO = 1.5
MOST_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Setting:
    """The other events, when their buyers come, and the second at which the rush begins."""

    events: tuple[int, ...]
    others: Schedule
    begins: float


def run(options: argparse.Namespace) -> Outcome:
    """Reset the service, measure the others without and with the rush, and compare what is left."""
    seconds = options.duration or SECONDS
    idle = seconds * IDLE_SHARE
    rate = options.rate * options.scale
    storm = Schedule((Phase(idle, 0, 0), Phase(seconds - idle, rate, rate)))
    accounts = find_accounts(options.accounts, storm.count)
    probe(options.host)
    probe_account(options.host, accounts[0])
    events = find_events(options.host, MOST_EVENTS)
    if not events:
        raise CannotStartError(f"{options.host} has no other event with free seats to measure.")
    plan = Plan(
        options.host,
        storm,
        play,
        options.users,
        setting=Setting(events, level(seconds, options.others_rate), idle),
        notes=Sales,
        accounts=accounts,
    )

    def judge(sales: Sales) -> tuple[list[Gate], list[str]]:
        rush, rushed, idle = (sales.kinds[kind] for kind in (STORM, RUSHED, IDLE))
        told = (
            f"The rush: {rush.came} came at {rate:g}/s, {done_share(rush):.2%} got a seat, p95"
            f" {rush.seconds.percentile(0.95):.3f} s; others came at {options.others_rate:g}/s."
        )
        ratio = ratio_gate("p95 of others under the rush over idle", rushed, idle, MOST_RATIO)
        return [ratio, *visit_gates(sales, LIMITS)], [told]

    return sell(options, plan, (EVENT_ID, *events), judge)


@dataclass(frozen=True, slots=True)
class Storm:
    """Buys a seat of the event that everybody wants."""

    shop: Shop
    account: Account
    kind: str = STORM

    def play(self, talk: Talk) -> bool:
        """List, book and select."""
        return self.shop.buy(talk, EVENT_ID, self.account, LISTED) is not None


@dataclass(frozen=True, slots=True)
class Bystander:
    """Buys a seat of another event and thinks better of it, so that its seats never run out."""

    shop: Shop
    account: Account
    event_id: int
    kind: str

    def play(self, talk: Talk) -> bool:
        """List, book, select and cancel."""
        cart = self.shop.buy(talk, self.event_id, self.account, LISTED)
        return cart is not None and self.shop.cancel(talk, cart)


def play(plan: Plan, begin: Begin) -> Sales:
    """Play one part."""
    sales = Sales()
    fleet.play_open(plan, begin, counted(arrivals(plan, sales), sales), serve, sales)
    return sales


def arrivals(plan: Plan, sales: Sales) -> Iterator[tuple[float, Visit]]:
    """Yield this part's buyers of both kinds, in the order in which they come."""
    return merge(bystanders(plan, sales), stormers(plan, sales), key=itemgetter(0))


def bystanders(plan: Plan, sales: Sales) -> Iterator[tuple[float, Visit]]:
    """Yield the buyers of other events, one event after the other."""
    setting, address = plan.setting, look_up(plan.host)
    shops = {IDLE: Shop(address, sales, "idle: "), RUSHED: Shop(address, sales, "rushed: ")}
    who = zip(cycle(plan.accounts), cycle(setting.events), strict=False)
    for moment in setting.others.moments(plan.part, plan.parts):
        kind = IDLE if moment < setting.begins else RUSHED
        account, event_id = next(who)
        yield moment, Bystander(shops[kind], account, event_id, kind)


def stormers(plan: Plan, sales: Sales) -> Iterator[tuple[float, Visit]]:
    """Yield the buyers of event 1."""
    shop, accounts = Shop(look_up(plan.host), sales, "rush: "), cycle(plan.accounts)
    for moment in plan.moments:
        yield moment, Storm(shop, next(accounts))
