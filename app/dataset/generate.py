"""A dataset like the organisers', made up: the same rows for the same seed, on every machine.

Rows are drawn in blocks, each with a generator of random numbers of its own, so any range of rows
can be made alone, and a larger dataset begins with the rows of a smaller one.
"""

from __future__ import annotations

import hashlib
import random
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import islice
from typing import NamedTuple

from app.dataset.accounts import GENERATOR_ACCOUNTS, GENERATOR_NAMES
from app.dataset.records import Event, User
from app.dataset.sentences import MENTIONS, OPENINGS, SENTENCES, TITLES
from app.dataset.vocabulary import FIRST_NAMES, SLOTS, SURNAMES, TOWNS, Pool


class Size(NamedTuple):
    """How many rows of each kind a dataset has."""

    users: int
    events: int
    archived: int


SIZES = {
    "small": Size(10_000, 500, 20_000),
    "hackathon": Size(100_000, 10_000, 500_000),
    "full": Size(1_000_000, 10_000, 6_000_000),
}
BLOCK = 10_000
FIRST_ARCHIVED_ID = 100_000

# What the load generator searches for, and the share of the archive whose title or description has
# all the words in any of their forms. A test holds the rows to it.
PHRASES = {
    "концерт": 0.14,
    "Дмитрий Козлов": 1 / 2_000,
    "азарт": 1 / 500,
    "Чемпионат": 0.05,
    "Красная шапочка": 1 / 400,
    'Экспозиция "Звездные войны"': 1 / 1_000,
}

# Words of an exactly known share of the archive, for measuring a search by how much it finds: the
# n-th is in the descriptions of the rows whose number, id - 100,000, modulo 1 / share is n.
FREQUENCIES: dict[float, str] = {
    1e-1: "Ясноборск",
    1e-2: "Ветролюбово",
    1e-3: "Синегорьевск",
    1e-4: "Тихозерье",
    1e-5: "Златополянск",
    1e-6: "Камнеломово",
}


def users(
    size: Size, seed: int = 1, first: int = 0, last: int | None = None
) -> Iterator[tuple[User, str]]:
    """Accounts by ascending id, each with its password; `first` and `last` pick a range of rows.

    The load generator's accounts are among them, whatever the size.
    """
    last = size.users if last is None else min(last, size.users)
    through, beyond = _user_ids(size.users)
    for block, start, stop in _blocks(first, min(last, through)):
        yield from islice(_user_block(seed, block), start, stop)
    for user_id in beyond[max(first - through, 0) : max(last - through, 0)]:
        yield _generator_account(seed, user_id)


def events(size: Size, now: datetime, seed: int = 1) -> Iterator[Event]:
    """Events on sale in the 90 days after `now`; the first is the one with 100,000 seats."""
    here = now.astimezone(_VENUE_ZONE).replace(tzinfo=None)
    today = datetime.combine(here, time())
    days = Pool([today + timedelta(days=n) for n in range(1, 90)])
    for block, start, stop in _blocks(0, size.events):
        chance = _chance("events", seed, block)
        shows = _shows(chance, 1 + block * BLOCK, _ON_SALE, days, _PROVIDERS_OF_ACTIVE)
        for event in islice(shows, start, stop):
            yield _star(here) if event.id == 1 else event


def archived(size: Size, seed: int = 1, first: int = 0, last: int | None = None) -> Iterator[Event]:
    """Past events by ascending id; `first` and `last` pick a range of rows."""
    last = size.archived if last is None else min(last, size.archived)
    for block, start, stop in _blocks(first, last):
        chance = _chance("archive", seed, block)
        first_id = FIRST_ARCHIVED_ID + block * BLOCK
        shows = _shows(chance, first_id, _PAST, _DAYS_OF_ARCHIVE, _PROVIDERS_OF_ARCHIVE)
        yield from islice(shows, start, stop)


