"""Two who settle the same payment at once: a worker, and the page that a browser comes back to."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event

from tests.sagas.audit import differences
from tests.sagas.venue import Venue


def test_a_hint_that_comes_late_does_not_send_captured_money_back(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.checkout import service
    from app.payments import service as payments

    [booking] = venue.held(1)
    venue.authorize(booking)
    while venue.order(booking) != "SUBMITTED":
        venue.pass_time()
        venue.take_turn("orders")
        if venue.order(booking) == "HELD":
            venue.take_turn("payments")
    order, ask, gate = venue.orders(booking)[-1], payments.ask_gateway, Event()

    def think_about_the_answer(payment: Any) -> Any:
        found = ask(payment)
        gate.wait()
        return found

    monkeypatch.setattr(payments, "ask_gateway", think_about_the_answer)
    hint = gevent.spawn(service.settle, order)
    gevent.sleep(0.3)
    monkeypatch.setattr(payments, "ask_gateway", ask)
    assert service.settle(order) == "CAPTURED"
    gate.set()
    hint.get()
    venue.rest()
    assert (venue.booking(booking), venue.payment(order)) == ("CONFIRMED", "COMPLETED")
    assert differences(venue) == []


def test_a_booking_cancelled_while_its_places_are_asked_for_keeps_none_of_them(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.checkout import places
    from app.provider import steps

    [booking] = venue.reserve_many(1)
    venue.want([booking])
    take, gate = steps.take, Event()

    def take_slowly(order: Any) -> Any:
        status = take(order)
        gate.wait()
        return status

    monkeypatch.setattr(steps, "take", take_slowly)
    places.advance_due()
    gevent.sleep(0.5)
    assert venue.buyer.cancel(booking).status_code == 200
    gate.set()
    places.finish_work()
    venue.rest()
    assert differences(venue) == []
