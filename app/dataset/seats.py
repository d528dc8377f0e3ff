"""The seats of event 1, as the event provider has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import urllib3

from app.dataset.progress import progress
from app.dataset.report import say
from app.dataset.sessions import Connection

EVENT_ID = 1
_PAGE_SIZE = 1_000
_MOST_PAGES = 10_000
_RETRIES = urllib3.Retry(
    total=5,
    redirect=0,
    backoff_factor=0.1,
    backoff_max=5,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
)
_TIMEOUT = urllib3.Timeout(connect=5, read=20)
_OK = 200
_SHOWN = 5


class Zone(NamedTuple):
    """A part of the venue: its rows and what a seat costs in tiyn."""

    name: str
    first_row: int
    last_row: int
    seats: int
    price_minor: int


ZONES = (
    Zone("Золотой круг", 1, 10, 10_000, 4_000_000),
    Zone("Фан-зона", 11, 25, 15_000, 8_000_000),
    Zone("Нижний ярус", 26, 45, 20_000, 12_000_000),
    Zone("Средний ярус", 46, 70, 25_000, 16_000_000),
    Zone("Верхний ярус", 71, 100, 30_000, 20_000_000),
)


class Unavailable(Exception):
    """The provider does not give its places; the sentence says why."""


class Place(msgspec.Struct, frozen=True):
    """A place as the provider tells it."""

    id: UUID
    row: int
    seat: int
    is_free: bool


def bring(connection: Connection, provider_url: str) -> int:
    """Bring the seats of event 1 to what the provider has; return how many rows have changed.

    Reads all places before it writes; may be repeated. Raises Unavailable.
    """
    if not has_event(connection):
        raise Unavailable("There is no event 1 that the provider's places could belong to.")
    with progress("seats of event 1", "place") as bar:
        expected = sum(zone.seats for zone in ZONES)
        places = read_places(provider_url, lambda n: bar.reach(n, max(n, expected)))
    wanted = _by_position(places)
    _report(wanted.values())
    if not wanted:
        return 0
    with connection.transaction():
        return _write(connection, wanted)


def has_event(connection: Connection) -> bool:
    """Whether there is an event 1 that seats can belong to."""
    return bool(connection.execute("SELECT id FROM events WHERE id = %s", [EVENT_ID]).fetchone())


def read_places(provider_url: str, advance: Callable[[int], object]) -> list[Place]:
    """All places of the provider; `advance` hears how many there are so far. Raises Unavailable."""
    decoder = msgspec.json.Decoder(list[Place])
    found: dict[UUID, Place] = {}
    address = f"{provider_url.rstrip('/')}/api/partners/v1/places"
    with urllib3.PoolManager(retries=_RETRIES, timeout=_TIMEOUT) as pool:
        for page in range(1, _MOST_PAGES):
            try:
                answer = pool.request(
                    "GET", address, fields={"page": str(page), "pageSize": str(_PAGE_SIZE)}
                )
                if answer.status != _OK:
                    raise Unavailable(
                        f"The event provider answers {answer.status} for its places, page {page}."
                    )
                places = decoder.decode(answer.data)
            except urllib3.exceptions.HTTPError as error:
                reason = type(getattr(error, "reason", None) or error).__name__
                raise Unavailable(
                    f"The event provider at {provider_url} does not answer ({reason})."
                ) from None
            except msgspec.DecodeError as error:
                raise Unavailable(
                    f"The event provider's places, page {page}, cannot be read: {error}."
                ) from None
            if not places:
                return list(found.values())
            before = len(found)
            found.update((place.id, place) for place in places if place.id not in found)
            if len(found) == before:
                raise Unavailable(f"The event provider repeats itself from page {page} on.")
            advance(len(found))
    raise Unavailable("The event provider's places have no end.")


def _by_position(places: list[Place]) -> dict[tuple[int, int], list[Place]]:
    """The places of each seat that there is in the venue; the first of several is the one taken."""
    last_row = ZONES[-1].last_row
    found: dict[tuple[int, int], list[Place]] = {}
    outside = 0
    for place in places:
        if 1 <= place.row <= last_row and place.seat >= 1:
            found.setdefault((place.row, place.seat), []).append(place)
        else:
            outside += 1
    if outside:
        say(f"{outside:,} places of the provider are in no row from 1 to {last_row}: left out.")
    return dict(sorted(found.items()))


def _report(groups: Iterable[list[Place]]) -> None:
    groups = list(groups)
    twice = [group for group in groups if len(group) > 1]
    for group in twice[:_SHOWN]:
        say(
            f"Row {group[0].row}, seat {group[0].seat} is {len(group)} places at the provider:"
            f" {group[0].id} is taken."
        )
    if len(twice) > _SHOWN:
        say(f"{len(twice):,} seats in all are more than one place at the provider.")
    for zone in ZONES:
        count = sum(1 for group in groups if zone.first_row <= group[0].row <= zone.last_row)
        if count != zone.seats:
            say(f"{zone.name} has {count:,} seats at the provider instead of {zone.seats:,}.")
    taken = sum(1 for group in groups if not group[0].is_free)
    if taken:
        say(f"{taken:,} places are taken at the provider.")


_ZONES_SQL = """
    INSERT INTO zones AS z (event_id, position, name, price_minor)
    SELECT %s, position, name, price FROM unnest(%s::text[], %s::bigint[])
        WITH ORDINALITY AS wanted (name, price, position)
    ON CONFLICT (event_id, position) DO UPDATE SET name = excluded.name,
        price_minor = excluded.price_minor
    WHERE (z.name, z.price_minor) IS DISTINCT FROM (excluded.name, excluded.price_minor)