def _blocks(first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """The blocks of a range of rows, and which of their rows are in it."""
    for block in range(first // BLOCK, -(-last // BLOCK)):
        yield block, max(first - block * BLOCK, 0), min(last - block * BLOCK, BLOCK)


def _chance(rows: str, seed: int, block: int) -> random.Random:
    return random.Random(f"{rows} {seed} {block}")  # noqa: S311 - the same rows on every machine


_ACCOUNTS = {user_id: (email, password) for user_id, email, password in GENERATOR_ACCOUNTS}
_DOMAINS = Pool(
    (
        *("cool.ti", "grab.coffee", "hackhload.kz", "ticket.world", "event.me"),
        *("quick.pass", "show.go", "concert.fun", "fest.tix", "live.now"),
    )
)
_DAYS_OF_BIRTH: Pool[date | None] = Pool(
    [None, *(date(1955, 1, 1) + timedelta(days=n) for n in range(20_000))], shares={None: 0.1}
)
_FIRST_REGISTERED = datetime(2018, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_DAYS_OF_REGISTRATION = 2_300
_DAYS_TO_LAST_LOGIN = 365
_SHARE_LOGGED_IN = 0.95
_SHARE_ACTIVE = 0.8
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation


def _user_ids(count: int) -> tuple[int, list[int]]:
    """How far the ids go without a gap, and the load generator's ids beyond."""
    for through in range(max(count - len(_ACCOUNTS), 0), count + 1):
        beyond = sorted(user_id for user_id in _ACCOUNTS if user_id > through)
        if through + len(beyond) == count:
            return through, beyond
    raise ValueError(f"the load generator alone has more than {count} users")


def _user_block(seed: int, block: int) -> Iterator[tuple[User, str]]:
    chance = _chance("users", seed, block)
    drawn = zip(
        *(pool.draw(chance, BLOCK) for pool in (FIRST_NAMES, SURNAMES, _DOMAINS)), strict=True
    )
    birthdays = _DAYS_OF_BIRTH.draw(chance, BLOCK)
    for user_id, ((name, sex), surnames, domain) in enumerate(drawn, block * BLOCK + 1):
        surname = surnames[sex]
        password = "".join(chance.choices(_PRINTABLE, k=8 + int(chance.random() * 9)))
        user = _user(
            chance,
            user_id,
            f"{name.latin}_{surname.latin}_{user_id}@{domain}",
            password,
            names=(name.text, surname.text),
            birthday=birthdays[user_id - 1 - block * BLOCK],
        )
        yield _generator_account(seed, user_id) if user_id in _ACCOUNTS else (user, password)


def _generator_account(seed: int, user_id: int) -> tuple[User, str]:
    chance = _chance("account", seed, user_id)
    email, password = _ACCOUNTS[user_id]
    birthday = _DAYS_OF_BIRTH.draw(chance, 1)[0]
    user = _user(
        chance, user_id, email, password, names=GENERATOR_NAMES[user_id], birthday=birthday
    )
    return user._replace(is_active=True), password


def _user(
    chance: random.Random,
    user_id: int,
    email: str,
    password: str,
    *,
    names: tuple[str, str],
    birthday: date | None,
) -> User:
    registered = _FIRST_REGISTERED + _seconds(chance.random() * _DAYS_OF_REGISTRATION)
    logged_in = registered + _seconds(chance.random() * _DAYS_TO_LAST_LOGIN)
    return User(
        user_id,
        email,
        hashlib.sha256(password.encode()).hexdigest(),
        *names,
        birthday,
        registered,
        chance.random() < _SHARE_ACTIVE,
        logged_in if chance.random() < _SHARE_LOGGED_IN else None,
    )


def _seconds(days: float) -> timedelta:
    return timedelta(seconds=int(days * 86_400))


class _Show(NamedTuple):
    """What an event of a type is called, and how its description can begin."""

    type: str
    title: str
    openings: tuple[str, ...]


def _kinds(shares: Mapping[str, float]) -> Pool[_Show]:
    kinds = {
        _Show(name, title, OPENINGS[name]): share * share_of_title
        for name, share in shares.items()
        for title, share_of_title in Pool(TITLES[name], 1).shares.items()
    }
    return Pool(list(kinds), shares=kinds)


_VENUE_ZONE = timezone(timedelta(hours=5))
_ON_SALE = _kinds({"film": 0.3, "cinema": 0.3, "stage": 0.25, "game": 0.15})
_PROVIDERS_OF_ACTIVE = Pool(("TicketRu", "EventWorld", "ShowTime"))
_PAST = _kinds(
    {
        "film": 0.157,
        "game": 0.13,
        "cinema": 0.135,
        "concert": 0.152,
        "theater": 0.15,
        "sport": 0.136,
        "exhibition": 0.14,
    }
)
_PROVIDERS_OF_ARCHIVE = Pool(("TicketRu", "EventWorld", "ShowTime", "CultureCity", "SportHub"))
_FIRST_OF_ARCHIVE = datetime(2015, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_DAYS_OF_ARCHIVE = Pool([_FIRST_OF_ARCHIVE + timedelta(days=n) for n in range(3_653)])
_TIMES = Pool(
    [
        timedelta(hours=hour, minutes=minute)
        for hour in (19, 18, 20, 17, 21, 12, 15, 11, 14, 22, 16, 10)
        for minute in (0, 30)
    ],
    0.6,
)
_SENTENCES = [
    Pool(group, 0.8, {text: share for text, share in MENTIONS.items() if text in group})
    for group in SENTENCES
]
_RARE = [(round(1 / share), n, word) for n, (share, word) in enumerate(FREQUENCIES.items(), 1)]
# Every so many titles have a Latin letter where a Cyrillic one belongs.
_LOOK_ALIKES_EVERY = 500
_LOOK_ALIKES = (("о", "o"), ("е", "e"), ("а", "a"))


def _shows(
    chance: random.Random,
    first_id: int,
    kinds: Pool[_Show],
    days: Pool[datetime],
    providers: Pool[str],
) -> Iterator[Event]:
    drawn = zip(
        zip(*(pool.draw(chance, BLOCK) for pool in (kinds, days, _TIMES, providers)), strict=True),
        zip(*(pool.draw(chance, BLOCK) for pool in SLOTS.values()), strict=True),
        zip(*(pool.draw(chance, BLOCK) for pool in _SENTENCES), strict=True),
        strict=True,
    )
    people = zip(
        *(pool.draw(chance, BLOCK) for pool in (TOWNS, FIRST_NAMES, SURNAMES)),
        *(pool.draw(chance, BLOCK) for pool in (FIRST_NAMES, SURNAMES)),
        strict=True,
    )
    for event_id, (show, words, sentences) in enumerate(drawn, first_id):
        (kind, title, openings), day, start, provider = show
        (city, in_city), (name, _), (surname, _), (guest, sex), surnames = next(people)
        slots = dict(zip(SLOTS, words, strict=True))
        slots |= {"city": city, "in": in_city}
        # A name in a title has the male form of its surname whoever it is, as the organisers' have.
        slots["person"] = f"{name.text} {surname.text}"
        slots["guest"] = f"{guest.text} {surnames[sex].text}"
        opening = openings[int(chance.random() * len(openings))]
        title %= slots
        text = [opening, *sentences]
        row = event_id - FIRST_ARCHIVED_ID
        if row >= 0:  # One of the archive.
            for period, rest, word in _RARE:
                if row % period == rest:
                    text[3] = f"Партнёр события — посёлок {word}."
            if row % _LOOK_ALIKES_EVERY == 0:
                cyrillic, latin = _LOOK_ALIKES[row // _LOOK_ALIKES_EVERY % len(_LOOK_ALIKES)]
                title = title.replace(cyrillic, latin, 1)
        yield Event(event_id, title, " ".join(text) % slots, kind, day + start, provider)


def _star(now: datetime) -> Event:
    start = datetime(2025, 12, 15, 20, tzinfo=UTC).replace(tzinfo=None)
    if start <= now:
        start = datetime.combine(now + timedelta(days=30), time(20))
    return Event(
        1,
        "Концерт мировой звезды Селеста Морейра из Лусарии",
        "Единственный концерт в Казахстане. Сто тысяч мест. Голос, который знает весь мир."
        " Два часа живого звука и света. Пять зон, от Золотого круга до верхнего яруса."
        " Двери открываются за три часа до начала. Второго такого вечера не будет!",
        "concert",
        start,
        "Билеттер",
    )
