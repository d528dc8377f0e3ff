"""Random histories of the venue: what buyers, time, both services and dying workers may do."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conftest import Caller
from tests.sagas.audit import broken_invariants, differences
from tests.sagas.forks import JOBS
from tests.sagas.venue import Venue

_SEATS, _BOOKINGS = 6, 6
_LOST, _NOT_DONE = {"drop": {"times": 1}}, {"fail": {"times": 1}}
_EXPECTED_ANSWERS = {200, 201, 302, 403, 404, 409, 419, 503}

seats = st.integers(0, _SEATS - 1)
buyers = st.integers(0, 1)
picks = st.integers(-2, 3)


class Histories(RuleBasedStateMachine):
    """One history; the venue is emptied before it and has to be in order after it."""

    venue: Venue
    people: list[Caller]
    played = 0
    ends: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.bookings: list[tuple[Caller, int]] = []

    @initialize()
    def open_the_venue(self) -> None:
        """An event of a few seats, so that everybody gets in everybody's way."""
        type(self).played += 1
        self.venue.size = _SEATS
        self.venue.start_over()

    # Buyers.

    @precondition(lambda self: len(self.bookings) < _BOOKINGS)
    @rule(
        buyer=buyers,
        wanted=st.lists(seats, min_size=1, max_size=3, unique=True),
        steps=st.integers(0, 3),
        die_at=st.none() | st.integers(0, 40),
    )
    def book(self, buyer: int, wanted: list[int], steps: int, die_at: int | None) -> None:
        """Choose seats, and perhaps go to the form, and pay there, and have a worker sell them.

        Perhaps a worker who tries to dies of it.
        """
        person = self.people[buyer]
        booking = person.book(self.venue.event.id)
        self.bookings.append((person, booking))
        for seat in wanted:
            self._answered(person.select(booking, self.venue.event.seats[seat]))
        if steps > 0:
            self.go_to_the_form(-1)
        if steps > 1:
            self.decide_at_the_form(-1, "authorize")
        if steps > 1 and die_at is not None:
            self.a_worker_dies(die_at)
        if steps > 2:
            self.work(3)

    @precondition(lambda self: self.bookings)
    @rule(pick=picks, seat=seats)
    def select(self, pick: int, seat: int) -> None:
        person, booking = self._picked(pick)
        self._answered(person.select(booking, self.venue.event.seats[seat]))

    @precondition(lambda self: self.bookings)
    @rule(buyer=buyers, seat=seats)
    def release(self, buyer: int, seat: int) -> None:
        self._answered(self.people[buyer].release(self.venue.event.seats[seat]))

    @precondition(lambda self: self.bookings)
    @rule(pick=picks)
    def go_to_pay_and_not_wait(self, pick: int) -> None:
        person, booking = self._picked(pick)
        self._answered(person.pay(booking))

    @precondition(lambda self: self.bookings)
    @rule(pick=picks)
    def go_to_the_form(self, pick: int) -> None:
        person, booking = self._picked(pick)
        self._answered(person.pay(booking))
        for _ in range(3):
            self.venue.turn()
        self._answered(person.pay(booking))

    @precondition(lambda self: self.bookings)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        person, booking = self._picked(pick)
        self._answered(person.cancel(booking))

    @precondition(lambda self: self.bookings)
    @rule(pick=picks, seat=seats)
    def give_back(self, pick: int, seat: int) -> None:
        person, booking = self._picked(pick)
        wanted = [self.venue.event.seats[seat]]
        self._answered(person.post("/api/bookings/refund", booking_id=booking, seat_ids=wanted))

    @precondition(lambda self: len(self.bookings) > 1)
    @rule(really=st.sampled_from([False, False, False, True]))
    def reset(self, really: bool) -> None:
        """As anything that wipes the slate: not too often."""
        if not really:
            return
        self._answered(self.venue.anybody.post("/api/reset"))
        self.venue.forget_others()

    # The clock.

    @precondition(lambda self: self.bookings)
    @rule(pick=picks)
    def let_a_hold_run_out(self, pick: int) -> None:
        _, booking = self._picked(pick)
        if self.venue.is_unpaid(booking):
            self.venue.run_out(booking)

    @precondition(lambda self: self.bookings)
    @rule(pick=picks, minutes=st.sampled_from([14, 16]))
    def let_a_payment_age(self, pick: int, minutes: int) -> None:
        _, booking = self._picked(pick)
        self.venue.age(minutes, booking)

    # The gateway.

    @precondition(lambda self: self.bookings)
    @rule(pick=picks, step=st.sampled_from(["authorize", "authorize", "authorize", "reject"]))
    def decide_at_the_form(self, pick: int, step: str) -> None:
        _, booking = self._picked(pick)
        self.venue.at_the_form([booking], step)

    @precondition(lambda self: self.bookings)
    @rule(pick=picks)
    def send_a_webhook(self, pick: int) -> None:
        _, booking = self._picked(pick)
        for gateway_id in self.venue.gateway_ids([booking]):
            self.venue.webhook(gateway_id)

    @rule(
        call=st.sampled_from(["init", "check", "confirm", "cancel"]),
        fault=st.sampled_from([_LOST, _NOT_DONE, _NOT_DONE | {"fail_status": 422}]),
    )
    def break_the_gateway(self, call: str, fault: dict[str, Any]) -> None:
        self.venue.gateway.turn(**{call: fault})

    # The provider.

    @rule(seat=seats)
    def a_stranger_takes_a_place(self, seat: int) -> None:
        self.venue.behave()  # The faults are meant for us.
        order = self.venue.provider.start()
        self.venue.strangers.add(order)
        self.venue.provider.select(self.venue.place_ids(seat)[0], order)
        self.venue.provider.await_rest()

    @precondition(lambda self: self.venue.strangers)
    @rule()
    def strangers_leave(self) -> None:
        self.venue.behave()
        self.venue.provider.await_rest()
        for line in self.venue.provider.ledger()["orders"]:
            if line["order_id"] in self.venue.strangers:
                for place in line["places"]:
                    self.venue.provider.release(place)
        self.venue.provider.await_rest()

    @rule(
        call=st.sampled_from(["start", "select", "order", "place", "submit", "confirm", "release"]),
        fault=st.sampled_from([_LOST, _NOT_DONE, _NOT_DONE | {"fail_status": 500}]),
    )
    def break_the_provider(self, call: str, fault: dict[str, Any]) -> None:
        self.venue.provider.turn(**{call: fault})

    # Workers.

    @rule(job=st.sampled_from(JOBS))
    def take_a_turn(self, job: str) -> None:
        self.venue.pass_time()
        self.venue.take_turn(job)

    @rule(turns=st.integers(1, 4))
    def work(self, turns: int) -> None:
        for _ in range(turns):
            self.venue.turn()

    @rule(die_at=st.integers(0, 40))
    def a_worker_dies(self, die_at: int) -> None:
        self.venue.pass_time()
        self.venue.run("work", die_at=die_at)

    @precondition(lambda self: self.bookings)
    @rule(pick=picks, deed=st.sampled_from(["pay_impatiently", "cancel"]), die_at=st.integers(0, 8))
    def a_web_worker_dies(self, pick: int, deed: str, die_at: int) -> None:
        person, booking = self._picked(pick)
        self.venue.run(deed, person.user_id, booking, die_at=die_at)

    # What must hold.

    @invariant()
    def nothing_is_broken(self) -> None:
        assert broken_invariants(self.venue) == []

    def teardown(self) -> None:
        """Faults off, workers on: everything comes to its end, and everybody agrees."""
        if sys.exc_info()[0] is not None:
            return  # It has failed already.
        self.venue.behave()
        self.venue.rest()
        self.ends.update(self.venue.ends())
        assert differences(self.venue) == []

    def _picked(self, pick: int) -> tuple[Caller, int]:
        return self.bookings[pick % len(self.bookings)]

    def _answered(self, answer: Any) -> None:
        assert answer.status_code in _EXPECTED_ANSWERS, answer.text
