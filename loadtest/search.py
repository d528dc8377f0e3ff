"""The two searches of the profile: what is asked for, at which rate, and what must come."""

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import product
from urllib.parse import quote

from loadtest.accounts import AYAULYM, AYSULTAN, SULTAN
from loadtest.connection import Address, look_up
from loadtest.fleet import play_open
from loadtest.page import CHECKS, Request, judge, seen
from loadtest.plan import Begin, Plan
from loadtest.schedule import Schedule, ramp
from loadtest.talk import Talk
from loadtest.traffic import Traffic

PAGE_SIZE = 20
# "Sometimes", says the profile of the event list.
AUTHORIZED_SHARE = 0.25
ACCOUNTS = (AYSULTAN, SULTAN, AYAULYM)
ARCHIVE_DAY = date(2024, 12, 25)
DATED_SHARE = 1 / 3
QUERIES = (
    "концерт",
    "Дмитрий Козлов",
    "азарт",
    "Чемпионат",
    "Красная шапочка",
    'Экспозиция "Звездные войны"',
)
FIRST_DAY, DAYS = date(2024, 1, 1), 366
PAGES, PAGE_SIZES = range(1, 51), range(10, 21)

Mix = Callable[[Address, random.Random], Iterator[Request]]


def play(plan: Plan, begin: Begin) -> Traffic:
    """Play one part of a search; the plan's setting is the name of its mix."""
    requests = MIXES[plan.setting](look_up(plan.host), random.Random(plan.part))
    traffic = Traffic()
    play_open(plan, begin, zip(plan.moments, requests, strict=False), look, traffic)
    return traffic


def look(request: Request, talk: Talk) -> bool:
    """Ask for one page of events, check it, and return whether the answer was a good one."""
    status, body = talk.ask(request.shape, request.raw)
    if status == 200:
        length, *held = judge(body, request.page_size)
        talk.traffic.empty += length == 0
        for name, holds in zip(CHECKS, held, strict=True):
            talk.traffic.record.check(name, holds, "" if holds else seen(request, body))
    return 200 <= status < 400


def events_schedule(rate: float) -> Schedule:
    """Return the events-N of the profile."""
    return ramp((60, rate), (240, rate), (60, 0))


def archive_schedule() -> Schedule:
    """Return the archive search of the profile."""
    return ramp((60, 1_000), (120, 5_000), (180, 10_000), (360, 10_000), (180, 0))


def first_events(address: Address, chance: random.Random) -> Iterator[Request]:
    """Yield requests for the first page of events, some with an account."""
    path = f"/api/events?page=1&pageSize={PAGE_SIZE}"
    plain = Request("events", address.get(path), PAGE_SIZE)
    named = [
        Request("events, with an account", address.get(path, one), PAGE_SIZE)
        for one in authorizations()
    ]
    while True:
        yield chance.choice(named) if chance.random() < AUTHORIZED_SHARE else plain


def fixed_searches(address: Address, chance: random.Random) -> Iterator[Request]:
    """Yield archive searches for the first page, a third of them on one day."""
    prepared = {
        (query, dated): [
            search(address, query, day=ARCHIVE_DAY if dated else None, authorization=one)
            for one in authorizations()
        ]
        for query, dated in product(QUERIES, (False, True))
    }
    while True:
        dated = chance.random() < DATED_SHARE
        yield chance.choice(prepared[chance.choice(QUERIES), dated])


def random_searches(address: Address, chance: random.Random) -> Iterator[Request]:
    """Yield archive searches for random pages of random sizes, a third on random days of 2024."""
    accounts = authorizations()
    while True:
        day = None
        if chance.random() < DATED_SHARE:
            day = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
        yield search(
            address,
            chance.choice(QUERIES),
            page=chance.choice(PAGES),
            page_size=chance.choice(PAGE_SIZES),
            day=day,
            authorization=chance.choice(accounts),
        )


def search(
    address: Address,
    query: str,
    *,
    day: date | None,
    authorization: str,
    page: int = 1,
    page_size: int = PAGE_SIZE,
) -> Request:
    """Return one archive search."""
    path = f"/api/events?query={quote(query)}&page={page}&pageSize={page_size}"
    if day is None:
        return Request(query, address.get(path, authorization), page_size)
    return Request(f"{query}, dated", address.get(f"{path}&date={day}", authorization), page_size)


def authorizations() -> list[str]:
    """Return the Authorization headers of the three accounts."""
    return [account.sent_authorization for account in ACCOUNTS]


MIXES: dict[str, Mix] = {
    "events": first_events,
    "fixed": fixed_searches,
    "random": random_searches,
}
