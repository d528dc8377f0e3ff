"""The saga of provider places: from going to pay to SOLD, and every way back."""

from __future__ import annotations

import gevent
import pytest

from tests.conftest import Caller
from tests.integration.gateway import until
from tests.integration.hall import Hall

TAKEN = {"WANTED", "ASKED", "SELECTED", "SURPLUS", "RELEASING"}


def sold(hall: Hall, booking: int) -> bool:
    return hall.booking(booking) == "CONFIRMED"


def given_back(hall: Hall, booking: int) -> bool:
    return hall.order(booking) in ("RETURNED", "CANCELLED") and not hall.theirs()


def test_the_provider_is_asked_when_the_buyer_goes_to_pay_and_has_sold_what_we_have_sold(
    hall: Hall,
) -> None:
    booking = hall.reserve(0, 1, 2)
    hall.work()
    assert (hall.order(booking), hall.theirs()) == ("none", {})
    order = hall.pay_soon(booking)
    assert hall.order(booking) == "HELD"
    assert hall.theirs() == {"STARTED": sorted(hall.place_ids(0, 1, 2))}
    hall.gateway.authorize(order)
    hall.until(lambda: sold(hall, booking))
    assert hall.theirs() == {"CONFIRMED": sorted(hall.place_ids(0, 1, 2))}
    assert hall.places(booking) == ["BOUGHT"] * 3
    assert hall.payment(order) == "COMPLETED"
    assert hall.gateway.payments()[order]["captured"] == 1_500_000


def test_going_to_pay_again_gives_the_same_form_and_asks_for_nothing(hall: Hall) -> None:
    booking = hall.reserve(0)
    hall.pay_soon(booking)
    first, again = hall.buyer.pay(booking), hall.buyer.pay(booking)
    assert first.headers["Location"] == again.headers["Location"]
    assert len(hall.orders(booking)) == 1


def test_a_place_that_somebody_else_has_is_419_and_the_rest_can_be_paid(hall: Hall) -> None:
    hall.provider.holding(1)
    booking = hall.reserve(0, 1, 2)
    with hall.working():
        answer = hall.buyer.pay(booking)
    assert (answer.status_code, answer.json["code"]) == (419, "place_refused")
    assert hall.booking(booking) == "CREATED"
    assert hall.seats(hall.event)["SOLD"] == 1
    assert "booking.place_refused" in hall.topics(booking)
    assert hall.buyer.bookings()[booking] == [hall.event.seats[0], hall.event.seats[2]]
    order = hall.pay_soon(booking)
    hall.gateway.authorize(order)
    hall.until(lambda: sold(hall, booking))
    assert hall.theirs()["CONFIRMED"] == sorted(hall.place_ids(0, 2))


def test_the_hold_that_ends_unpaid_gives_the_places_back(hall: Hall) -> None:
    booking = hall.reserve(0, 1)
    hall.pay_soon(booking)
    hall.run_out(booking)
    hall.until(lambda: given_back(hall, booking))
    assert hall.booking(booking) == "EXPIRED"


def test_cancel_before_paying_gives_the_places_back(hall: Hall) -> None:
    booking = hall.reserve(0, 1)
    hall.pay_soon(booking)
    assert hall.buyer.cancel(booking).status_code == 200
    hall.until(lambda: given_back(hall, booking))


def test_a_rejected_card_gives_the_places_back(hall: Hall) -> None:
    booking = hall.reserve(0, 1)
    order = hall.pay_soon(booking)
    hall.gateway.reject(order)
    hall.until(lambda: given_back(hall, booking))
    assert (hall.booking(booking), hall.payment(order)) == ("CANCELLED", "FAILED")


def test_a_seat_that_is_released_goes_back_alone_and_the_rest_is_not_asked_for_again(
    hall: Hall,
) -> None:
    booking = hall.reserve(0, 1, 2)
    hall.pay_soon(booking)
    assert hall.buyer.release(hall.event.seats[1]).status_code == 200
    hall.until(lambda: hall.theirs() == {"STARTED": sorted(hall.place_ids(0, 2))})
    order = hall.pay_soon(booking)
    hall.gateway.authorize(order)
    hall.until(lambda: sold(hall, booking))
    assert hall.theirs() == {"CONFIRMED": sorted(hall.place_ids(0, 2))}


def test_a_seat_released_and_chosen_by_another_buyer_changes_its_order(hall: Hall) -> None:
    first = hall.reserve(0, 1)
    hall.pay_soon(first)
    assert hall.buyer.release(hall.event.seats[1]).status_code == 200
    other: Caller = hall.new_user()
    second = other.book(hall.event.id)
    assert other.select(second, hall.event.seats[1]).status_code == 200
    with hall.working():
        until(lambda: other.pay(second).status_code == 302)
    order = hall.orders(second)[-1]
    hall.gateway.authorize(order)
    hall.until(lambda: sold(hall, second))
    assert hall.theirs() == {
        "CONFIRMED": hall.place_ids(1),
        "STARTED": hall.place_ids(0),
    }


def test_a_reset_gives_held_places_back_and_sold_ones_are_sold_again(hall: Hall) -> None:
    kept = hall.reserve(0, 1)
    order = hall.pay_soon(kept)
    hall.gateway.authorize(order)
    hall.until(lambda: sold(hall, kept))
    held = hall.reserve(5)
    hall.pay_soon(held)
    assert hall.anybody.post("/api/reset").status_code == 200
    hall.until(lambda: hall.order(held) == "RETURNED")
    assert hall.theirs() == {"CONFIRMED": sorted(hall.place_ids(0, 1))}
    again = hall.reserve(0, 5)
    order = hall.pay_soon(again)
    hall.gateway.authorize(order)
    hall.until(lambda: sold(hall, again))
    assert hall.theirs() == {"CONFIRMED": sorted(hall.place_ids(0, 1, 5))}


