"""Many seats taken for many bookings in one statement: each as if it had been alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import gevent
import psycopg
import pytest

from app.kernel import db
from app.seats import queries
from app.seats.queries import Wish
from tests.conftest import Caller, Event


def taken(wishes: list[Wish]) -> list[bool]:
    return [held is not None for held in queries.hold_many(wishes)]


def lines(sql: psycopg.Connection[Any], event: Event) -> list[tuple[int, int]]:
    """The seats that bookings have, and those of the seat rows, which must be the same."""
    found = sql.execute(
        "SELECT booking_id, seat_id FROM booking_lines WHERE event_id = %s AND status = 'HELD'"
        " ORDER BY seat_id",
        [event.id],
    ).fetchall()
    seats = sql.execute(
        "SELECT holder_id, id FROM seats WHERE event_id = %s AND status = 'RESERVED' ORDER BY id",
        [event.id],
    ).fetchall()
    assert found == seats
    return found


def test_each_gets_what_it_asked_for(
    new_user: Callable[[], Caller], event: Event, sql: psycopg.Connection[Any]
) -> None:
    buyers = [new_user() for _ in range(5)]
    wishes = [
        Wish(buyer.user_id or 0, buyer.book(event.id), seat)
        for buyer, seat in zip(buyers, event.seats, strict=False)
    ]
    held = queries.hold_many(wishes)
    assert [one and (one.event_id, one.version) for one in held] == [(event.id, 1)] * 5
    assert lines(sql, event) == [(wish.booking_id, wish.seat_id) for wish in wishes]
    alone = new_user()
    one = queries.hold(alone.user_id or 0, alone.book(event.id), event.seats[5])
    assert one is not None
    row = "SELECT to_jsonb(l) - 'id' - 'booking_id' - 'user_id' - 'seat_id' FROM booking_lines l"
    same = sql.execute(f"{row} WHERE event_id = %s", [event.id]).fetchall()
    assert same == [same[0]] * 6


def test_several_seats_of_one_booking(
    buyer: Caller, event: Event, sql: psycopg.Connection[Any]
) -> None:
    booking, user = buyer.book(event.id), buyer.user_id or 0
    seats = event.seats[:3]
    assert taken([Wish(user, booking, seat) for seat in (*seats, seats[0])]) == [True] * 4
    assert lines(sql, event) == [(booking, seat) for seat in seats]


def test_two_for_the_same_seat_have_one_winner_and_one_line(
    new_user: Callable[[], Caller], event: Event, sql: psycopg.Connection[Any]
) -> None:
    wishes = []
    for _ in range(6):
        buyer = new_user()
        wishes.append(Wish(buyer.user_id or 0, buyer.book(event.id), event.seats[0]))
    assert sorted(taken(wishes)) == [False] * 5 + [True]
    assert len(lines(sql, event)) == 1


def test_who_may_not_have_it_does_not_get_it_and_the_others_do(
    new_user: Callable[[], Caller], new_event: Callable[..., Event], sql: psycopg.Connection[Any]
) -> None:
    event, other, limited = new_event(), new_event(), new_event(max_seats_per_booking=2)
    one, two = new_user(), new_user()
    user, booking = one.user_id or 0, one.book(event.id)
    cancelled = two.book(event.id)
    assert two.cancel(cancelled).status_code == 200
    expired = two.book(event.id)
    sql.execute("UPDATE bookings SET expires_at = now() WHERE id = %s", [expired])
    assert two.select(two.book(event.id), event.seats[5]).status_code == 200
    refused = {
        "another's booking": Wish(user, two.book(event.id), event.seats[0]),
        "a cancelled booking": Wish(two.user_id or 0, cancelled, event.seats[1]),
        "a booking that has run out": Wish(two.user_id or 0, expired, event.seats[2]),
        "a seat of another event": Wish(user, booking, other.seats[0]),
        "a seat that is taken": Wish(user, booking, event.seats[5]),
        "no such booking": Wish(user, -1, event.seats[3]),
        "no such seat": Wish(user, booking, -1),
        "a limit, which somebody has to count for": Wish(
            two.user_id or 0, two.book(limited.id), limited.seats[0]
        ),
    }
    wishes = [*refused.values(), Wish(user, booking, event.seats[9])]
    got = dict(zip([*refused, "right"], taken(wishes), strict=True))
    assert got == dict.fromkeys(refused, False) | {"right": True}
    assert (booking, event.seats[9]) in lines(sql, event)
    assert len(lines(sql, event)) == 2


def test_a_seat_whose_hold_has_run_out_can_be_taken(
    new_user: Callable[[], Caller], event: Event, sql: psycopg.Connection[Any]
) -> None:
    one, two = new_user(), new_user()
    late = one.book(event.id)
    assert one.select(late, event.seats[0]).status_code == 200
    sql.execute("UPDATE bookings SET expires_at = now() WHERE id = %s", [late])
    sql.execute("UPDATE seats SET held_until = now() WHERE id = %s", [event.seats[0]])
    wish = Wish(two.user_id or 0, two.book(event.id), event.seats[0])
    assert taken([wish, wish._replace(seat_id=event.seats[1])]) == [True, True]


def test_a_stranger_gets_nothing_beside_the_owner_who_asks_for_the_same(
    new_user: Callable[[], Caller], event: Event
) -> None:
    owner, stranger = new_user(), new_user()
    booking = owner.book(event.id)
    wish = Wish(owner.user_id or 0, booking, event.seats[0])
    assert taken([wish._replace(user_id=stranger.user_id or 0), wish]) == [False, True]
    at_once = [gevent.spawn(one.select, booking, event.seats[1]) for one in (stranger, owner)]
    gevent.joinall(at_once, raise_error=True)
    assert [one.value.status_code for one in at_once] == [403, 200]


@pytest.mark.parametrize("table", ["seats", "bookings"])
def test_whoever_waits_for_a_lock_is_in_nobodys_way(
    table: str, new_user: Callable[[], Caller], event: Event, sql: psycopg.Connection[Any]
) -> None:
    waiting = [(buyer := new_user(), buyer.book(event.id), seat) for seat in event.seats[:5]]
    other = new_user()
    booking = other.book(event.id)
    locked = [seat if table == "seats" else booking for _, booking, seat in waiting]
    with sql.transaction():
        sql.execute(f"SELECT FROM {table} WHERE id = ANY(%s) FOR UPDATE", [locked])
        calls = [gevent.spawn(buyer.select, booking, seat) for buyer, booking, seat in waiting]
        gevent.sleep(0.2)
        assert other.select(booking, event.seats[9]).status_code == 200
        assert not any(call.ready() for call in calls)
    gevent.joinall(calls, raise_error=True)
    assert [call.value.status_code for call in calls] == [200] * 5


@pytest.mark.parametrize("table", ["seats", "bookings"])
def test_what_is_locked_is_left_out_and_holds_up_no_other(
    table: str, new_user: Callable[[], Caller], event: Event, sql: psycopg.Connection[Any]
) -> None:
    one, two = new_user(), new_user()
    wishes = [
        Wish(buyer.user_id or 0, buyer.book(event.id), seat)
        for buyer, seat in zip((one, two), event.seats, strict=False)
    ]
    locked = wishes[0].seat_id if table == "seats" else wishes[0].booking_id
    with sql.transaction():
        sql.execute(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [locked])
        assert taken(wishes) == [False, True]
    # Nobody is refused for that: whoever was left out waits for the lock alone.
    assert one.select(wishes[0].booking_id, wishes[0].seat_id).status_code == 200


@pytest.mark.usefixtures("app")
def test_rows_are_looked_up_by_their_key_even_in_a_plan_made_for_empty_tables() -> None:
    params = {"user_ids": [1, 2], "booking_ids": [1, 2], "seat_ids": [1, 2]}
    plan = "\n".join(row[0] for row in db.rows("EXPLAIN " + queries.HOLD_MANY, params))
    scans = re.findall(r"(\S+ Scan) (?:using (\S+) )?on (?:bookings|seats)\b", plan)
    assert scans == [
        ("Index Scan", "bookings_pkey"),
        ("Index Scan", "seats_pkey"),
        ("Index Scan", "seats_pkey"),
    ], plan
    assert plan.count("Index Cond: (id = ") == 3, plan
