"""A venue of the provider's with all that a saga needs, and what time and people do to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
import urllib3
from gevent.pool import Pool

from app.payments.rules import signature
from tests.conftest import WEBHOOK_SECRET
from tests.integration.gateway import until
from tests.integration.hall import Hall
from tests.sagas import statements
from tests.sagas.forks import NEVER, Fate, ForkServer

_TURNS = 60


class Venue(Hall):
    """A hall whose people are many, and whose workers die."""

    forks: ForkServer
    settings: dict[str, str]
    size = 1000
    used: int
    """So many of the seats have been asked for."""
    before: set[int]
    """The gateway's orders from before this event."""
    strangers: set[str]
    """The provider's orders that are none of ours."""

    def start_over(self) -> None:
        """Empty the venue, sell it under a new event, and let what was before rest."""
        self.provider.start_over()
        self.behave()
        self.event = self.new_event(seats=self.size, per_row=50)
        self.leave()
        places = self.provider.places("?pageSize=1000")[: self.size]
        self.sql.execute(
            """UPDATE seats SET external_id = place.id
               FROM unnest(%s::bigint[], %s::uuid[]) AS place (seat, id) WHERE seats.id = seat""",
            [self.event.seats, [place["id"] for place in places]],
        )
        self.before = set(self.gateway.payments())
        self.used, self.strangers = 0, set[str]()

    def leave(self) -> None:
        """Forget all orders, and what other events have left."""
        self.sql.execute("TRUNCATE provider_places, provider_orders")
        self.sql.execute("DELETE FROM outbox")
        self.forget_others()

    def forget_others(self) -> None:
        """Take everything that other events have left out of the workers' turns."""
        for statement in statements.FORGET_OTHERS:
            self.sql.execute(statement, {"event": self.event.id})

    # People.

    def reserve_many(self, count: int) -> list[int]:
        """So many bookings of two seats each, of seats that nobody has asked for yet."""
        first, self.used = self.used, self.used + 2 * count
        return [self.reserve(seat, seat + 1) for seat in range(first, self.used, 2)]

    def held(self, count: int) -> list[int]:
        """So many bookings whose buyers are at the form."""
        found = self.reserve_many(count)
        self.go_to_pay(found)
        return found

    def go_to_pay(self, bookings: Iterable[int]) -> None:
        """Their buyers go to pay, as often as it takes, while workers are at work."""
        with self.working():
            Pool(20).map(
                lambda booking: until(
                    lambda: self.buyer.pay(booking).status_code in (302, 409), 20
                ),
                bookings,
            )

    def want(self, bookings: Iterable[int]) -> None:
        """Their buyers go to pay and do not wait; no worker has seen it yet."""
        from app.checkout import initiating

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(initiating, "_WAIT_SECONDS", 0)
            for booking in bookings:
                assert self.buyer.pay(booking).status_code == 503

    def authorize(self, *bookings: int) -> None:
        """Their buyers pay with a card that the bank approves."""
        self.at_the_form(bookings, "authorize")

    def reject(self, *bookings: int) -> None:
        """Their buyers pay with a card that the bank refuses."""
        self.at_the_form(bookings, "reject")

    def sold(self, count: int) -> list[int]:
        """So many bookings that are paid."""
        found = self.held(count)
        self.authorize(*found)
        self.rest()
        assert {self.booking(booking) for booking in found} <= {"CONFIRMED"}
        return found

    def foreign(self, *numbers: int) -> None:
        """Somebody who is no customer of ours takes places."""
        order = self.provider.start()
        self.strangers.add(order)
        for place in self.place_ids(*numbers):
            assert self.provider.select(place, order) == 204
        self.provider.await_count(order, len(numbers))

    def age(self, minutes: int, *bookings: int) -> None:
        """Make payments older."""
        self.sql.execute(
            """UPDATE payments SET created_at = created_at - %s * interval '1 minute'
               WHERE booking_id = ANY(%s)""",
            [minutes, list(bookings)],
        )

    def gateway_ids(self, bookings: Iterable[int]) -> list[str]:
        """Under which ids the gateway knows the last attempts to pay these bookings."""
        query = """SELECT DISTINCT ON (booking_id) gateway_id FROM payments
                   WHERE booking_id = ANY(%s) ORDER BY booking_id, created_at DESC"""
        return [row[0] for row in self._all(query, list(bookings)) if row[0]]

    def at_the_form(self, bookings: Iterable[int], step: str) -> None:
        """Their buyers have their cards approved or refused."""
        for gateway_id in self.gateway_ids(bookings):
            address = f"{self.gateway.base}/simulator/payments/{gateway_id}/{step}"
            answer = urllib3.request("POST", address, retries=False)
            assert answer.status in (200, 409), answer.data

    def webhook(self, gateway_id: str) -> None:
        """The gateway says that something has happened to a payment."""
        body = json.dumps({"paymentId": gateway_id, "status": "AUTHORIZED"}).encode()
        signed = {"X-Webhook-Signature": signature(WEBHOOK_SECRET, body)}
        path = "/api/payments/notifications"
        answer = self.anybody(
            "POST", path, data=body, headers=signed, content_type="application/json"
        )
        assert answer.status_code == 200, answer.text

    def is_unpaid(self, booking: int) -> bool:
        """Whether a booking may still run out."""
        query = """SELECT FROM bookings WHERE id = %s
                   AND status IN ('CREATED', 'PAYMENT_INITIATED')"""
        return bool(self._all(query, booking))

    def behave(self) -> None:
        """Put all knobs back, and have the gateway send no webhooks: nothing depends on them."""
        self.gateway.behave()
        self.gateway.turn(webhooks={"lost": {"chance": 1}})
        assert self.provider("DELETE", "/simulator/knobs").status == 200
        if self.provider.knobs()["cancel_stops"]["chance"]:
            self.provider.turn(cancel_stops={"chance": 0})

    def ends(self) -> list[str]:
        """Where bookings, payments, orders and refunds are."""
        found = self.sql.execute(statements.STATUSES, {"event": self.event.id})
        return [f"{kind} {status}" for kind, _, status in found]

    # Workers, alive and dead.

    def run(self, deed: str, *args: Any, die_at: int = NEVER, **options: Any) -> Fate:
        """Have a process of its own do a deed, and perhaps die of it."""
        fate = self.forks.run(deed, *args, die_at=die_at, settings=self.settings, **options)
        until(lambda: not self._all(statements.SERVING, fate.backends))
        return fate

    def pass_time(self) -> None:
        """Let so much time pass that it is everything's turn."""
        from app.payments import gateway
        from app.provider import client

        for service in (gateway.SERVICE, client.SERVICE):
            service.breaker.reset()
        for statement in statements.PASS_TIME:
            self.sql.execute(statement, {"event": self.event.id})

    def take_turn(self, job: str) -> None:
        """One turn of one of the worker's jobs, in this process."""
        from app import worker

        next(one for one in worker.jobs() if one.name == job).work()
        worker.finish_work()

    def turn(self) -> None:
        """It is everything's turn, and this process does it."""
        from app import worker
        from app.bookings import service as bookings
        from app.checkout import places, service
        from app.payments import refunds

        self.pass_time()
        bookings.expire_due()
        places.advance_due()
        while service.settle_due() or refunds.pay_due():
            worker.finish_work()
        worker.finish_work()

    def rest(self) -> None:
        """Have workers at work until nothing changes and nothing is unfinished."""
        event = {"event": self.event.id}
        before, unfinished = None, None
        for _ in range(_TURNS):
            self.turn()
            after = self.sql.execute(statements.STATUSES, event).fetchall()
            unfinished = self.sql.execute(statements.UNFINISHED, event).fetchall()
            if after == before and not unfinished:
                return
            gevent.sleep(0.02 if after != before else 0.1)
            before = after
        raise AssertionError(f"stuck: {unfinished}")

    @contextmanager
    def alone(self, booking: int) -> Iterator[None]:
        """Make it this booking's turn and no other's: what is locked workers leave to others."""
        values = {"event": self.event.id, "booking": booking}
        self.sql.execute(
            """UPDATE refunds SET try_at = CASE WHEN order_id IN
                   (SELECT order_id FROM payments WHERE booking_id = %(booking)s)
                   THEN now() ELSE now() + interval '1 hour' END
               WHERE status = 'DUE' AND order_id IN
                   (SELECT order_id FROM payments WHERE event_id = %(event)s)""",
            values,
        )
        for table, due in (("payments", "check_due_at"), ("provider_orders", "due_at")):
            self.sql.execute(
                f"""UPDATE {table} SET {due} = clock_timestamp()
                    WHERE booking_id = %s AND {due} IS NOT NULL""",
                [booking],
            )
        with self.sql.transaction():
            for table, key in (
                ("bookings", "id"), ("payments", "booking_id"), ("provider_orders", "booking_id"),
            ):  # fmt: skip
                self.sql.execute(
                    f"""SELECT FROM {table}
                        WHERE event_id = %(event)s AND {key} <> %(booking)s FOR UPDATE""",
                    values,
                )
            yield
