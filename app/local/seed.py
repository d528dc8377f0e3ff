"""What a new database holds: enough to try everything and to run the load scenarios.

Event 1 with its 100,000 seats, some hundred other events with seats, 10,000 users among whom are
the load generator's accounts, and an archive that can be searched. Deterministic.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

USERS = 10_000
OTHER_EVENTS = 120
SEATS_OF_OTHERS = 200
ARCHIVED = 20_000
FIRST_ARCHIVED_ID = 100_000

DEMO_ACCOUNT = ("demo@biletter.kz", "demo")

# The accounts that the organisers' load generator uses; (user id, e-mail, password).
GENERATOR_ACCOUNTS = (
    (1, "aysultan_talgat_1@fest.tix", "/8eC$AD>"),
    (2, "sultan_sultanov_2@show.go", "*IVSf?kh)xa"),
    (3, "ayaulym_bazarbaeva_3@quick.pass", "LDb60_%]4"),
    (999996, "muslima_serikbaeva_999996@ticket.world", "U|t,P#R~"),
    (999997, "ayan_asqar_999997@fest.tix", "_lnAio:Br7b"),
    (999999, "kozayym_asanova_999999@hackhload.kz", "_^@5=[oc!)+$"),
    (1000000, "alinur_aytzhanov_1000000@ticket.world", "bjD[wU=u#@Wk1\\ED"),
    (999989, "sofiya_karimova_999989@show.go", "t~bv:18I\\V$@"),
    (999990, "aysha_sarsenova_999990@ticket.world", "zUKhVyYs%>\\Ww"),
    (999991, "medina_rakhmetova_999991@show.go", ")~c^V+Tx#G9"),
    (372921, "іnzhu_ospanova_372921@quick.pass", "lLZ~Z9X+>|C&("),
)


class Zone(NamedTuple):
    """A part of event 1: how many seats, and the price in tiyn."""

    name: str
    seats: int
    price_minor: int


ZONES = (
    Zone("Золотой круг", 10_000, 4_000_000),
    Zone("Фан-зона", 15_000, 8_000_000),
    Zone("Нижний ярус", 20_000, 12_000_000),
    Zone("Средний ярус", 25_000, 16_000_000),
    Zone("Верхний ярус", 30_000, 20_000_000),
)
_SEATS_PER_ROW = 1_000

_FIRST = ("Айша", "Дмитрий", "Анна", "Ернар", "Мария", "Алия", "Тимур", "Ольга", "Данияр", "Елена")
_LAST = ("Козлов", "Иванов", "Сергеева", "Ахметов", "Ким", "Смирнова", "Оспанов", "Лебедева")
_WORKS = ("Красная шапочка", "Звездные войны", "Азарт", "Вишнёвый сад", "Лебединое озеро", "Гамлет")
_CITIES = ("Алматы", "Астана", "Шымкент", "Караганда", "Актобе")
_DOMAINS = ("cool.ti", "grab.coffee", "event.me", "concert.fun", "live.now")


def is_empty(connection: psycopg.Connection[Any]) -> bool:
    """Whether nobody has put an account or an event into the database."""
    row = connection.execute(
        "SELECT NOT EXISTS (SELECT FROM events) AND NOT EXISTS (SELECT FROM users)"
    ).fetchone()
    return bool(row and row[0])


def seed(connection: psycopg.Connection[Any], now: datetime) -> None:
    """Fill an empty database; the caller commits."""
    chance = random.Random(1)  # noqa: S311 - the same data on every machine
    _copy(
        connection,
        "users (user_id, email, password_hash, first_name, surname, registered_at)",
        _users(now, chance),
    )
    connection.execute("INSERT INTO organizers (id, slug, name) VALUES (1, 'biletter', 'Билеттер')")
    _copy(
        connection,
        "events (id, organizer_id, title, description, type, starts_at, provider)",
        _events(now, chance),
    )
    _copy(
        connection,
        "events_archive (id, title, description, type, datetime_start, provider)",
        _archive(chance),
    )
    connection.execute(
        _ZONES_SQL, [[z.name for z in ZONES], [z.price_minor for z in ZONES], OTHER_EVENTS + 1]
    )
    _copy(
        connection,
        "seats (event_id, zone_id, row_number, number, price_minor)",
        _seats(
            dict(connection.execute("SELECT (event_id, position)::text, id FROM zones").fetchall())
        ),
    )
    connection.execute(
        "SELECT setval(pg_get_serial_sequence('users', 'user_id'), 2000000),"
        " setval(pg_get_serial_sequence('organizers', 'id'), 1)"
    )


_ZONES_SQL = """
    INSERT INTO zones (event_id, position, name, price_minor)
    SELECT 1, position, name, price FROM unnest(%s::text[], %s::bigint[])
        WITH ORDINALITY AS z (name, price, position)
    UNION ALL
    SELECT id, 1, 'Зал', 500000 FROM generate_series(2, %s) id
