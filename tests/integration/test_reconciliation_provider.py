"""Differences with the event provider's places and orders: seen, healed, listed, gone."""

from __future__ import annotations

import pytest

from app.operations import reconciling
from app.operations.models import Outcome, Part
from tests.integration.gateway import until
from tests.integration.hall import Hall
from tests.integration.reconciliation import compared, healed, listed, pass_time

pytestmark = pytest.mark.usefixtures("clean_differences")


# The provider.


@pytest.fixture
def alone(hall: Hall) -> Hall:
    """A hall whose places no other event has."""
    hall.sql.execute("UPDATE seats SET external_id = NULL WHERE event_id <> %s", [hall.event.id])
    return hall


def seat(hall: Hall, number: int) -> tuple[str, str | None]:
    query = "SELECT status::text, holder_kind::text FROM seats WHERE id = %s"
    row = hall.sql.execute(query, [hall.event.seats[number]]).fetchone()
    assert row is not None
    return row[0], row[1]


def compared_twice(hall: Hall, part: Part) -> Outcome:
    compared(part)
    pass_time(hall.sql)
    return compared(part)


def test_nothing_differs_after_a_sale(alone: Hall) -> None:
    booking = alone.reserve(0, 1)
    order = alone.pay_soon(booking)
    assert compared(Part.PLACES).examined == 200
    alone.gateway.authorize(order)
    alone.until(lambda: alone.booking(booking) == "CONFIRMED")
    alone.provider.await_rest()
    for part in (Part.PLACES, Part.ORDERS):
        assert compared(part).found == 0


def test_a_place_that_somebody_else_has_is_sold_here_and_free_again_when_it_is_there(
    alone: Hall,
) -> None:
    _, (place,) = alone.provider.holding(3)
    until(lambda: not alone.provider.is_free(place))
    outcome = compared(Part.PLACES)
    assert (outcome.found, outcome.healed) == (1, 1)
    assert seat(alone, 3) == ("SOLD", "PROVIDER")
    subject = str(alone.event.seats[3])
    assert ("seat_sold_elsewhere", subject) in healed()
    assert compared(Part.PLACES).found == 0
    alone.provider.release(place)
    until(lambda: alone.provider.is_free(place))
    assert compared(Part.PLACES).healed == 0
    assert seat(alone, 3) == ("SOLD", "PROVIDER")
    pass_time(alone.sql)
    assert compared(Part.PLACES).healed == 1
    assert seat(alone, 3) == ("FREE", None)
    assert ("seat_free_elsewhere", subject) in healed()
    assert listed() == set()


def test_a_seat_that_a_buyer_holds_is_left_to_him(alone: Hall) -> None:
    alone.reserve(3)
    _, (place,) = alone.provider.holding(3)
    until(lambda: not alone.provider.is_free(place))
    assert compared(Part.PLACES).found == 0
    assert seat(alone, 3) == ("RESERVED", "BOOKING")


def test_a_place_that_is_ours_and_free_there_is_listed_until_it_is_taken(alone: Hall) -> None:
    booking = alone.reserve(0, 1)
    alone.pay_soon(booking)
    (place,) = alone.place_ids(0)
    row = alone.sql.execute(
        "SELECT order_id::text FROM provider_orders WHERE booking_id = %s", [booking]
    ).fetchone()
    assert row is not None
    assert alone.provider.release(place) == 204
    until(lambda: alone.provider.is_free(place))
    alone.provider.await_count(row[0], 1)
    compared(Part.PLACES)
    compared(Part.ORDERS)
    assert listed() == set(), "it may be on its way"
    pass_time(alone.sql)
    compared(Part.PLACES)
    compared(Part.ORDERS)
    assert listed() == {("place_not_ours", place), ("order_places", str(booking))}
    assert alone.provider.select(place, row[0]) == 204
    until(lambda: not alone.provider.is_free(place))
    alone.provider.await_count(row[0], 2)
    compared(Part.PLACES)
    compared(Part.ORDERS)
    assert listed() == set()


def test_what_changes_between_two_looks_is_suspected_anew(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    (place,) = alone.place_ids(0)
    assert alone.provider.release(place) == 204
    until(lambda: alone.provider.is_free(place))
    compared(Part.PLACES)
    pass_time(alone.sql)
    alone.sql.execute("UPDATE provider_places SET changed_at = clock_timestamp()")
    compared(Part.PLACES)
    assert listed() == set()
    pass_time(alone.sql)
    compared(Part.PLACES)
    assert listed() == {("place_not_ours", place)}


def test_a_place_that_was_given_back_and_is_taken_there_is_listed(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    assert alone.buyer.cancel(booking).status_code == 200
    alone.until(lambda: alone.order(booking) == "RETURNED" and not alone.theirs())
    (place,) = alone.place_ids(0)
    until(lambda: alone.provider.is_free(place))
    assert compared(Part.PLACES).found == 0
    alone.provider.holding(0)
    until(lambda: not alone.provider.is_free(place))
    compared_twice(alone, Part.PLACES)
    assert seat(alone, 0) == ("FREE", None)
    assert listed() == {("place_not_freed", place)}
    alone.provider.release(place)
    until(lambda: alone.provider.is_free(place))
    compared(Part.PLACES)
    assert listed() == set()


def test_an_order_that_went_on_without_us_is_listed(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    row = alone.sql.execute(
        "SELECT order_id::text FROM provider_orders WHERE booking_id = %s", [booking]
    ).fetchone()
    assert row is not None
    assert compared(Part.ORDERS).found == 0
    assert alone.provider.change(row[0], "submit") == 200
    until(lambda: alone.provider.order(row[0])["status"] == "SUBMITTED")
    compared_twice(alone, Part.ORDERS)
    assert listed() == {("order_status", str(booking))}


def test_an_order_that_the_provider_has_lost_is_listed(alone: Hall) -> None:
    booking = alone.reserve(0)
    order = alone.pay_soon(booking)
    alone.gateway.authorize(order)
    alone.until(lambda: alone.booking(booking) == "CONFIRMED")
    alone.provider.start_over()
    compared_twice(alone, Part.ORDERS)
    compared_twice(alone, Part.PLACES)
    (place,) = alone.place_ids(0)
    assert listed() == {("order_status", str(booking)), ("place_not_ours", place)}


def test_a_provider_that_does_not_answer_closes_nothing(alone: Hall) -> None:
    booking = alone.reserve(0)
    alone.pay_soon(booking)
    (place,) = alone.place_ids(0)
    assert alone.provider.release(place) == 204
    until(lambda: alone.provider.is_free(place))
    compared_twice(alone, Part.PLACES)
    alone.provider.turn(places={"fail": {"chance": 1}})
    outcome = reconciling.compare(Part.PLACES)
    assert "places answered 503" in outcome.error
    assert listed() == {("place_not_ours", place)}
