"""Settling a payment at the same moment as others do, or while a rival is after its seats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import pytest

from tests.conftest import Caller, Event
from tests.integration.gateway import Puppet, Simulator
from tests.integration.shop import Attempt, Records, Shop, assert_sold, hint


def settle(order: int) -> str:
    from app.checkout import service

    return service.settle(order)


# Races.


def test_settling_five_times_at_once_completes_once(either_gateway: Simulator, shop: Shop) -> None:
    either_gateway.turn(webhooks={"lost": {"chance": 1.0}})
    attempt = shop.initiate()
    either_gateway.authorize(attempt.order)
    calls = [gevent.spawn(hint, shop.buyer, "success", attempt.order) for _ in range(5)]
    gevent.joinall(calls, raise_error=True)
    assert {call.value for call in calls} == {"Оплата прошла, места проданы"}
    assert_sold(shop, shop.event, attempt)
    assert shop.topics(attempt.booking).count("payment.succeeded") == 1
    assert shop.topics(attempt.booking).count("booking.confirmed") == 1


@dataclass
class Race:
    """A payment that is being settled, and what happens to its booking at the worst moment."""

    owner: Caller
    other: Caller
    event: Event
    attempt: Attempt
    second: int
    """The other buyer's booking."""
    records: Records

    def release_and_take(self) -> None:
        self.owner.release(self.event.seats[0])
        self.other.select(self.second, self.event.seats[0])

    def cancel_and_take(self) -> None:
        self.owner.cancel(self.attempt.booking)
        self.other.select(self.second, self.event.seats[0])

    def run_out_and_take(self) -> None:
        self.other.select(self.second, self.event.seats[0])

    def outcome(self) -> tuple[str, str, bool]:
        """The payment, the first seat, and whether the other buyer has it."""
        seat, holder = self.records.sql.execute(
            "SELECT status, holder_id FROM seats WHERE id = %s", [self.event.seats[0]]
        ).fetchone()
        return self.records.payment(self.attempt.order), seat, holder == self.second


RIVALS = [Race.release_and_take, Race.cancel_and_take, Race.run_out_and_take]


@pytest.fixture
def new_race(puppet: Puppet, shop: Shop) -> Callable[..., Race]:
    """Makes a paid attempt that nobody has settled yet."""

    def make(rival: Callable[[Race], None]) -> Race:
        event = shop.new_event()
        owner, other = shop.new_user(), shop.new_user()
        attempt = shop.initiate(owner, event, seats=1)
        if rival is Race.run_out_and_take:
            shop.run_out(attempt.booking)
        puppet.change(status="AUTHORIZED")
        return Race(owner, other, event, attempt, other.book(event.id), shop)

    return make


def meet_in_the_middle(race: Race, rival: Callable[[Race], None]) -> None:
    """Settle; the rival comes when the booking has been read and before its seats are fixed."""
    from app.bookings import service as bookings

    fix = bookings.start_confirming
    running: list[gevent.Greenlet] = []

    def fix_late(*arguments: Any) -> Any:
        running.append(gevent.spawn(rival, race))
        running[0].join(0.3)  # Whoever is kept out by a lock is still waiting then.
        return fix(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bookings, "start_confirming", fix_late)
        settle(race.attempt.order)
    gevent.joinall(running, raise_error=True)


SOLD_TO_US = ("COMPLETED", "SOLD", False)
TAKEN_FROM_US = ("REFUND_DUE", "RESERVED", True)


@pytest.mark.parametrize("rival", RIVALS)
def test_a_rival_in_the_middle_of_settling_leaves_one_outcome(
    shop: Shop, new_race: Callable[..., Race], rival: Callable[[Race], None]
) -> None:
    race = new_race(rival)
    meet_in_the_middle(race, rival)
    expected = {
        Race.release_and_take: [SOLD_TO_US],  # Release waits, and then the seats are fixed.
        # So does cancel; should it come after the sale only, it owes a refund.
        Race.cancel_and_take: [SOLD_TO_US, TAKEN_FROM_US],
        Race.run_out_and_take: [TAKEN_FROM_US],  # Nobody is asked when a hold has run out.
    }
    assert race.outcome() in expected[rival]
    assert shop.unsound(race.event) == []


@pytest.mark.parametrize("rival", RIVALS)
def test_settling_against_a_rival_leaves_one_outcome_whoever_is_faster(
    shop: Shop, new_race: Callable[..., Race], rival: Callable[[Race], None]
) -> None:
    for head_start in (0.0, 0.002, 0.005, 0.01, 0.02):
        race = new_race(rival)
        settling = gevent.spawn_later(0.01, settle, race.attempt.order)
        gevent.joinall([settling, gevent.spawn_later(head_start, rival, race)], raise_error=True)
        assert race.outcome() in (SOLD_TO_US, TAKEN_FROM_US)
        assert shop.unsound(race.event) == []
        payment = shop.payment(race.attempt.order)
        kinds = {kind for kind, _, _ in shop.ledger(race.attempt.order)}
        assert ("REFUND_DUE" in kinds) == (payment == "REFUND_DUE")


@pytest.mark.parametrize("rival", RIVALS)
def test_without_the_guards_the_same_race_sells_what_is_not_ours(
    shop: Shop,
    new_race: Callable[..., Race],
    rival: Callable[[Race], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control of the two tests above."""
    from app.bookings import place_queries
    from app.bookings import queries as bookings
    from app.payments import queries as payments

    ours = "AND s.status = 'RESERVED' AND s.holder_kind = 'BOOKING' AND s.holder_id = l.booking_id"
    for module, statement, guards in (
        (bookings, "_SELL", (ours, "AND l.status = 'HELD'", "AND status = 'CONFIRMING'")),
        (bookings, "_LINES", ("AND l.status IN ('HELD', 'SOLD')", "FOR NO KEY UPDATE OF s")),
        (place_queries, "_CONFIRMING", ("AND s.holder_kind = 'BOOKING' AND s.holder_id = b.id",)),
    ):
        naive = getattr(module, statement)
        for guard in guards:
            assert guard in naive
            naive = naive.replace(guard, "")
        monkeypatch.setattr(module, statement, naive)
    monkeypatch.setattr(bookings.Line, "seat_is_held", property(lambda _: True))
    for module in (bookings, payments):
        assert "FOR NO KEY UPDATE" in module._LOCK
        monkeypatch.setattr(module, "_LOCK", module._LOCK.replace("FOR NO KEY UPDATE", ""))
    race = new_race(rival)
    meet_in_the_middle(race, rival)
    assert shop.unsound(race.event) != []