"""


def finish(connection: psycopg.Connection[Any]) -> None:
    """What makes the first queries as fast as later ones; outside a transaction."""
    connection.execute("SELECT brin_summarize_new_values('seats_changed')")
    connection.execute("VACUUM (ANALYZE)")


def _copy(
    connection: psycopg.Connection[Any], target: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _users(now: datetime, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    taken = set()
    known = (*GENERATOR_ACCOUNTS, (500_000, *DEMO_ACCOUNT))
    for user_id, email, password in known:
        taken.add(user_id)
        yield user_id, email, hash_password(password), "", "", now
    user_id = 0
    for _ in range(USERS - len(known)):
        user_id = next(i for i in range(user_id + 1, USERS + 20) if i not in taken)
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        email = f"user_{user_id}@{_DOMAINS[user_id % len(_DOMAINS)]}"
        yield user_id, email, hash_password(f"password-{user_id}"), first, last, now


def hash_password(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _events(now: datetime, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    title = "Концерт мировой звезды Селеста Морейра из Лусарии"
    about = "Единственный концерт в Казахстане. Сто тысяч мест."
    # The file's date may be past; the event has to be on sale.
    yield 1, 1, title, about, "concert", _evening(now + timedelta(days=30)), "Билеттер"
    for event_id in range(2, OTHER_EVENTS + 2):
        title, about, kind = _show(chance)
        start = _evening(now + timedelta(days=chance.randint(1, 90)))
        yield event_id, 1, title, about, kind, start, "TicketRu"


def _archive(chance: random.Random) -> Iterator[tuple[Any, ...]]:
    first = datetime(2015, 1, 1, 19, tzinfo=UTC)
    for number in range(ARCHIVED):
        title, about, kind = _show(chance)
        start = first + timedelta(days=chance.randrange(3652))
        yield (
            FIRST_ARCHIVED_ID + number,
            title,
            about,
            kind,
            start.replace(tzinfo=None),
            "CultureCity",
        )


def _show(chance: random.Random) -> tuple[str, str, str]:
    person = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
    work, city = chance.choice(_WORKS), chance.choice(_CITIES)
    title, kind = chance.choice(
        (
            (f"Концерт {person}", "concert"),
            (f'Показ картины "{work}" с {person} в главной роли', "film"),
            (f'Экспозиция "{work}" куратор {person}', "exhibition"),
            (f"Чемпионат города {city} при поддержке {person}", "sport"),
            (f'Спектакль "{work}", {city}', "theater"),
        )
    )
    return title, f"{title}. Город {city}. Продолжительность два часа с антрактом.", kind


def _evening(day: datetime) -> datetime:
    return day.replace(hour=15, minute=0, second=0, microsecond=0)


def _seats(zone_ids: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    place = 0
    for position, zone in enumerate(ZONES, 1):
        zone_id = zone_ids[f"(1,{position})"]
        for _ in range(zone.seats):
            yield (
                1,
                zone_id,
                place // _SEATS_PER_ROW + 1,
                place % _SEATS_PER_ROW + 1,
                zone.price_minor,
            )
            place += 1
    for event_id in range(2, OTHER_EVENTS + 2):
        zone_id = zone_ids[f"({event_id},1)"]
        for place in range(SEATS_OF_OTHERS):
            yield event_id, zone_id, place // 20 + 1, place % 20 + 1, 500_000