def test_money_that_cannot_be_captured_in_time_cancels_the_submitted_order(hall: Hall) -> None:
    booking = hall.reserve(0, 1)
    order = hall.pay_soon(booking)
    hall.gateway.turn(confirm={"fail": {"chance": 1}})
    hall.gateway.authorize(order)
    hall.until(lambda: hall.order(booking) == "SUBMITTED")
    assert hall.booking(booking) == "CONFIRMING"
    assert hall.buyer.cancel(booking).status_code == 409
    assert hall.buyer.release(hall.event.seats[0]).status_code == 419
    hall.gateway.turn(confirm={"fail": {"chance": 1}, "fail_status": 422})
    hall.sql.execute(
        "UPDATE payments SET created_at = created_at - interval '16 minutes' WHERE order_id = %s",
        [order],
    )
    hall.until(lambda: hall.order(booking) == "CANCELLED")
    assert (hall.booking(booking), hall.payment(order)) == ("CANCELLED", "REFUND_DUE")
    assert not hall.theirs().get("SUBMITTED")
    assert hall.seats(hall.event)["FREE"] == 200


def test_a_provider_that_cannot_be_reached_in_time_costs_nobody_money(hall: Hall) -> None:
    booking = hall.reserve(0)
    order = hall.pay_soon(booking)
    hall.provider.turn(submit={"fail": {"chance": 1}})
    hall.gateway.authorize(order)
    hall.until(lambda: hall.payment(order) == "ACCEPTED")
    hall.sql.execute(
        "UPDATE payments SET created_at = created_at - interval '15 minutes' WHERE order_id = %s",
        [order],
    )
    hall.until(lambda: hall.payment(order) == "REFUND_DUE")
    assert hall.gateway.payments()[order]["captured"] == 0
    hall.until(lambda: given_back(hall, booking))


def test_money_that_is_taken_is_confirmed_however_long_the_provider_refuses(hall: Hall) -> None:
    booking = hall.reserve(0)
    order = hall.pay_soon(booking)
    hall.provider.turn(confirm={"fail": {"times": 3}})
    hall.gateway.authorize(order)
    hall.until(lambda: sold(hall, booking), 30)
    assert hall.theirs() == {"CONFIRMED": hall.place_ids(0)}


LOST = {"drop": {"times": 1}}
FAILED = {"fail": {"times": 1}}


@pytest.mark.parametrize("fault", [LOST, FAILED], ids=["lost answer", "not done"])
@pytest.mark.parametrize("call", ["start", "select", "submit", "confirm", "order", "place"])
def test_an_answer_that_is_lost_on_the_way_to_sold_is_read_back(
    hall: Hall, call: str, fault: dict[str, object]
) -> None:
    booking = hall.reserve(0, 1)
    hall.provider.turn(**{call: fault})
    with hall.working():
        until(lambda: hall.buyer.pay(booking).status_code == 302, 20)
    hall.gateway.authorize(hall.orders(booking)[-1])
    hall.until(lambda: sold(hall, booking), 30)
    assert hall.theirs() == {"CONFIRMED": sorted(hall.place_ids(0, 1))}


@pytest.mark.parametrize("fault", [LOST, FAILED], ids=["lost answer", "not done"])
@pytest.mark.parametrize("call", ["release", "order"])
def test_an_answer_that_is_lost_on_the_way_back_is_read_back(
    hall: Hall, call: str, fault: dict[str, object]
) -> None:
    booking = hall.reserve(0, 1)
    hall.pay_soon(booking)
    hall.provider.turn(**{call: fault})
    assert hall.buyer.cancel(booking).status_code == 200
    hall.until(lambda: given_back(hall, booking), 30)


@pytest.mark.parametrize("is_confirmed", [False, True], ids=["held there", "sold there"])
def test_a_place_that_was_given_back_a_moment_ago_is_not_counted_for_one_in_doubt(
    hall: Hall, is_confirmed: bool
) -> None:
    foreign, _ = hall.provider.holding(1)
    if is_confirmed:
        assert hall.provider.change(foreign, "submit") == 200
        assert hall.provider.change(foreign, "confirm") == 200
    booking = hall.reserve(0)
    hall.pay_soon(booking)
    # We asked for the foreign place, too, and its refusal got lost.
    hall.sql.execute(
        "INSERT INTO provider_places (booking_id, seat_id, place_id, status)"
        " VALUES (%s, %s, %s, 'ASKED')",
        [booking, hall.event.seats[1], *hall.place_ids(1)],
    )
    hall.provider.turn(order_lane={"delay_ms": 100}, place_lane={"delay_ms": 20})
    assert hall.buyer.cancel(booking).status_code == 200
    hall.until(lambda: hall.order(booking) == "RETURNED", 30)
    hall.provider.await_rest()
    assert hall.provider.order(foreign)["places_count"] == 1


def test_a_place_stays_in_doubt_while_the_provider_does_not_answer(hall: Hall) -> None:
    booking = hall.reserve(0)
    hall.provider.turn(select={"drop": {"times": 1}}, order_lane={"stopped": True})
    with hall.working():
        assert hall.buyer.pay(booking).status_code == 503
        hall.provider.turn(down=True)
        gevent.sleep(1.5)  # Longer than our patience.
        hall.provider.turn(down=False)
        gevent.sleep(0.5)
        assert hall.places(booking) == ["ASKED"]
        hall.provider.turn(order_lane={"stopped": False})
        until(lambda: hall.buyer.pay(booking).status_code == 302, 20)
    assert hall.theirs() == {"STARTED": hall.place_ids(0)}
