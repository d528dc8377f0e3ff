"""The lanes of the event provider's simulator: their pace, their order, and how they stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.simulators.provider.knobs import Knobs, LaneKnobs, Panel
from app.simulators.provider.lanes import Lane
from app.simulators.provider.records import Kind, Message
from tests.integration.gateway import until
from tests.integration.provider import QUICK, Provider, both_modes, program


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Provider]]:
    """One running program for each mode."""
    with both_modes(tmp_path_factory.mktemp("provider")) as programs:
        yield programs


@pytest.fixture
def coded(programs: dict[str, Provider]) -> Provider:
    return programs["coded"].start_over()


@pytest.fixture
def documented(programs: dict[str, Provider]) -> Provider:
    return programs["documented"].start_over()


@pytest.fixture(params=["documented", "coded"])
def provider(request: pytest.FixtureRequest, programs: dict[str, Provider]) -> Provider:
    return programs[request.param].start_over()


class Track:
    """A lane on a clock of the test's own, and what it delivered."""

    def __init__(self, **knobs: Any) -> None:
        self.knobs = LaneKnobs(**knobs)
        self.arrived: list[int] = []
        self.lane = Lane(
            panel=Panel(seed=1, knobs=Knobs()), knobs=lambda: self.knobs, deliver=self._deliver
        )

    def put(self, *revisions: int) -> float:
        """Put messages into the lane, and return the moment."""
        for revision in revisions:
            self.lane.put(Message(seq=len(self.lane), kind=Kind.STARTED, revision=revision, at=0))
        return time.monotonic()

    def _deliver(self, message: Message) -> bool:
        self.arrived.append(message.revision)
        return False


@pytest.mark.parametrize(
    ("order", "expected"), [("revision", [0, 0, 1, 3]), ("arrival", [3, 0, 1, 0])]
)
def test_the_lowest_revision_goes_first_unless_told_otherwise(
    order: str, expected: list[int]
) -> None:
    track = Track(order=order, delay_ms=0, per_second=1000)
    now = track.put(3, 0, 1, 0)
    for tick in range(10):
        track.lane.step(now + tick / 100)
    assert track.arrived == expected


def test_a_lane_delivers_a_hundred_messages_a_second() -> None:
    track = Track()
    now = track.put(*range(1000))
    for tick in range(100, 201):
        track.lane.step(now + tick / 100)
    assert 98 <= len(track.arrived) <= 104


def test_a_message_takes_its_delay() -> None:
    track = Track(delay_ms=500)
    now = track.put(0)
    assert track.lane.step(now + 0.4) == 0.05
    assert track.arrived == []
    assert track.lane.step(now + 0.5) is None
    assert track.arrived == [0]


def test_thirty_orders_show_at_a_hundred_a_second(documented: Provider) -> None:
    documented.turn(order_lane={"delay_ms": 20, "per_second": 100})
    began = time.monotonic()
    orders = [documented.start() for _ in range(30)]
    documented.await_count(orders[-1], 0)
    assert time.monotonic() - began > 0.25


def test_a_stopped_place_lane_attaches_nothing_and_answers_as_ever(provider: Provider) -> None:
    provider.turn(place_lane={"stopped": True})
    order_id, place_id = provider.start(), provider.place_id()
    assert provider.select(place_id, order_id) == 204
    provider.await_count(order_id, 0)
    assert provider.lanes()["places"] == {
        "waiting": 1,
        "delivered": 0,
        "is_stopped": True,
        "stuck_at": None,
    }
    assert provider.is_free(place_id)
    provider.turn(place_lane={"stopped": False})
    provider.await_count(order_id, 1)


def test_a_stopped_order_lane_freezes_what_orders_show(provider: Provider) -> None:
    order_id, _ = provider.holding(0)
    provider.turn(order_lane={"stopped": True})
    assert provider.change(order_id, "submit") == 200
    assert provider.change(order_id, "confirm") == 200
    assert provider.order(order_id)["status"] == "STARTED"
    provider.turn(order_lane={"stopped": False})
    until(lambda: provider.order(order_id)["status"] == "CONFIRMED")


def test_a_standstill_ends_by_itself_and_loses_nothing(provider: Provider) -> None:
    provider.turn(standstill_seconds=0.3)
    assert 0 < provider.knobs()["standstill_seconds"] <= 0.3
    assert all(lane["is_stopped"] for lane in provider.lanes().values())
    order_id = provider.start()
    assert provider.order(order_id) == {"http": 404}
    provider.await_count(order_id, 0)
    assert provider.knobs()["standstill_seconds"] == 0


