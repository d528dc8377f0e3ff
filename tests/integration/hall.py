"""A small hall of the event provider's, and an event that sells its places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from tests.conftest import Event
from tests.integration.gateway import Simulator, configured, until
from tests.integration.provider import QUICK, SMALL, Provider, program
from tests.integration.shop import Shop


class Hall(Shop):
    """A shop whose event has the provider's places, and both simulators."""

    provider: Provider
    gateway: Simulator

    def order(self, booking: int) -> str:
        """Where our order for a booking is; none: nobody went to pay."""
        found = self._all("SELECT status FROM provider_orders WHERE booking_id = %s", booking)
        return found[0][0] if found else "none"

    def places(self, booking: int) -> list[str]:
        """What became of a booking's places, by seat."""
        query = "SELECT status FROM provider_places WHERE booking_id = %s ORDER BY seat_id"
        return [row[0] for row in self._all(query, booking)]

    def place_ids(self, *numbers: int) -> list[str]:
        """The provider's ids of the event's seats."""
        seats = [self.event.seats[number] for number in numbers]
        query = "SELECT external_id::text FROM seats WHERE id = ANY(%s) ORDER BY id"
        return [row[0] for row in self._all(query, seats)]

    def theirs(self) -> dict[str, list[str]]:
        """The provider's orders that have places: their status, and which."""
        ledger = self.provider.ledger()
        found: dict[str, list[str]] = {}
        for order in ledger["orders"]:
            if order["places"]:
                found.setdefault(order["status"], []).extend(order["places"])
        return {status: sorted(places) for status, places in found.items()}

    def work(self) -> None:
        """One turn of every job that moves money and places."""
        from app.bookings import service as bookings
        from app.checkout import places, service

        bookings.expire_due()
        self.sql.execute(
            "UPDATE payments SET check_due_at = clock_timestamp() WHERE check_due_at IS NOT NULL"
        )
        places.advance_due()
        places.finish_work()
        service.settle_due()
        service.finish_work()

    def until(self, condition: Callable[[], Any], seconds: float = 15) -> None:
        """Let the worker take turns until something has happened."""
        until(lambda: condition() or (self.work(), condition())[1], seconds)

    def pay_soon(self, booking: int) -> int:
        """Go to pay while workers are at work; returns the order id of the attempt."""
        with self.working():
            answer = self.buyer.pay(booking)
        assert answer.status_code == 302, answer.text
        return self.orders(booking)[-1]

    def working(self) -> Any:
        """Have a worker run beside the test."""
        return _Working()

    def reserve(self, *numbers: int) -> int:
        """A booking of these seats."""
        booking = self.buyer.book(self.event.id)
        for number in numbers:
            assert self.buyer.select(booking, self.event.seats[number]).status_code == 200
        return booking


class _Working:
    """Runs the worker's jobs in greenlets of this process."""

    def __enter__(self) -> None:
        import gevent

        from app import worker
        from app.kernel.wake import Listener

        todo = [job for job in worker.jobs() if job.name in ("orders", "payments")]
        self._listener = Listener(job.name for job in todo)
        self._stop = gevent.event.Event()
        self._greenlets = [gevent.spawn(self._listener.run)]
        self._jobs = [
            gevent.spawn(worker.repeat, job, self._listener.events[job.name], self._stop)
            for job in todo
        ]

    def __exit__(self, *_: object) -> None:
        import gevent

        from app.checkout import places, service

        self._stop.set()
        self._listener.wake_all()
        gevent.joinall(self._jobs)
        gevent.killall(self._greenlets)
        places.finish_work()
        service.finish_work()


@pytest.fixture(scope="session")
def small_hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Provider]]:
    """The provider's program in each mode; lanes are quick and never stop by chance."""
    folder = tmp_path_factory.mktemp("hall")
    with ExitStack() as stack:
        yield {
            mode: stack.enter_context(
                program(folder / f"{mode}.sqlite", *SMALL, QUICK, f"--mode={mode}")
            )
            for mode in ("documented", "coded")
        }


@pytest.fixture(params=["documented", "coded"])
def hall(  # noqa: PLR0917 - fixtures
    request: pytest.FixtureRequest,
    small_hall: dict[str, Provider],
    gateway: Simulator,
    sql: psycopg.Connection[Any],
    shop: Shop,
    new_event: Callable[..., Event],
) -> Iterator[Hall]:
    """A hall that nobody has been in, in each mode of the provider."""
    provider = small_hall[request.param].start_over()
    if request.param == "coded":
        provider.turn(cancel_stops={"chance": 0})
    sql.execute("TRUNCATE provider_places, provider_orders")
    event = new_event(seats=200, per_row=20)
    by_place = {(place["row"], place["seat"]): place["id"] for place in all_places(provider)}
    for number, seat in enumerate(event.seats):
        sql.execute(
            "UPDATE seats SET external_id = %s WHERE id = %s",
            [by_place[number // 20 + 1, number % 20 + 1], seat],
        )
    hall = Hall(sql, shop.new_user, new_event, shop.anybody, shop.buyer, event)
    hall.provider, hall.gateway = provider, gateway
    with configured(EVENT_PROVIDER_URL=provider.base, EVENT_PROVIDER_PATIENCE="1"):
        yield hall


def all_places(provider: Provider) -> list[dict[str, Any]]:
    return provider.places("?pageSize=1000")
