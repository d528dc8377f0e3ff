"""The client of the event provider, against the simulator and against answers that are none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.kernel.breaker import State
from app.provider import client
from app.provider.client import OrderSeen, OrderStatus, OutcomeUnknown, Refused
from tests.integration.gateway import configured, free_port, serving, until
from tests.integration.provider import Provider, at_once, both_modes

UNKNOWN = uuid4()
WRITES = [client.submit, client.confirm, client.cancel, client.release]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Provider]]:
    """One running program for each mode."""
    with both_modes(tmp_path_factory.mktemp("provider")) as programs:
        yield programs


@pytest.fixture(params=["documented", "coded"])
def provider(request: pytest.FixtureRequest, programs: dict[str, Provider]) -> Iterator[Provider]:
    """A well-behaved provider that the client is set to."""
    provider = programs[request.param].start_over()
    with configured(DATABASE_URL="postgresql://nobody", EVENT_PROVIDER_URL=provider.base):
        yield provider


@pytest.fixture
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.SERVICE.breaker, "_pause", 0.5)


def calls(provider: Provider, call: str) -> int:
    """How many of one kind have reached the provider."""
    return sum(provider("GET", "/simulator/calls").json().get(call, {}).values())


def is_coded(provider: Provider) -> bool:
    return "--mode=coded" in provider.process.args


def place_id(number: int = 0) -> UUID:
    return client.list_places(1)[number].id


def is_free(place: UUID) -> bool:
    found = client.find_place(place)
    assert found is not None
    return found.is_free


def shows(order: UUID, status: OrderStatus, count: int) -> None:
    until(lambda: client.find_order(order) == OrderSeen(status, count))


def outcome(call: Callable[..., None], *ids: UUID) -> tuple[str, int | None]:
    """What became of a write, as a name and a status."""
    try:
        call(*ids)
    except (Refused, OutcomeUnknown) as error:
        return type(error).__name__, error.status
    return "done", None


# Good days.


def test_an_order_from_its_start_to_its_confirmation(provider: Provider) -> None:
    order, places = client.start_order(), [place_id(0), place_id(1)]
    for place in places:
        client.select(place, order)
    shows(order, OrderStatus.STARTED, 2)
    assert not any(is_free(place) for place in places)
    client.submit(order)
    shows(order, OrderStatus.SUBMITTED, 2)
    client.confirm(order)
    shows(order, OrderStatus.CONFIRMED, 2)
    assert provider.ledger()["totals"]["orders"] == 1


@pytest.mark.usefixtures("provider")
def test_a_place_that_is_released_is_free_again() -> None:
    order, place = client.start_order(), place_id()
    client.select(place, order)
    shows(order, OrderStatus.STARTED, 1)
    client.release(place)
    until(lambda: is_free(place))
    shows(order, OrderStatus.STARTED, 0)
    client.cancel(order)
    shows(order, OrderStatus.CANCELLED, 0)


@pytest.mark.usefixtures("provider")
def test_places_come_by_row_and_seat_and_end_with_an_empty_page() -> None:
    places = client.list_places(1)
    assert [(place.row, place.seat) for place in places] == [
        (row, seat) for row in range(1, 11) for seat in range(1, 21)
    ]
    assert all(place.is_free for place in places)
    assert client.list_places(2, 30) == places[30:60]
    assert client.list_places(2) == []
    assert client.find_place(places[7].id) == places[7]


# What it refuses.


@pytest.mark.usefixtures("provider")
def test_what_does_not_show_is_none() -> None:
    assert client.find_order(UNKNOWN) is None
    assert client.find_place(UNKNOWN) is None


def test_changing_what_is_not_there_is_refused_or_as_coded_unknown(provider: Provider) -> None:
    told = ("OutcomeUnknown", 500) if is_coded(provider) else ("Refused", 404)
    assert {outcome(write, UNKNOWN) for write in WRITES} == {told}
    assert outcome(client.select, place_id(), UNKNOWN) == told
    assert outcome(client.select, UNKNOWN, client.start_order()) == told


@pytest.mark.usefixtures("provider")
def test_a_step_that_the_order_does_not_allow_is_refused() -> None:
    order, place = client.start_order(), place_id()
    assert outcome(client.submit, order) == ("Refused", 409)
    assert outcome(client.confirm, order) == ("Refused", 409)
    client.select(place, order)
    assert outcome(client.select, place, order) == ("Refused", 409)
    shows(order, OrderStatus.STARTED, 1)
    client.submit(order)
    assert outcome(client.submit, order) == ("Refused", 409)
    assert outcome(client.release, place) == ("Refused", 409)
    client.confirm(order)
    assert outcome(client.confirm, order) == ("Refused", 409)
    assert outcome(client.cancel, order) == ("Refused", 409)


def test_of_many_who_want_a_place_one_gets_it_and_the_breaker_stays_closed(
    provider: Provider,
) -> None:
    provider.turn(select={"race": {"chance": 1.0}, "latency_ms": 50})
    for number in range(2):
        order, place = client.start_order(), place_id(number)
        outcomes = Counter(at_once(*[partial(outcome, client.select, place, order)] * 12))
        assert outcomes[("done", None)] == 1
        assert set(outcomes) <= {("done", None), ("Refused", 409), ("OutcomeUnknown", 500)}
        assert outcomes["OutcomeUnknown", 500] >= 10
    assert client.SERVICE.breaker.state is State.CLOSED


def test_too_many_calls_are_refused(provider: Provider) -> None:
    provider.turn(select={"fail": {"times": 1}, "fail_status": 429})
    order, place = client.start_order(), place_id()
    assert outcome(client.select, place, order) == ("Refused", 429)
    assert is_free(place)


# Bad days.


def test_an_answer_that_got_lost_leaves_the_outcome_open(provider: Provider) -> None:
    order, place = client.start_order(), place_id()
    steps: list[tuple[str, Callable[..., None], list[UUID]]] = [
        ("select", client.select, [place, order]),
        ("submit", client.submit, [order]),
        ("confirm", client.confirm, [order]),
    ]
    for name, step, ids in steps:
        provider.turn(**{name: {"drop": {"times": 1}}})
        assert outcome(step, *ids) == ("OutcomeUnknown", None)
        assert calls(provider, name) == 1
        if name == "select":
            until(lambda: not is_free(place))
            shows(order, OrderStatus.STARTED, 1)
        assert outcome(step, *ids) == ("Refused", 409)
    shows(order, OrderStatus.CONFIRMED, 1)


def test_an_order_whose_answer_got_lost_is_not_started_twice(provider: Provider) -> None:
    provider.turn(start={"drop": {"times": 1}})
    with pytest.raises(OutcomeUnknown):
        client.start_order()
    assert provider.ledger()["totals"]["orders"] == 1


def test_a_lost_answer_of_a_read_is_asked_for_again(provider: Provider) -> None:
    order, place = client.start_order(), place_id()
    shows(order, OrderStatus.STARTED, 0)
    reads: list[tuple[str, Callable[[], Any]]] = [
        ("order", lambda: client.find_order(order)),
        ("place", lambda: client.find_place(place)),
        ("places", lambda: client.list_places(1)),
    ]
    for name, read in reads:
        before = calls(provider, name)
        provider.turn(**{name: {"drop": {"times": 1}}})
        assert read()
        assert calls(provider, name) == before + 2
        provider.turn(**{name: {"drop": {"chance": 1.0}}})
        with pytest.raises(OutcomeUnknown):
            read()
        assert calls(provider, name) == before + 4


def test_a_write_that_takes_too_long_is_left_at_its_deadline_and_may_still_happen(
    provider: Provider,
) -> None:
    order, place = client.start_order(), place_id()
    provider.turn(select={"slow": {"times": 1}, "slow_ms": 500})
    with configured(EVENT_PROVIDER_DEADLINE="0.2"):
        assert outcome(client.select, place, order) == ("OutcomeUnknown", None)
    until(lambda: not is_free(place))
    assert calls(provider, "select") == 1


def test_a_read_that_hangs_once_is_answered_within_the_deadline(provider: Provider) -> None:
    place = place_id()
    provider.turn(place={"slow": {"times": 1}, "slow_ms": 5000})
    with configured(EVENT_PROVIDER_DEADLINE="0.9"):
        assert is_free(place)


@pytest.mark.usefixtures("short_pause")
def test_a_provider_that_is_down_is_left_alone_until_it_is_back(provider: Provider) -> None:
    order, place = client.start_order(), place_id()
    provider.turn(down=True)
    for _ in range(10):
        assert outcome(client.select, place, order) == ("OutcomeUnknown", 503)
    assert outcome(client.select, place, order) == ("Refused", None)
    provider.turn(down=False)
    until(lambda: outcome(client.select, place, order) == ("done", None))
    assert calls(provider, "select") == 1


@pytest.mark.parametrize("address", ["nobody listens", ""])
def test_a_provider_that_cannot_be_reached_has_not_been_asked(address: str) -> None:
    url = address and f"http://127.0.0.1:{free_port()}"
    with configured(DATABASE_URL="postgresql://nobody", EVENT_PROVIDER_URL=url):
        with pytest.raises(Refused):
            client.start_order()
        with pytest.raises(Refused):
            client.list_places(1)
        assert outcome(client.submit, UNKNOWN) == ("Refused", None)


# Answers that are none.

ID = "11111111-2222-3333-4444-555555555555"
ORDER = {"id": ID, "status": "STARTED", "started_at": 1, "updated_at": 1, "places_count": 0}
PLACE = {"id": ID, "row": 1, "seat": 1, "is_free": True}


@pytest.fixture
def answer() -> Iterator[Callable[[Any], None]]:
    """Sets what the provider answers to everything, with 200: JSON, or the bytes of none."""
    told = [b""]

    def wsgi(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return told

    def tell(content: Any) -> None:
        told[0] = content if isinstance(content, bytes) else json.dumps(content).encode()

    with (
        serving(wsgi) as address,
        configured(DATABASE_URL="postgresql://nobody", EVENT_PROVIDER_URL=address),
    ):
        yield tell


def test_an_answer_with_more_in_it_than_expected_is_read(answer: Callable[[Any], None]) -> None:
    answer(ORDER | {"more": []})
    assert client.find_order(UUID(ID)) == OrderSeen(OrderStatus.STARTED, 0)
    answer([PLACE | {"row": 0, "seat": -1, "more": None}])
    assert client.list_places(1) == [client.Place(UUID(ID), 0, -1, is_free=True)]


@pytest.mark.parametrize("content", [b"", b"<html>", [], {}, {"order_id": 5}, {"order_id": "x"}])
def test_an_order_without_a_proper_id_may_have_been_started(
    answer: Callable[[Any], None], content: Any
) -> None:
    answer(content)
    with pytest.raises(OutcomeUnknown):
        client.start_order()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"<html>", None, [ORDER], {}),
        ORDER | {"id": str(UNKNOWN)},
        ORDER | {"status": "LOST"},
        ORDER | {"status": None},
        ORDER | {"places_count": -1},
        ORDER | {"places_count": 1.5},
        ORDER | {"places_count": "1"},
    ],
)
def test_an_order_that_cannot_be_one_is_not_believed(
    answer: Callable[[Any], None], content: Any
) -> None:
    answer(content)
    with pytest.raises(OutcomeUnknown):
        client.find_order(UUID(ID))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"<html>", None, [PLACE], {}),
        PLACE | {"id": str(UNKNOWN)},
        PLACE | {"id": "x"},
        PLACE | {"is_free": "yes"},
        PLACE | {"row": "1"},
        {"id": ID, "row": 1, "seat": 1},
    ],
)
def test_a_place_that_cannot_be_one_is_not_believed(
    answer: Callable[[Any], None], content: Any
) -> None:
    answer(content)
    with pytest.raises(OutcomeUnknown):
        client.find_place(UUID(ID))


@pytest.mark.parametrize(
    "content", [b"", b"[", None, {}, {"places": []}, [PLACE, {}], [PLACE, PLACE | {"id": "x"}]]
)
def test_a_page_of_which_one_place_cannot_be_one_is_not_believed(
    answer: Callable[[Any], None], content: Any
) -> None:
    answer(content)
    with pytest.raises(OutcomeUnknown):
        client.list_places(1)