def _strand(provider: Provider, disturb: str) -> tuple[str, str]:
    """Change an order while its second select is under way; returns the order and that place."""
    order_id, (first,) = provider.holding(0)
    provider.turn(place_lane={"stopped": True})
    second = provider.place_id(1)
    assert provider.select(second, order_id) == 204
    if disturb == "release":
        assert provider.release(first) == 204
    else:
        assert provider.change(order_id, disturb) == 200
    provider.turn(place_lane={"stopped": False})
    return order_id, second


@pytest.mark.parametrize("disturb", ["submit", "cancel", "release"])
def test_as_coded_a_change_before_a_select_is_attached_stops_the_place_lane(
    coded: Provider, disturb: str
) -> None:
    order_id, place_id = _strand(coded, disturb)
    stuck = until(lambda: coded.lanes()["places"]["stuck_at"])
    assert (stuck["kind"], stuck["order_id"], stuck["place_id"]) == ("selected", order_id, place_id)
    other = coded.start()
    assert coded.select(coded.place_id(2), other) == 204
    coded.await_count(other, 0)
    assert coded.lanes()["places"]["is_stopped"]
    assert coded.change(other, "submit") == 409


@pytest.mark.parametrize("disturb", ["submit", "cancel"])
def test_as_documented_such_a_place_becomes_free_again(documented: Provider, disturb: str) -> None:
    _, place_id = _strand(documented, disturb)
    until(lambda: documented.select(place_id, documented.start()) == 204)


def test_a_cancel_can_stop_the_order_lane_and_keeps_its_places(provider: Provider) -> None:
    order_id, (place_id,) = provider.holding(0)
    other, (of_other,) = provider.holding(1)
    provider.turn(cancel_stops={"times": 1})
    assert provider.change(order_id, "cancel") == 200
    assert until(lambda: provider.lanes()["orders"]["stuck_at"])["kind"] == "cancelled"
    assert provider.order(order_id)["status"] == "STARTED"
    assert provider.release(of_other) == 204
    assert provider.select(provider.place_id(2), other) == 204
    until(lambda: provider.change(other, "submit") == 200)
    assert not provider.is_free(place_id)
    assert not provider.is_free(of_other)
    assert provider.lanes()["orders"]["is_stopped"]


def test_as_coded_a_loaded_venue_cannot_bear_a_cancel_with_a_place_released_before(
    tmp_path: Path,
) -> None:
    with program(tmp_path / "provider.sqlite", "--rows=10", QUICK, "--mode=coded") as loaded:

        def cancel(*numbers: int) -> list[str]:
            order_id, place_ids = loaded.holding(*numbers)
            assert loaded.change(order_id, "cancel") == 200
            return place_ids

        for bearable in (cancel(0, 1, 2), cancel(3, 4, 5)):
            until(lambda ids=bearable: all(loaded.is_free(one) for one in ids))
        for bearable in (cancel(0, 1), cancel(6, 7, 8)):
            until(lambda ids=bearable: all(loaded.is_free(one) for one in ids))
        taken = cancel(0, 9, 10)
        until(lambda: loaded.lanes()["orders"]["stuck_at"])
        assert not any(loaded.is_free(place_id) for place_id in taken)


def test_a_place_can_be_counted_twice_for_good(provider: Provider) -> None:
    provider.turn(order_lane={"doubled": {"times": 1}})
    order_id = provider.start()
    provider.select(provider.place_id(), order_id)
    provider.await_count(order_id, 2)
    provider.await_rest()
    assert provider.order(order_id)["places_count"] == 2
    assert len(provider.ledger()["orders"][0]["places"]) == 1


def test_a_select_that_comes_twice_stops_the_place_lane_as_coded(
    documented: Provider, coded: Provider
) -> None:
    for provider in (documented, coded):
        provider.turn(place_lane={"doubled": {"times": 1}})
        order_id = provider.start()
        provider.select(provider.place_id(), order_id)
        provider.await_count(order_id, 1)
    assert until(lambda: coded.lanes()["places"]["stuck_at"])["kind"] == "selected"
    documented.await_rest()
    assert documented.lanes()["places"]["stuck_at"] is None


def test_a_lost_message_never_comes(provider: Provider) -> None:
    provider.turn(order_lane={"lost": {"times": 1}})
    lost, kept = provider.start(), provider.start()
    provider.await_count(kept, 0)
    assert provider.order(lost) == {"http": 404}
    provider.select(provider.place_id(), lost)
    until(lambda: provider.change(lost, "submit") == 200)
    provider.await_rest()
    assert provider.order(lost) == {"http": 404}
