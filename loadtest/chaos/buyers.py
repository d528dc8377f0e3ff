"""Buyers: they pay, pay badly or late, change their minds, or never come back."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlencode

import gevent
from locust import task
from locust.exception import StopUser

from loadtest.chaos.calls import Answer, Caller, Counts
from loadtest.chaos.memory import Memory, Promise
from loadtest.chaos.world import HALL_EVENT, HOLD_SECONDS, OWN_EVENT, Plan, account
from loadtest.payment_form import GOOD_CARD, filled_in
from loadtest.stage import Visitor

_DECLINED, _NO_FUNDS = "4000000000000002", "4000000000000119"
_MARGIN = 2.0
_LONGEST_WAIT = 20.0
_PAID_WITHIN = 15.0
_TENGE = 100


@dataclass(slots=True)
class Fair:
    """What the buyers of a run share."""

    plan: Plan
    deadline: float
    memory: Memory
    counts: Counts
    busy: int = 0
    """So many have come; each is another account."""
    waiting: dict[int, Promise] = field(default_factory=dict)


class Buyer(Visitor):
    """One account that books and pays, round after round."""

    abstract = True
    concurrency = 3  # Windows of a browser.
    fair: ClassVar[Fair]

    def on_start(self) -> None:
        """Take an account."""
        self.fair.busy += 1
        self.random = random.Random(f"{self.fair.plan.seed}:buyer:{self.fair.busy}")
        self.account = account(self.fair.busy)
        self.caller = Caller(self.client, self.account, self.fair.counts)

    @task
    def round(self) -> None:
        """Book, choose, and then whatever this buyer is up to."""
        self.pause(0.2, 1.2)
        event_id = HALL_EVENT if self.chance(0.7) else OWN_EVENT
        if (promise := self.book(event_id)) is None:
            return
        self.choose(promise, self.random.randint(1, 4))
        if promise.held and self.chance(0.12):
            self.release(promise)
        if self.chance(0.06):
            self.cancel(promise)
        if not promise.held or promise.perhaps_cancelled or self.chance(0.06):
            return  # Perhaps never to come back: the hold ends it.
        if url := self.go_to_pay(promise):
            self.decide(promise, url)

    def book(self, event_id: int) -> Promise | None:
        """Open a booking."""
        held_until = time.monotonic() + HOLD_SECONDS - _MARGIN
        answer = self.caller.call("POST", "/api/bookings", {"event_id": event_id})
        booking_id = answer.field("id")
        if answer.status != 201 or not isinstance(booking_id, int):
            return None
        promise = Promise(self.account[0], booking_id, event_id, held_until)
        self.fair.memory.book(promise)
        self.fair.counts.note("booked")
        return promise

    def choose(self, promise: Promise, wanted: int) -> None:
        """Select so many seats, often where others look, too."""
        row = f"&row={self.random.randint(1, self.fair.plan.hot_rows)}" if self.chance(0.4) else ""
        query = f"/api/seats?event_id={promise.event_id}&status=FREE&pageSize=20{row}"
        answer = self.caller.call("GET", query)
        listed = [seat["id"] for seat in answer.data] if isinstance(answer.data, list) else []
        self.random.shuffle(listed)
        for seat_id in listed[: wanted + 3]:
            if len(promise.held) >= wanted or promise.perhaps_cancelled:
                return
            body = {"booking_id": promise.booking_id, "seat_id": seat_id}
            answer = self.caller.call("PATCH", "/api/seats/select", body)
            if answer.status == 200:
                self.fair.memory.hold(promise, seat_id, time.monotonic())
            elif answer.status != 419:
                self.pause(0.1, 0.5)

    def release(self, promise: Promise) -> None:
        """Put one seat back."""
        seat_id = self.random.choice(sorted(promise.held))
        promise.held.discard(seat_id)
        self.caller.call("PATCH", "/api/seats/release", {"seat_id": seat_id})

    def cancel(self, promise: Promise) -> None:
        """Give up the whole booking."""
        promise.held.clear()
        promise.perhaps_cancelled = True
        answer = self.caller.call(
            "PATCH", "/api/bookings/cancel", {"booking_id": promise.booking_id}
        )
        if answer.status == 200:
            promise.is_cancelled = True
            self.fair.counts.note("cancelled")

    def go_to_pay(self, promise: Promise) -> str:
        """Ask for the form until there is one; returns its address, or nothing."""
        until = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < until and not self.is_over:
            answer = self._initiate(promise)
            if answer.status == 302:
                return answer.location
            if answer.status == 419:  # Somebody else has a place: others will do.
                promise.held.clear()
                self.choose(promise, 2)
            elif answer.status not in {0, 500, 502, 503}:
                return ""
            if self.chance(0.04):
                self.cancel(promise)
                return ""
            gevent.sleep(min(answer.retry_after or 1.0, 3.0) * self.random.uniform(0.7, 1.3))
        return ""

    def decide(self, promise: Promise, url: str) -> None:
        """At the form: pay, pay badly, pay late or not at all."""
        dice = self.random.random()
        if dice < 0.07:
            return  # Never to come back.
        if dice < 0.13:
            self.cancel(promise)  # And pay all the same.
        promise.held.clear()  # From here on the payment decides.
        card = self.random.choice((_DECLINED, _NO_FUNDS)) if 0.13 <= dice < 0.23 else GOOD_CARD
        if 0.23 <= dice < 0.3:  # Twice at once, in two windows.
            gevent.joinall([gevent.spawn(self.fill_in, url, card) for _ in range(2)])
        else:
            self.fill_in(url, card)
        if self.chance(0.1):
            self._initiate(promise)
        if card == GOOD_CARD and self.await_confirmation(promise):
            self.think_again(promise)

    def fill_in(self, url: str, card: str) -> None:
        """Fill the form in, and come back to the shop, mostly."""
        self.caller.browse("GET", url, "the gateway's form")
        form, fields = filled_in(url, card)
        answer = self.caller.browse("POST", form, "the gateway's submit", urlencode(fields))
        if answer.location and "orderId=" in answer.location and self.chance(0.6):
            self.caller.browse("GET", answer.location, "back in the shop")

    def await_confirmation(self, promise: Promise) -> bool:
        """Look at the paid bookings until this one is among them."""
        until = time.monotonic() + _PAID_WITHIN
        while time.monotonic() < until and not self.is_over:
            listed = self.caller.call("GET", "/api/bookings?status=CONFIRMED").data
            for one in listed if isinstance(listed, list) else ():
                if one["id"] == promise.booking_id and one["seats"]:
                    self.fair.memory.confirm(promise, (seat["id"] for seat in one["seats"]))
                    self.fair.counts.note("paid")
                    return True
            gevent.sleep(0.7)
        return False

    def think_again(self, promise: Promise) -> None:
        """Some give back what they bought."""
        dice = self.random.random()
        if dice < 0.1:
            self.cancel(promise)
        elif dice < 0.45:
            seats = sorted(promise.confirmed)
            count = len(seats) if dice < 0.18 else self.random.randint(1, len(seats))
            self.give_back(promise, self.random.sample(seats, count))
            if self.chance(0.3):  # Again, perhaps others, too.
                self.give_back(promise, self.random.sample(seats, 1))

    def give_back(self, promise: Promise, seat_ids: list[int]) -> None:
        """Return some seats of a paid booking."""
        promise.perhaps_given_back.update(seat_ids)
        known = promise.given_back.issuperset(seat_ids)
        body = {"booking_id": promise.booking_id, "seat_ids": seat_ids}
        answer = self.caller.call("POST", "/api/bookings/refund", body)
        if answer.status != 200:
            return
        promise.given_back.update(seat_ids)
        self.fair.counts.note("given back")
        if not known:
            promise.refund_minor += sum(_agreed(answer, seat_ids))

    def pause(self, shortest: float, longest: float) -> None:
        """Think, or go home when the fair is over."""
        gevent.sleep(self.random.uniform(shortest, longest))
        if self.is_over:
            raise StopUser

    def chance(self, share: float) -> bool:
        """Whether it happens, so often."""
        return self.random.random() < share

    @property
    def is_over(self) -> bool:
        """Whether everybody should go home."""
        return time.monotonic() > self.fair.deadline

    def _initiate(self, promise: Promise) -> Answer:
        body = {"booking_id": promise.booking_id}
        return self.caller.call("PATCH", "/api/bookings/initiatePayment", body)


def _agreed(answer: Answer, seat_ids: list[int]) -> list[int]:
    """What goes back for these seats, in tiyn."""
    return [
        round(float(seat["amount"]) * _TENGE)
        for seat in answer.field("seats") or ()
        if seat["id"] in seat_ids
    ]
