"""The rows of the sagas: what was there before, what a process is doing, where it has to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.sagas.states import State
from tests.sagas.venue import Venue

Step = Callable[[Venue, list[int]], None]
Arguments = Callable[[Venue, int], tuple[Any, ...]]


def _no_arguments(_venue: Venue, _booking: int) -> tuple[Any, ...]:
    return ()


def _own(venue: Venue, booking: int) -> tuple[Any, ...]:
    return venue.buyer.user_id, booking


def same(control: State, victim: State) -> bool:
    """Whether a crash left no trace."""
    return control == victim


def same_or_unclear(control: State, victim: State) -> bool:
    """A part of the money is paid once, or it is known that nobody knows."""
    if victim.refunds[0][0] == "PAID":
        return control == victim
    ledger = [entry for entry in control.ledger if entry[0] != "REFUND"]
    topics = {topic: n for topic, n in control.topics.items() if topic != "refund.paid"}
    refunds = [("UNCLEAR", control.refunds[0][1])]
    expected = control._replace(refunds=refunds, ledger=ledger, topics=topics, money=victim.money)
    once = [("CONFIRMED", 1_000_000, 0), *control.money]
    return victim == expected and victim.money[0] in once


class Scenario(NamedTuple):
    """A row of a saga, which a process dies in the midst of."""

    name: str
    prepare: Callable[[Venue, int], list[int]]
    """Makes so many bookings that wait for the deed."""
    ends: tuple[str, list[str], str]
    """Booking, payments and the provider's order in the end."""
    deed: str = "work"
    arguments: Arguments = _no_arguments
    has_workers_beside: bool = False
    afterwards: Step | None = None
    """What the buyers do again, as nobody answered."""
    is_same: Callable[[State, State], bool] = same


def _go_to_pay(venue: Venue, bookings: list[int]) -> None:
    venue.go_to_pay(bookings)


def _cancel(venue: Venue, bookings: list[int]) -> None:
    for booking in bookings:
        assert venue.buyer.cancel(booking).status_code == 200


def _give_back(venue: Venue, bookings: list[int]) -> None:
    for booking in bookings:
        answer = venue.buyer.post(
            "/api/bookings/refund", booking_id=booking, seat_ids=[_first_seat(venue, booking)]
        )
        assert answer.status_code == 200, answer.text


def _first_seat(venue: Venue, booking: int) -> int:
    query = "SELECT min(seat_id) FROM booking_lines WHERE booking_id = %s"
    return int(venue.sql.execute(query, [booking]).fetchone()[0])


def _release(venue: Venue, bookings: list[int]) -> None:
    for booking in bookings:
        assert venue.buyer.release(_first_seat(venue, booking)).status_code == 200


def _reset(venue: Venue, _bookings: list[int]) -> None:
    assert venue.anybody.post("/api/reset").status_code == 200
    venue.forget_others()


def _run_out(venue: Venue, bookings: list[int]) -> None:
    for booking in bookings:
        venue.run_out(booking)


def _authorize(venue: Venue, bookings: list[int]) -> None:
    venue.authorize(*bookings)


def _reject(venue: Venue, bookings: list[int]) -> None:
    venue.reject(*bookings)


def _want(venue: Venue, bookings: list[int]) -> None:
    venue.want(bookings)


def _lose_a_place(venue: Venue, bookings: list[int]) -> None:
    first = venue.used - 2 * len(bookings)
    venue.foreign(*range(first, venue.used, 2))
    venue.want(bookings)


def _pay_again(venue: Venue, bookings: list[int]) -> None:
    """The buyers learn that a place is gone, once, and pay for the other."""
    venue.rest()
    for booking in bookings:
        answer = venue.buyer.pay(booking)
        assert answer.json.get("code") == "place_refused", answer.text
    venue.go_to_pay(bookings)


