"""What a list of seats shows, to whom, and how fresh it is."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from app.kernel import shared
from tests.conftest import Caller, Event


def first_seat(caller: Caller, event: Event, **query: Any) -> int:
    seats = caller.get("/api/seats", event_id=event.id, **query).json
    assert seats[0]["status"] == "FREE"
    return seats[0]["id"]


def pages(caller: Caller, event: Event, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = 1
    while seats := caller.get("/api/seats", event_id=event.id, page=page, **query).json:
        found += seats
        page += 1
    return found


@pytest.mark.parametrize("has_account", [True, False])
def test_paging_shows_every_seat_once(
    buyer: Caller, anybody: Caller, new_event: Callable[..., Event], has_account: bool
) -> None:
    event = new_event(seats=230, per_row=23)
    caller = buyer if has_account else anybody
    ids = [seat["id"] for seat in pages(caller, event)]
    assert sorted(ids) == event.seats


def test_paging_goes_on_where_it_was_though_others_page_too(
    new_user: Callable[[], Caller], new_event: Callable[..., Event]
) -> None:
    event = new_event(seats=200)
    one, two = new_user(), new_user()
    seen: dict[int, list[int]] = {0: [], 1: []}
    for page in range(1, 11):
        for number, caller in enumerate((one, two)):
            answer = caller.get("/api/seats", event_id=event.id, page=page)
            seen[number] += [seat["id"] for seat in answer.json]
    assert sorted(seen[0]) == sorted(seen[1]) == event.seats
    assert seen[0] != seen[1]


def test_an_account_that_looks_again_sees_the_same_seats(
    buyer: Caller, new_event: Callable[..., Event]
) -> None:
    event = new_event(seats=200)
    listings = [buyer.get("/api/seats", event_id=event.id).json for _ in range(3)]
    assert listings[0] == listings[1] == listings[2]


def test_free_seats_come_first_then_reserved_ones(
    buyer: Caller, new_event: Callable[..., Event]
) -> None:
    event = new_event(seats=50)
    booking = buyer.book(event.id)
    for seat in event.seats[:45]:
        assert buyer.select(booking, seat).status_code == 200
    statuses = [seat["status"] for seat in pages(buyer, event)]
    assert statuses == ["FREE"] * 5 + ["RESERVED"] * 45
    assert {s["id"] for s in pages(buyer, event, status="FREE")} == set(event.seats[45:])
    assert [s["id"] for s in pages(buyer, event, status="RESERVED")] == event.seats[:45]
    assert pages(buyer, event, status="SOLD") == []


def test_a_row_shows_that_row(buyer: Caller, new_event: Callable[..., Event]) -> None:
    event = new_event(seats=90, per_row=30)
    shown = pages(buyer, event, row=2)
    assert {seat["row"] for seat in shown} == {2}
    assert sorted(seat["number"] for seat in shown) == list(range(1, 31))
    assert pages(buyer, event, row=4) == []


@pytest.mark.parametrize("buyers", [10, 100, 1000])
def test_buyers_without_account_from_one_address_do_not_meet(
    anybody: Caller, new_event: Callable[..., Event], buyers: int
) -> None:
    event = new_event(seats=20_000, per_row=200)
    firsts = [first_seat(anybody, event) for _ in range(buyers)]
    assert len(set(firsts)) == buyers


def test_a_crowd_that_looks_at_the_same_moment_does_not_meet(
    anybody: Caller, new_event: Callable[..., Event], sql: Any
) -> None:
    event = new_event(seats=3000, per_row=100)
    anybody.get("/api/seats", event_id=event.id, status="SOLD")
    looking = [gevent.spawn(first_seat, anybody, event) for _ in range(1000)]
    gevent.joinall(looking, raise_error=True)
    assert len({greenlet.value for greenlet in looking}) == 1000
    leased = sql.execute("SELECT next FROM listing_cursors WHERE event_id = %s", [event.id])
    assert leased.fetchone()[0] < 3000, "the crowd ran through more than a round"


@pytest.mark.parametrize("buyers", [10, 100])
def test_crowds_that_take_the_first_seat_meet_in_under_one_percent_until_one_percent_is_left(
    new_user: Callable[[], Caller], new_event: Callable[..., Event], sql: Any, buyers: int
) -> None:
    event = new_event(seats=10_000, per_row=100)
    crowd = [new_user() for _ in range(buyers)]
    # Everybody looks before anybody takes; all but the last stretch is sold beforehand.
    for left in (10_000, 3_000, 1_000, 300 + buyers):
        sql.execute(
            """UPDATE seats SET status = 'SOLD', holder_kind = 'BOX_OFFICE', holder_id = 1,
                   held_until = NULL, version = version + 1,
                   changed_in = pg_current_xact_id()::text::bigint
               WHERE id IN (SELECT id FROM seats WHERE event_id = %s AND status = 'FREE'
                            ORDER BY id * 7919 %% 10007 LIMIT greatest(0, (SELECT count(*) - %s
                            FROM seats WHERE event_id = %s AND status = 'FREE')))""",
            [event.id, left, event.id],
        )
        shared._counters[5] += 1  # As the worker does through which they were sold.
        wanted = [(buyer, first_seat(buyer, event)) for buyer in crowd]
        answers = [buyer.select(buyer.book(event.id), seat).status_code for buyer, seat in wanted]
        assert answers.count(419) * 100 < buyers


def test_the_seat_just_selected_is_not_shown_free_and_one_released_is(
    buyer: Caller, new_event: Callable[..., Event]
) -> None:
    event = new_event(seats=40)
    booking = buyer.book(event.id)
    for _ in range(40):
        seat = first_seat(buyer, event)
        assert buyer.select(booking, seat).status_code == 200
        free = {s["id"] for s in pages(buyer, event, status="FREE")}
        assert seat not in free
    assert buyer.get("/api/seats", event_id=event.id, status="FREE").json == []
    buyer.release(event.seats[7])
    assert first_seat(buyer, event) == event.seats[7]


def test_changes_made_elsewhere_show_within_the_stated_freshness(
    buyer: Caller, event: Event, sql: Any
) -> None:
    import time

    first_seat(buyer, event)
    sql.execute(
        """UPDATE seats SET status = 'SOLD', holder_kind = 'BOX_OFFICE', holder_id = 1,
               version = version + 1, changed_in = pg_current_xact_id()::text::bigint
           WHERE id = %s""",
        [event.seats[4]],
    )
    deadline = time.monotonic() + 5
    while [s["id"] for s in pages(buyer, event, status="SOLD")] != [event.seats[4]]:
        assert time.monotonic() < deadline


def test_an_announced_change_of_another_worker_shows_in_the_next_listing(
    buyer: Caller, event: Event, sql: Any
) -> None:
    for seat in event.seats[:10]:
        first_seat(buyer, event)
        sql.execute(
            """UPDATE seats SET status = 'SOLD', holder_kind = 'BOX_OFFICE', holder_id = 1,
                   version = version + 1, changed_in = pg_current_xact_id()::text::bigint
               WHERE id = %s""",
            [seat],
        )
        shared._counters[5] += 1  # What the other worker does after its commit.
        assert seat in [s["id"] for s in pages(buyer, event, status="SOLD")]


def test_changes_are_seen_in_whatever_order_transactions_commit(
    buyer: Caller, event: Event, sql: Any, database_url: str
) -> None:
    import psycopg

    change = """UPDATE seats SET status = 'SOLD', holder_kind = 'BOX_OFFICE', holder_id = 1,
                    version = version + 1, changed_in = pg_current_xact_id()::text::bigint
                WHERE id = %s"""
    first_seat(buyer, event)
    with psycopg.connect(database_url) as early:
        early.execute(change, [event.seats[0]])  # The lower transaction id, committed last.
        sql.execute(change, [event.seats[1]])
        shared._counters[6] += 1
        assert {s["id"] for s in pages(buyer, event, status="SOLD")} == {event.seats[1]}
        early.commit()
    shared._counters[6] += 1
    assert {s["id"] for s in pages(buyer, event, status="SOLD")} == set(event.seats[:2])


def test_a_page_far_beyond_the_end_is_empty_at_once(anybody: Caller, event: Event) -> None:
    assert anybody.get("/api/seats", event_id=event.id, page=2**31 - 1).json == []


def test_the_map_says_the_same_as_the_list(buyer: Caller, new_event: Callable[..., Event]) -> None:
    event = new_event(seats=37, per_row=10)
    booking = buyer.book(event.id)
    for seat in event.seats[3:9]:
        buyer.select(booking, seat)
    layout = buyer.get("/api/seats/layout", event_id=event.id)
    document = buyer.get("/api/seats/map", event_id=event.id).json
    assert document["layout"] == layout.json["layout"]
    packed = base64.b64decode(document["statuses"])
    codes = [packed[i // 4] >> 2 * (i % 4) & 3 for i in range(37)]
    order = [
        first_id + offset
        for _row, _number, first_id, length, _zone in layout.json["runs"]
        for offset in range(length)
    ]
    names = {0: "FREE", 1: "RESERVED", 2: "SOLD"}
    mapped = {seat: names[code] for seat, code in zip(order, codes, strict=True)}
    assert mapped == {seat["id"]: seat["status"] for seat in pages(buyer, event)}
    assert (document["free"], document["reserved"], document["sold"]) == (31, 6, 0)


def test_an_unchanged_map_is_a_304_and_a_changed_one_is_not(buyer: Caller, event: Event) -> None:
    answer = buyer.get("/api/seats/map", event_id=event.id)
    tag = {"If-None-Match": answer.headers["ETag"]}
    path = f"/api/seats/map?event_id={event.id}"
    assert buyer("GET", path, headers=tag).status_code == 304
    buyer.select(buyer.book(event.id), event.seats[0])
    assert buyer("GET", path, headers=tag).status_code == 200


def test_nine_hundred_bookings_are_one_statement(
    buyer: Caller, new_event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.kernel import db

    event = new_event(seats=900, per_row=30)
    for seat in event.seats:
        assert buyer.select(buyer.book(event.id), seat).status_code == 200
    statements = []
    execute = db.Connection.execute

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        statements.append(arguments[0])
        return execute(self, *arguments, **options)

    monkeypatch.setattr(db.Connection, "execute", counted)
    assert sorted(seats[0] for seats in buyer.bookings().values()) == event.seats
    assert len(statements) == 1
