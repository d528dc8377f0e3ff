"""Many bookings opened in one statement: each as if it had been alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import psycopg
import pytest

from app.bookings import create_queries, service
from app.bookings.create_queries import Wish
from app.kernel import errors
from app.kernel.group_commit import GroupCommit
from tests.conftest import Caller, Event


def said(sql: psycopg.Connection[Any], booking: int) -> list[tuple[Any, ...]]:
    """The booking, its message and its record, but for what differs anyway."""
    return sql.execute(
        """SELECT to_jsonb(b) - 'id' - 'user_id' - 'expires_at' - 'created_at',
                  b.expires_at - b.created_at BETWEEN interval '14 min 59 s' AND '15 min 1 s',
                  o.topic, o.payload = jsonb_build_object('booking_id', b.id, 'user_id', b.user_id,
                      'event_id', b.event_id, 'expires_at', b.expires_at),
                  a.actor = 'user:' || b.user_id, a.action, a.entity, a.to_status
           FROM bookings b JOIN outbox o ON o.key = b.id::text
           JOIN audit_log a ON a.entity_id = b.id AND a.entity = 'booking' WHERE b.id = %s""",
        [booking],
    ).fetchall()


def test_each_gets_a_booking_of_its_own(
    new_user: Callable[[], Caller], event: Event, sql: psycopg.Connection[Any]
) -> None:
    users = [new_user().user_id or 0 for _ in range(4)]
    created = create_queries.create_many([Wish(user, event.id) for user in (*users, users[0])])
    ids = [booking for booking in created if booking is not None]
    assert len(set(ids)) == 5
    owners = sql.execute("SELECT user_id FROM bookings WHERE id = ANY(%s) ORDER BY id", [ids])
    assert sorted(row[0] for row in owners) == sorted([*users, users[0]])
    alone = create_queries.create(users[1], event.id)
    expected = said(sql, alone)
    assert len(expected) == 1
    assert [said(sql, booking) for booking in ids] == [expected] * 5


def test_one_that_is_alone_is_answered_as_by_itself(
    buyer: Caller, new_event: Callable[..., Event]
) -> None:
    event, gone = new_event(one_booking_per_user=True), new_event(status="CANCELLED")
    user = buyer.user_id or 0
    assert create_queries.create_many([Wish(user, event.id)]) == [*buyer.bookings()]
    for wish, code in (
        (Wish(user, event.id), "one_booking_per_user"),
        (Wish(user, gone.id), "not_on_sale"),
        (Wish(user, -1), "event_not_found"),
    ):
        with pytest.raises(errors.Problem) as refused:
            create_queries.create_many([wish])
        assert refused.value.code == code


def test_those_who_come_while_one_is_under_way_go_together(
    new_user: Callable[[], Caller], event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def create_many(wishes: list[Wish]) -> list[int | None]:
        sizes.append(len(wishes))
        gevent.sleep(0.1)
        return create_queries.create_many(wishes)

    monkeypatch.setattr(service, "_creations", GroupCommit(create_many, lanes=1, most=32))
    buyers = [new_user() for _ in range(9)]
    first = gevent.spawn(buyers[0].book, event.id)
    gevent.sleep(0.05)
    rest = [gevent.spawn(buyer.book, event.id) for buyer in buyers[1:]]
    gevent.joinall([first, *rest], raise_error=True)
    assert len({one.value for one in (first, *rest)}) == 9
    assert sizes[0] == 1
    assert max(sizes) > 4


def test_what_needs_an_answer_of_its_own_is_left_out_and_spoils_nothing(
    new_user: Callable[[], Caller], new_event: Callable[..., Event]
) -> None:
    event, single = new_event(), new_event(one_booking_per_user=True)
    closed = new_event(status="CANCELLED")
    buyer = new_user()
    user = buyer.user_id or 0
    booked = buyer.book(single.id)
    wishes = [Wish(user, one) for one in (event.id, single.id, closed.id, -1, event.id)]
    created = create_queries.create_many(wishes)
    assert [booking is None for booking in created] == [False, True, True, True, False]
    assert [*buyer.bookings()] == sorted([booked, created[0], created[4]])


def test_a_crowd_is_answered_each_as_it_must(
    new_user: Callable[[], Caller], new_event: Callable[..., Event]
) -> None:
    event, single, closed = new_event(), new_event(one_booking_per_user=True), new_event()
    gone = new_event(status="CANCELLED")
    asked = [event.id, single.id, gone.id, 999_999_999, closed.id] * 8
    buyers = [new_user() for _ in range(8) for _ in range(5)]
    calls = [
        gevent.spawn(buyer.post, "/api/bookings", event_id=one)
        for buyer, one in zip(buyers, asked, strict=True)
    ]
    gevent.joinall(calls, raise_error=True)
    assert [call.value.status_code for call in calls] == [201, 201, 409, 404, 201] * 8
    again = buyers[1].post("/api/bookings", event_id=single.id)
    assert (again.status_code, again.json["code"]) == (409, "one_booking_per_user")