"""
_INCOMING_SQL = """
    CREATE TEMP TABLE incoming_seats (position integer, row_number integer, number integer,
        price_minor bigint, external_id uuid, PRIMARY KEY (row_number, number)) ON COMMIT DROP
"""
# A service that runs meanwhile hears of new seats by `changed_in`.
_SEATS_SQL = """
    INSERT INTO seats AS s (event_id, zone_id, row_number, number, price_minor, external_id,
        changed_in)
    SELECT z.event_id, z.id, i.row_number, i.number, i.price_minor, i.external_id,
           pg_current_xact_id()::text::bigint
    FROM incoming_seats i JOIN zones z ON z.event_id = %s AND z.position = i.position
    ORDER BY i.row_number, i.number
    ON CONFLICT (event_id, row_number, number) DO UPDATE SET external_id = excluded.external_id
    WHERE s.external_id IS DISTINCT FROM excluded.external_id
"""


def _write(connection: Connection, wanted: dict[tuple[int, int], list[Place]]) -> int:
    known: dict[tuple[int, int], UUID] = {
        (row, number): external_id
        for row, number, external_id in connection.execute(
            "SELECT row_number, number, external_id FROM seats WHERE event_id = %s", [EVENT_ID]
        )
    }
    missing = len(known.keys() - wanted.keys())
    if missing:
        say(f"{missing:,} seats of event 1 are not at the provider; they stay as they are.")
    connection.execute(
        _ZONES_SQL, [EVENT_ID, [z.name for z in ZONES], [z.price_minor for z in ZONES]]
    )
    connection.execute(_INCOMING_SQL)
    with connection.cursor() as cursor, cursor.copy("COPY incoming_seats FROM STDIN") as copy:
        for (row, number), group in wanted.items():
            # What a seat has been tied to stays, as long as the provider still has it.
            tied = known.get((row, number))
            chosen = tied if any(place.id == tied for place in group) else group[0].id
            copy.write_row(_seat(row, number, chosen))
    return connection.execute(_SEATS_SQL, [EVENT_ID]).rowcount


def _seat(row: int, number: int, external_id: UUID | None) -> tuple[Any, ...]:
    position, zone = next(
        (position, zone) for position, zone in enumerate(ZONES, 1) if row <= zone.last_row
    )
    return position, row, number, zone.price_minor, external_id
