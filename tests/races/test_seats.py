"""Many buyers at once. Each promise has a control: the same race with the guard taken away, which
has to go wrong, or the race would show nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import gevent
import pytest
from gevent.event import Event as Gate

from app.kernel import db
from app.kernel.group_commit import GroupCommit
from app.seats import queries, service
from tests.conftest import Caller, Event
from tests.races.line import LINE_UP, Line

GUARD_OF_THE_UPDATE = """
        WHERE s.id = %(seat_id)s
          AND (s.status = 'FREE' OR s.status = 'RESERVED' AND s.held_until <= clock_timestamp())
        RETURNING"""
LOCK_OF_THE_BOOKING = "FOR NO KEY UPDATE OF b"
LOCK_OF_THE_SEATS = "FOR NO KEY UPDATE OF s SKIP LOCKED"


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Run all functions in greenlets that start together; returns what they returned."""
    gate = Gate()

    def run(one: Callable[[], Any]) -> Any:
        gate.wait()
        return one()

    greenlets = [gevent.spawn(run, one) for one in work]
    gevent.sleep(0)
    gate.set()
    gevent.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]


@pytest.fixture(params=["alone", "together"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two statements takes the seats."""
    if request.param == "alone":
        holds = GroupCommit(lambda wishes: [queries.hold(*wishes[0])], lanes=30, most=1)
    else:
        holds = GroupCommit(queries.hold_many, lanes=4, most=10)
    monkeypatch.setattr(service, "_holds", holds)
    return str(request.param)


@pytest.fixture
def without_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The holds without their look at the locked seat row: they believe what they saw before."""
    assert GUARD_OF_THE_UPDATE in queries.HOLD
    unguarded = queries.HOLD.replace(
        GUARD_OF_THE_UPDATE, "\n        WHERE s.id = %(seat_id)s\n        RETURNING"
    )
    lined_up = unguarded.replace(LOCK_OF_THE_BOOKING, LINE_UP + LOCK_OF_THE_BOOKING)
    monkeypatch.setattr(queries, "HOLD", lined_up)
    assert LOCK_OF_THE_SEATS in queries.HOLD_MANY
    unguarded = queries.HOLD_MANY.replace(LOCK_OF_THE_SEATS, "")
    lined_up = unguarded.replace(LOCK_OF_THE_BOOKING, LINE_UP + LOCK_OF_THE_BOOKING)
    monkeypatch.setattr(queries, "HOLD_MANY", lined_up)


def holders(sql: Any, seat_ids: list[int]) -> Counter[int]:
    """How many live bookings have a line for each seat."""
    found = sql.execute(
        """SELECT l.seat_id FROM booking_lines l JOIN bookings b ON b.id = l.booking_id
           WHERE l.seat_id = ANY(%s) AND l.status IN ('HELD', 'SOLD')
             AND (b.status = 'CONFIRMED' OR b.expires_at > clock_timestamp()
                  AND b.status IN ('CREATED', 'PAYMENT_INITIATED'))""",
        [seat_ids],
    )
    return Counter(row[0] for row in found)


def rush(buyers: list[Caller], event: Event, seats: list[int]) -> Counter[int]:
    """Each buyer tries one seat, all at once; returns how often each status came."""
    booked = [(buyer, buyer.book(event.id)) for buyer in buyers]
    answers = at_once(
        *(
            partial(buyer.select, booking, seat)
            for (buyer, booking), seat in zip(booked, cycle(seats), strict=False)
        )
    )
    return Counter(answer.status_code for answer in answers)


@pytest.mark.usefixtures("way")
def test_fifty_buyers_and_one_seat_have_one_winner(
    new_user: Callable[[], Caller], event: Event, sql: Any
) -> None:
    buyers = [new_user() for _ in range(50)]
    assert rush(buyers, event, event.seats[:1]) == {200: 1, 419: 49}
    assert holders(sql, event.seats) == {event.seats[0]: 1}


@pytest.mark.usefixtures("way", "without_guard")
def test_control_without_the_guard_one_seat_has_many_winners(
    new_user: Callable[[], Caller], event: Event, sql: Any, line: Line
) -> None:
    buyers = [new_user() for _ in range(20)]
    gevent.spawn(line.let_go_when, 2)
    assert rush(buyers, event, event.seats[:1])[200] > 1
    assert holders(sql, event.seats)[event.seats[0]] > 1


@pytest.mark.usefixtures("way")
def test_two_hundred_buyers_and_twenty_seats_have_twenty_winners(
    new_user: Callable[[], Caller], event: Event, sql: Any
) -> None:
    buyers = [new_user() for _ in range(200)]
    assert rush(buyers, event, event.seats) == {200: 20, 419: 180}
    assert holders(sql, event.seats) == dict.fromkeys(event.seats, 1)


@pytest.mark.usefixtures("without_guard")
def test_control_without_the_guard_twenty_seats_are_sold_more_than_twenty_times(
    new_user: Callable[[], Caller], event: Event, line: Line, way: str
) -> None:
    buyers = [new_user() for _ in range(60)]
    gevent.spawn(line.let_go_when, 21 if way == "alone" else 3)
    assert rush(buyers, event, event.seats)[200] > 20


def test_the_loser_can_take_another_seat_at_once_and_both_see_the_same(
    new_user: Callable[[], Caller], event: Event
) -> None:
    one, two = new_user(), new_user()
    first, second = one.book(event.id), two.book(event.id)
    seat = event.seats[0]
    answers = at_once(lambda: one.select(first, seat), lambda: two.select(second, seat))
    loser, booking = (one, first) if answers[0].status_code == 419 else (two, second)
    assert loser.select(booking, event.seats[1]).status_code == 200
    views = []
    for buyer in (one, two):
        pages = [buyer.get("/api/seats", event_id=event.id, page=page).json for page in (1, 2)]
        views.append({seat["id"]: seat["status"] for page in pages for seat in page})
    assert views[0] == views[1]
    assert Counter(views[0].values()) == {"FREE": 18, "RESERVED": 2}


def consistent(sql: Any, event: Event) -> None:
    """What must hold whatever has happened: seat rows and lines tell the same story."""
    broken = sql.execute(
        """SELECT s.id, s.status, b.id, b.status, l.status
           FROM seats s
           LEFT JOIN bookings b ON b.id = s.holder_id
           LEFT JOIN booking_lines l ON l.booking_id = b.id AND l.seat_id = s.id
                                    AND l.status IN ('HELD', 'SOLD')
           WHERE s.event_id = %s AND s.status <> 'FREE' AND s.held_until > clock_timestamp()
             AND (b.id IS NULL OR l.id IS NULL
                  OR b.status NOT IN ('CREATED', 'PAYMENT_INITIATED', 'CONFIRMED'))""",
        [event.id],
    ).fetchall()
    assert broken == []
    assert all(count == 1 for count in holders(sql, event.seats).values())
    orphans = sql.execute(
        """SELECT l.id FROM booking_lines l
           JOIN bookings b ON b.id = l.booking_id JOIN seats s ON s.id = l.seat_id
           WHERE l.event_id = %s AND l.status = 'HELD' AND b.status IN ('CREATED')
             AND b.expires_at > clock_timestamp() AND s.holder_id IS DISTINCT FROM b.id""",
        [event.id],
    ).fetchall()
    assert orphans == []


def test_select_against_release_of_the_same_seat(
    new_user: Callable[[], Caller], event: Event, sql: Any
) -> None:
    for round_number in range(15):
        holder, other = new_user(), new_user()
        seat = event.seats[round_number]
        holder.select(holder.book(event.id), seat)
        booking = other.book(event.id)
        released, selected = at_once(
            lambda h=holder, s=seat: h.release(s).status_code,
            lambda o=other, b=booking, s=seat: o.select(b, s).status_code,
        )
        assert released == 200
        assert selected in (200, 419)
        consistent(sql, event)


def test_select_against_cancel_of_the_same_booking(buyer: Caller, event: Event, sql: Any) -> None:
    for _ in range(15):
        booking = buyer.book(event.id)
        buyer.select(booking, event.seats[0])
        cancelled, *selected = at_once(
            lambda b=booking: buyer.cancel(b).status_code,
            *(
                lambda b=booking, s=seat: buyer.select(b, s).status_code
                for seat in event.seats[1:6]
            ),
        )
        assert cancelled == 200
        assert set(selected) <= {200, 419}
        assert buyer.bookings() == {}
        held = sql.execute(
            "SELECT count(*) FROM seats WHERE event_id = %s AND status <> 'FREE'", [event.id]
        ).fetchone()
        assert held == (0,), "a seat is held for a cancelled booking"


def held_after_a_cancellation_that_waited(buyer: Caller, event: Event, sql: Any) -> int:
    """Cancel while a seat is being added to the same booking; returns how many are held then."""
    booking = buyer.book(event.id)
    (user,) = sql.execute("SELECT user_id FROM bookings WHERE id = %s", [booking]).fetchone()
    with db.transaction() as connection:
        queries.hold(user, booking, event.seats[0], connection)
        cancelling = gevent.spawn(lambda: buyer.cancel(booking).status_code)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"
        while sql.execute(waiting).fetchone() == (0,):
            gevent.sleep(0.005)
    assert cancelling.get() == 200
    assert buyer.bookings() == {}
    (held,) = sql.execute(
        "SELECT count(*) FROM seats WHERE event_id = %s AND status <> 'FREE'", [event.id]
    ).fetchone()
    return int(held)


def test_a_cancellation_frees_the_seat_that_was_added_while_it_waited(
    buyer: Caller, event: Event, sql: Any
) -> None:
    assert held_after_a_cancellation_that_waited(buyer, event, sql) == 0


def test_control_a_cancellation_in_one_statement_misses_the_seat_that_was_added(
    buyer: Caller, event: Event, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "together", lambda *statements: db.rows(*statements[-1]))
    assert held_after_a_cancellation_that_waited(buyer, event, sql) == 1


@pytest.fixture
def without_lock_of_the_booking(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, lock in (
        ("HOLD", LOCK_OF_THE_BOOKING),
        ("HOLD_MANY", f"{LOCK_OF_THE_BOOKING} SKIP LOCKED"),
    ):
        unlocked = getattr(queries, name).replace(lock, LINE_UP)
        assert unlocked != getattr(queries, name)
        monkeypatch.setattr(queries, name, unlocked)


@pytest.mark.usefixtures("without_lock_of_the_booking")
@pytest.mark.parametrize("count", [1, 3])
def test_control_select_that_does_not_lock_its_booking_leaves_seats_to_a_cancelled_one(
    count: int, buyer: Caller, event: Event, sql: Any, line: Line
) -> None:
    booking = buyer.book(event.id)
    selecting = [
        gevent.spawn(lambda s=seat: buyer.select(booking, s).status_code)
        for seat in event.seats[:count]
    ]
    line.wait_for(1)
    assert buyer.cancel(booking).status_code == 200
    line.let_go()
    assert [one.get() for one in selecting] == [200] * count
    held = sql.execute(
        "SELECT count(*) FROM seats WHERE event_id = %s AND status <> 'FREE'", [event.id]
    ).fetchone()
    assert held == (count,)


def test_select_against_the_end_of_a_hold(
    new_user: Callable[[], Caller], new_event: Callable[..., Event], sql: Any
) -> None:
    from app.bookings import service

    event = new_event(hold_seconds=1)
    first = [(buyer := new_user(), buyer.book(event.id)) for _ in range(10)]
    for (buyer, booking), seat in zip(first, event.seats, strict=False):
        assert buyer.select(booking, seat).status_code == 200
    won: list[int] = []

    def chase(seat: int) -> None:
        buyer = new_user()
        booking = buyer.book(event.id)
        while buyer.select(booking, seat).status_code != 200:
            if booking not in buyer.bookings():
                booking = buyer.book(event.id)
        won.append(seat)

    sweeping = gevent.spawn(
        lambda: [service.expire_due() or gevent.sleep(0.01) for _ in range(150)]
    )
    at_once(*(lambda s=seat: chase(s) for seat in event.seats[:10] for _ in range(2)))
    sweeping.get()
    assert set(won) == set(event.seats[:10])
    consistent(sql, event)


def test_many_random_buyers_leave_a_consistent_state(
    new_user: Callable[[], Caller], event: Event, sql: Any
) -> None:
    statuses: Counter[int] = Counter()

    def wander(buyer: Caller, seed: int) -> None:
        own = random.Random(seed)
        booking = buyer.book(event.id)
        for _ in range(15):
            step = own.random()
            if step < 0.6:
                answer = buyer.select(booking, own.choice(event.seats))
            elif step < 0.85:
                answer = buyer.release(own.choice(event.seats))
            else:
                answer = buyer.cancel(booking)
                booking = buyer.book(event.id)
            statuses[answer.status_code] += 1

    at_once(*(partial(wander, new_user(), seed) for seed in range(20)))
    assert set(statuses) <= {200, 403, 419}
    consistent(sql, event)


def test_waiting_for_a_locked_seat_is_bounded_and_busy_is_419(
    buyer: Caller, event: Event, sql: Any
) -> None:
    booking = buyer.book(event.id)
    with sql.transaction():
        sql.execute("SELECT FROM seats WHERE id = %s FOR UPDATE", [event.seats[0]])
        answer = buyer.select(booking, event.seats[0])
    assert answer.status_code == 419
    assert answer.json["code"] == "busy"
    assert buyer.select(booking, event.seats[0]).status_code == 200


def test_the_database_itself_refuses_a_second_sale_of_a_seat(
    buyer: Caller, event: Event, sql: Any
) -> None:
    import psycopg

    insert = """INSERT INTO booking_lines (booking_id, user_id, event_id, seat_id,
                    unit_price_minor, currency, status)
                VALUES (%s, %s, %s, %s, 1, 'KZT', 'SOLD')"""
    sql.execute(insert, [-1, buyer.user_id, event.id, event.seats[0]])
    with pytest.raises(psycopg.errors.UniqueViolation, match="booking_lines_seat_sold_once"):
        sql.execute(insert, [-2, buyer.user_id, event.id, event.seats[0]])


def test_reset_in_the_middle_of_the_rush_leaves_nothing_by_halves(
    new_user: Callable[[], Caller], new_event: Callable[..., Event], sql: Any
) -> None:
    event = new_event(seats=200)
    statuses: Counter[int] = Counter()
    over = Gate()

    def keep_buying(buyer: Caller) -> None:
        own = random.Random(buyer.user_id)
        while not over.is_set():
            answer = buyer.post("/api/bookings", event_id=event.id)
            statuses[answer.status_code] += 1
            if answer.status_code != 201:
                continue
            answer = buyer.select(answer.json["id"], own.choice(event.seats))
            statuses[answer.status_code] += 1
            statuses[buyer.get("/api/bookings").status_code] += 1

    rushing = [gevent.spawn(keep_buying, new_user()) for _ in range(12)]
    reset = new_user()
    for _ in range(3):
        gevent.sleep(0.3)
        assert reset.post("/api/reset").status_code == 200
    over.set()
    gevent.joinall(rushing, raise_error=True)
    assert set(statuses) <= {200, 201, 404, 419}
    consistent(sql, event)
    assert reset.post("/api/reset").status_code == 200
    left = sql.execute(
        "SELECT (SELECT count(*) FROM bookings), (SELECT count(*) FROM booking_lines),"
        " (SELECT count(*) FROM seats WHERE status <> 'FREE')"
    ).fetchone()
    assert left == (0, 0, 0)
    sales = reset.get("/api/analytics", id=event.id).json
    assert (sales["free_seats"], sales["bookings_count"]) == (200, 0)


@pytest.mark.usefixtures("app")
def test_connections_all_go_back() -> None:
    assert db.primary().in_use == 0
