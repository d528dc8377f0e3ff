"""The flows of the contract, on a real PostgreSQL through the whole application."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Caller, Event


def test_select_reserves_and_release_frees(buyer: Caller, event: Event) -> None:
    booking = buyer.book(event.id)
    answer = buyer.select(booking, event.seats[3])
    assert answer.status_code == 200
    assert answer.json == {"message": "Место успешно добавлено в бронь"}
    assert buyer.bookings() == {booking: [event.seats[3]]}
    assert status_of(buyer, event, event.seats[3]) == "RESERVED"
    answer = buyer.release(event.seats[3])
    assert (answer.status_code, answer.json) == (200, {"message": "Место успешно освобождено"})
    assert buyer.bookings() == {booking: []}
    assert status_of(buyer, event, event.seats[3]) == "FREE"


def test_second_buyer_of_a_seat_gets_419_and_can_take_another(
    new_user: Callable[[], Caller], event: Event
) -> None:
    first, second = new_user(), new_user()
    assert first.select(first.book(event.id), event.seats[0]).status_code == 200
    booking = second.book(event.id)
    refused = second.select(booking, event.seats[0])
    assert refused.status_code == 419
    assert refused.content_type == "application/problem+json"
    assert refused.json["code"] == "seat_unavailable"
    assert second.select(booking, event.seats[1]).status_code == 200


def test_selecting_a_seat_again_for_the_same_booking_is_200_and_one_line(
    buyer: Caller, event: Event
) -> None:
    booking = buyer.book(event.id)
    for _ in range(3):
        assert buyer.select(booking, event.seats[0]).status_code == 200
    assert buyer.bookings() == {booking: [event.seats[0]]}


def test_another_booking_of_the_same_buyer_cannot_take_the_seat(
    buyer: Caller, event: Event
) -> None:
    assert buyer.select(buyer.book(event.id), event.seats[0]).status_code == 200
    assert buyer.select(buyer.book(event.id), event.seats[0]).status_code == 419


def test_foreign_seats_and_bookings_are_403(new_user: Callable[[], Caller], event: Event) -> None:
    owner, other = new_user(), new_user()
    booking = owner.book(event.id)
    owner.select(booking, event.seats[0])
    assert other.select(booking, event.seats[1]).status_code == 403
    assert other.release(event.seats[0]).status_code == 403
    assert other.cancel(booking).status_code == 403
    assert other.pay(booking).status_code == 403
    assert owner.bookings() == {booking: [event.seats[0]]}


def test_what_does_not_exist_is_404_and_a_free_seat_cannot_be_released(
    buyer: Caller, event: Event
) -> None:
    booking = buyer.book(event.id)
    assert buyer.post("/api/bookings", event_id=77_777_777).status_code == 404
    assert buyer.select(2**62, event.seats[0]).status_code == 404
    assert buyer.select(booking, 2**62).status_code == 404
    assert buyer.cancel(2**62).status_code == 404
    assert buyer.pay(2**62).status_code == 404
    assert buyer.release(event.seats[0]).status_code == 419
    assert buyer.release(2**62).status_code == 419
    assert buyer.get("/api/seats", event_id=77_777_777).status_code == 404
    assert buyer.get("/api/analytics", id=77_777_777).status_code == 404


def test_a_seat_of_another_event_is_refused(buyer: Caller, new_event: Callable[..., Event]) -> None:
    one, two = new_event(), new_event()
    assert buyer.select(buyer.book(one.id), two.seats[0]).status_code == 419


def test_cancel_frees_all_seats_at_once_and_repeats(buyer: Caller, event: Event) -> None:
    booking = buyer.book(event.id)
    for seat in event.seats[:3]:
        buyer.select(booking, seat)
    answer = buyer.cancel(booking)
    assert (answer.status_code, answer.json) == (200, {"message": "Бронь успешно отменена"})
    assert buyer.cancel(booking).status_code == 200
    assert buyer.bookings() == {}
    assert {status_of(buyer, event, seat) for seat in event.seats[:3]} == {"FREE"}
    assert buyer.select(booking, event.seats[0]).status_code == 419
    cancelled = buyer.get("/api/bookings", status="CANCELLED").json
    assert cancelled == [
        {"id": booking, "event_id": event.id, "seats": [{"id": s} for s in event.seats[:3]]}
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "DRAFT"},
        {"status": "CANCELLED"},
        {"sales_until": "2020-01-01"},
        {"sales_from": "2100-01-01"},
    ],
)
def test_an_event_that_is_not_on_sale_is_409(
    buyer: Caller, new_event: Callable[..., Event], columns: dict[str, str]
) -> None:
    assert buyer.post("/api/bookings", event_id=new_event(**columns).id).status_code == 409


def test_one_booking_per_user_where_the_event_wants_it(
    buyer: Caller, new_event: Callable[..., Event]
) -> None:
    event = new_event(one_booking_per_user=True)
    first = buyer.book(event.id)
    assert buyer.post("/api/bookings", event_id=event.id).status_code == 409
    buyer.cancel(first)
    buyer.book(event.id)


def test_a_run_out_booking_is_not_in_the_way_of_the_next(
    buyer: Caller, new_event: Callable[..., Event]
) -> None:
    event = new_event(one_booking_per_user=True, hold_seconds=1)
    first = buyer.book(event.id)
    wait_until_gone(buyer, first)
    buyer.book(event.id)


def test_seats_per_booking_are_limited_where_the_event_wants_it(
    buyer: Caller, new_event: Callable[..., Event]
) -> None:
    event = new_event(max_seats_per_booking=2)
    booking = buyer.book(event.id)
    assert [buyer.select(booking, seat).status_code for seat in event.seats[:3]] == [200, 200, 419]
    buyer.release(event.seats[0])
    assert buyer.select(booking, event.seats[2]).status_code == 200


def test_a_hold_that_ran_out_is_free_at_once_without_any_worker(
    new_user: Callable[[], Caller], new_event: Callable[..., Event]
) -> None:
    event = new_event(hold_seconds=1)
    slow, quick = new_user(), new_user()
    booking = slow.book(event.id)
    assert slow.select(booking, event.seats[0]).status_code == 200
    later = quick.book(event.id)
    assert quick.select(later, event.seats[0]).status_code == 419
    wait_until_gone(slow, booking)
    assert status_of(quick, event, event.seats[0]) == "FREE"
    assert slow.release(event.seats[0]).status_code == 419
    assert slow.pay(booking).status_code == 409
    assert quick.select(quick.book(event.id), event.seats[0]).status_code == 200
    assert slow.bookings() == {}


def test_the_sweep_ends_what_ran_out_and_leaves_the_next_holder_alone(
    new_user: Callable[[], Caller], new_event: Callable[..., Event]
) -> None:
    from app.bookings import service

    event = new_event(hold_seconds=1)
    slow, quick = new_user(), new_user()
    booking = slow.book(event.id)
    slow.select(booking, event.seats[0])
    slow.select(booking, event.seats[1])
    wait_until_gone(slow, booking)
    second = quick.book(event.id)
    assert quick.select(second, event.seats[0]).status_code == 200
    assert service.expire_due() >= 1
    assert quick.bookings() == {second: [event.seats[0]]}
    assert [b["id"] for b in slow.get("/api/bookings", status="EXPIRED").json] == [booking]
    assert slow.cancel(booking).status_code == 200


def test_analytics_add_up(new_user: Callable[[], Caller], new_event: Callable[..., Event]) -> None:
    event = new_event(seats=30)
    one, two = new_user(), new_user()
    booking = one.book(event.id)
    for seat in event.seats[:4]:
        one.select(booking, seat)
    two.book(event.id)
    assert one.get("/api/analytics", id=event.id).json == {
        "event_id": event.id,
        "total_seats": 30,
        "sold_seats": 0,
        "reserved_seats": 4,
        "free_seats": 26,
        "total_revenue": "0.00",
        "bookings_count": 2,
    }


def test_each_step_leaves_a_message_and_a_line_in_the_audit_log(
    buyer: Caller, event: Event, sql
) -> None:
    booking = buyer.book(event.id)
    buyer.cancel(booking)
    topics = sql.execute(
        "SELECT topic FROM outbox WHERE key = %s ORDER BY id", [str(booking)]
    ).fetchall()
    assert topics == [("booking.created",), ("booking.cancelled",)]
    steps = sql.execute(
        "SELECT actor, from_status, to_status FROM audit_log WHERE entity = 'booking'"
        " AND entity_id = %s ORDER BY id",
        [booking],
    ).fetchall()
    actor = f"user:{buyer.user_id}"
    assert steps == [(actor, None, "CREATED"), (actor, "CREATED", "CANCELLED")]


def status_of(caller: Caller, event: Event, seat_id: int) -> str:
    """What the listing says of a seat, found by paging through all of them."""
    page = 1
    while seats := caller.get("/api/seats", event_id=event.id, page=page).json:
        for seat in seats:
            if seat["id"] == seat_id:
                return str(seat["status"])
        page += 1
    raise AssertionError(f"seat {seat_id} is not listed")


def wait_until_gone(caller: Caller, booking: int) -> None:
    """Wait for a short hold to run out."""
    import time

    deadline = time.monotonic() + 10
    while booking in caller.bookings():
        assert time.monotonic() < deadline
        time.sleep(0.02)