def _submit_then_refuse_to_capture(venue: Venue, bookings: list[int]) -> None:
    venue.authorize(*bookings)
    venue.gateway.turn(confirm={"fail": {"chance": 1}, "fail_status": 422})
    while any(venue.order(booking) != "SUBMITTED" for booking in bookings):
        venue.turn()
    venue.age(16, *bookings)


def _never_submit(venue: Venue, bookings: list[int]) -> None:
    venue.authorize(*bookings)
    venue.provider.turn(submit={"fail": {"chance": 1}})
    while any(venue.payments(booking) != ["ACCEPTED"] for booking in bookings):
        venue.turn()
    venue.age(15, *bookings)


def _reserved(*then: Step) -> Callable[[Venue, int], list[int]]:
    return _after(Venue.reserve_many, then)


def _held(*then: Step) -> Callable[[Venue, int], list[int]]:
    return _after(Venue.held, then)


def _sold(*then: Step) -> Callable[[Venue, int], list[int]]:
    return _after(Venue.sold, then)


def _after(
    before: Callable[[Venue, int], list[int]], then: tuple[Step, ...]
) -> Callable[[Venue, int], list[int]]:
    def prepare(venue: Venue, count: int) -> list[int]:
        bookings = before(venue, count)
        for step in then:
            step(venue, bookings)
        return bookings

    return prepare


def _seat(venue: Venue, booking: int) -> tuple[Any, ...]:
    return venue.buyer.user_id, booking, _first_seat(venue, booking)


AT_THE_FORM = ("PAYMENT_INITIATED", ["OPEN"], "HELD")
SOLD = ("CONFIRMED", ["COMPLETED"], "CONFIRMED")
PAID_BACK = ("CANCELLED", ["REFUNDED"], "CONFIRMED")

SCENARIOS = [
    Scenario("a web worker takes a buyer to the form", _reserved(), AT_THE_FORM,
             "pay", _own, has_workers_beside=True, afterwards=_go_to_pay),
    Scenario("a worker asks for the places", _reserved(_want), AT_THE_FORM, afterwards=_go_to_pay),
    Scenario("a place is somebody else's", _reserved(_lose_a_place), AT_THE_FORM,
             afterwards=_pay_again),
    Scenario("the money is taken and the seats sold", _held(_authorize), SOLD),
    Scenario("the card is rejected", _held(_reject), ("CANCELLED", ["FAILED"], "RETURNED")),
    Scenario("a held booking is cancelled", _held(), ("CANCELLED", ["VOIDED"], "RETURNED"),
             "cancel", _own, afterwards=_cancel),
    Scenario("the places of a cancelled booking are given back", _held(_cancel),
             ("CANCELLED", ["VOIDED"], "RETURNED")),
    Scenario("the hold runs out", _held(_run_out), ("EXPIRED", ["VOIDED"], "RETURNED")),
    Scenario("a seat is taken out of a booking at the form", _held(_release),
             ("CREATED", ["VOIDED"], "HELD")),
    Scenario("the money comes too late", _held(_cancel, _authorize),
             ("CANCELLED", ["REFUNDED"], "RETURNED")),
    Scenario("the gateway does not let the money be taken", _held(_submit_then_refuse_to_capture),
             ("CANCELLED", ["REFUNDED"], "CANCELLED")),
    Scenario("the provider does not take the order in time", _held(_never_submit),
             ("CANCELLED", ["REFUNDED"], "RETURNED")),
    Scenario("a paid booking is cancelled", _sold(), PAID_BACK, "cancel", _own,
             afterwards=_cancel),
    Scenario("all of the money goes back", _sold(_cancel), PAID_BACK),
    Scenario("one seat of a paid booking is given back", _sold(), SOLD, "give_back", _seat,
             afterwards=_give_back),
    Scenario("a part of the money goes back", _sold(_give_back), SOLD, is_same=same_or_unclear),
    Scenario("the money of a reset goes back", _sold(_reset),
             ("erased", ["REFUNDED"], "CONFIRMED")),
    Scenario("the places of a reset are given back", _held(_reset),
             ("erased", ["VOIDED"], "RETURNED")),
]  # fmt: skip
