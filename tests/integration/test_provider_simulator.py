"""The event provider's simulator answers as the contract says, as documented and as coded."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.gateway import until
from tests.integration.provider import API, UNKNOWN, Provider, at_once, both_modes


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


def test_each_start_is_a_new_order(provider: Provider) -> None:
    first, second = provider.start(), provider.start()
    assert uuid.UUID(first) != uuid.UUID(second)


def test_an_order_is_404_until_the_order_lane_has_brought_it(provider: Provider) -> None:
    provider.turn(order_lane={"stopped": True})
    before = time.time() * 1000
    order_id = provider.start()
    assert provider.order(order_id) == {"http": 404}
    provider.turn(order_lane={"stopped": False})
    order = until(lambda: "id" in provider.order(order_id) and provider.order(order_id))
    assert order == {
        "id": order_id,
        "status": "STARTED",
        "started_at": order["started_at"],
        "updated_at": order["updated_at"],
        "places_count": 0,
    }
    assert order["updated_at"] >= order["started_at"]
    assert before - 1 <= order["started_at"] <= time.time() * 1000


def test_an_order_goes_from_started_to_confirmed(provider: Provider) -> None:
    order_id, place_ids = provider.holding(0, 1)
    assert not any(provider.is_free(place_id) for place_id in place_ids)
    for step, status in (("submit", "SUBMITTED"), ("confirm", "CONFIRMED")):
        answer = provider("PATCH", f"{API}/orders/{order_id}/{step}")
        assert (answer.status, answer.data) == (200, b"")
        until(lambda status=status: provider.order(order_id)["status"] == status)
    order = provider.order(order_id)
    assert order["places_count"] == 2
    assert order["updated_at"] >= order["started_at"]


def test_errors_say_it_with_their_status_alone(coded: Provider) -> None:
    empty = coded("PATCH", f"{API}/orders/{coded.start()}/submit")
    assert (empty.status, empty.data) == (409, b"")
    for path in (f"{API}/orders/nobody", "/api/partners/v2"):
        answer = coded("GET", path)
        assert answer.status in {500, 404}
        assert answer.data
        assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("GET", f"/orders/{UNKNOWN}", (404, 404)),
        ("GET", "/orders/1", (422, 500)),
        ("PATCH", f"/orders/{UNKNOWN}/submit", (404, 500)),
        ("PATCH", "/orders/1/submit", (422, 500)),
        ("PATCH", f"/orders/{UNKNOWN}/confirm", (404, 500)),
        ("PATCH", "/orders/1/confirm", (422, 500)),
        ("PATCH", f"/orders/{UNKNOWN}/cancel", (404, 500)),
        ("PATCH", "/orders/1/cancel", (422, 500)),
        ("GET", f"/places/{UNKNOWN}", (404, 404)),
        ("GET", "/places/1", (422, 500)),
        ("PATCH", f"/places/{UNKNOWN}/release", (404, 500)),
        ("PATCH", "/places/1/release", (422, 500)),
        ("GET", "/places?page=first", (422, 500)),
        ("GET", "/places?page=", (422, 500)),
        ("GET", "/places?pageSize=-1", (422, 500)),
        ("GET", "/places?pageSize=", (422, 500)),
        ("GET", "/places?pageSize=all", (422, 500)),
        ("GET", "/places?pageSize=99999999999", (422, 500)),
        ("GET", "/places?page=400000&pageSize=1000", (200, 500)),
        ("GET", "/nothing", (404, 404)),
    ],
)
def test_what_is_unknown_or_malformed(
    documented: Provider,
    coded: Provider,
    method: str,
    path: str,
    statuses: tuple[int, int],
) -> None:
    found = tuple(provider(method, API + path).status for provider in (documented, coded))
    assert found == statuses


def test_a_submit_needs_places_that_are_attached_and_is_done_once(provider: Provider) -> None:
    order_id = provider.start()
    assert provider.change(order_id, "submit") == 409
    provider.turn(place_lane={"stopped": True})
    assert provider.select(provider.place_id(), order_id) == 204
    assert provider.change(order_id, "submit") == 409
    provider.turn(place_lane={"stopped": False})
    until(lambda: provider.change(order_id, "submit") == 200)
    assert provider.change(order_id, "submit") == 409


def test_a_confirm_needs_a_submit_and_is_done_once(provider: Provider) -> None:
    order_id, _ = provider.holding(0)
    assert provider.change(order_id, "confirm") == 409
    assert provider.change(order_id, "submit") == 200
    assert [provider.change(order_id, "confirm") for _ in range(2)] == [200, 409]


def test_a_cancel_is_final_and_refused_after_a_confirm(provider: Provider) -> None:
    order_id = provider.start()
    assert [provider.change(order_id, "cancel") for _ in range(2)] == [200, 409]
    until(lambda: provider.order(order_id).get("status") == "CANCELLED")
    sold, _ = provider.holding(0)
    assert [provider.change(sold, step) for step in ("submit", "confirm", "cancel")] == [
        200,
        200,
        409,
    ]


def test_a_cancel_of_a_submitted_order_frees_its_places(provider: Provider) -> None:
    order_id, place_ids = provider.holding(0, 1)
    assert [provider.change(order_id, step) for step in ("submit", "cancel")] == [200, 200]
    until(lambda: all(provider.is_free(place_id) for place_id in place_ids))
    assert provider.select(place_ids[0], provider.start()) == 204


def test_places_come_by_row_and_seat_in_pages(provider: Provider) -> None:
    places = provider.places("?pageSize=1000")
    assert [(place["row"], place["seat"]) for place in places] == [
        (row, seat) for row in range(1, 11) for seat in range(1, 21)
    ]
    assert {tuple(place) for place in places} == {("id", "row", "seat", "is_free")}
    assert provider.places() == places[:20]
    assert provider.places("?page=2") == places[20:40]
    assert provider.places("?page=-3&pageSize=5") == provider.places("?page=0&pageSize=5")
    assert provider.places("?page=0&pageSize=5") == places[:5]
    assert provider.places("?page=3&pageSize=7") == places[14:21]
    assert provider.places("?pageSize=5000") == places
    assert provider.places("?pageSize=0") == []
    assert provider.places("?page=11") == []
    assert provider("GET", f"{API}/places/{places[3]['id']}").json() == places[3]


def test_a_select_works_before_either_id_shows(provider: Provider) -> None:
    provider.turn(place_lane={"stopped": True}, order_lane={"stopped": True})
    answer = provider("POST", "/api/admin/v1/places", json={"row": 11, "seat": 1})
    place_id, order_id = answer.json()["place_id"], provider.start()
    assert provider("GET", f"{API}/places/{place_id}").status == 404
    assert provider.select(place_id, order_id) == 204
    provider.turn(place_lane={"stopped": False}, order_lane={"stopped": False})
    provider.await_count(order_id, 1)
    assert not provider.is_free(place_id)


def test_a_place_is_selected_once_even_by_the_same_order(provider: Provider) -> None:
    order_id, (place_id,) = provider.holding(0)
    assert provider.select(place_id, order_id) == 409
    assert provider.select(place_id, provider.start()) == 409


def test_only_a_started_order_gets_places(provider: Provider) -> None:
    order_id, _ = provider.holding(0)
    assert provider.change(order_id, "submit") == 200
    assert provider.select(provider.place_id(1), order_id) == 409
    cancelled = provider.start()
    provider.change(cancelled, "cancel")
    assert provider.select(provider.place_id(1), cancelled) == 409


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"order_id": 5}', b'{"order_id": "1"}', b'{"order_id": null}'],
)
def test_a_select_with_a_bad_body_is_422(provider: Provider, body: bytes) -> None:
    path = f"{API}/places/{provider.place_id()}/select"
    assert provider("PATCH", path, body=body).status == 422


def test_a_select_of_what_is_unknown(documented: Provider, coded: Provider) -> None:
    for provider, status in ((documented, 404), (coded, 500)):
        assert provider.select(UNKNOWN, provider.start()) == status
        assert provider.select(provider.place_id(), UNKNOWN) == status
        assert provider.select("1", provider.start()) == 422


def test_a_released_place_is_free_again_and_no_longer_counted(provider: Provider) -> None:
    order_id, (first, second) = provider.holding(0, 1)
    answer = provider("PATCH", f"{API}/places/{first}/release")
    assert (answer.status, answer.data) == (204, b"")
    provider.await_count(order_id, 1)
    until(lambda: provider.is_free(first))
    assert not provider.is_free(second)
    assert provider.select(first, provider.start()) == 204


def test_a_released_place_stays_taken_until_the_order_lane_has_brought_it(
    provider: Provider,
) -> None:
    _, (place_id,) = provider.holding(0)
    provider.turn(order_lane={"stopped": True})
    assert provider.release(place_id) == 204
    assert provider.select(place_id, provider.start()) == 409
    assert provider.release(place_id) == 409
    provider.turn(order_lane={"stopped": False})
    until(lambda: provider.is_free(place_id))


def test_a_release_is_refused(documented: Provider, coded: Provider) -> None:
    for provider, of_a_free_place in ((documented, 409), (coded, 500)):
        assert provider.release(provider.place_id()) == of_a_free_place
        order_id, (place_id,) = provider.holding(0)
        assert provider.change(order_id, "submit") == 200
        assert provider.release(place_id) == 409
        provider.turn(place_lane={"stopped": True})
        unattached = provider.place_id(1)
        provider.select(unattached, provider.start())
        assert provider.release(unattached) == 409


@pytest.mark.parametrize(("mode", "status"), [("documented", 201), ("coded", 202)])
def test_an_added_place_shows_once_the_place_lane_has_brought_it(
    request: pytest.FixtureRequest, mode: str, status: int
) -> None:
    provider: Provider = request.getfixturevalue(mode)
    ids = []
    for _ in range(2):  # A repeat is a second place.
        answer = provider("POST", "/api/admin/v1/places", json={"row": 1, "seat": 1})
        assert answer.status == status
        ids.append(answer.json()["place_id"])
    until(lambda: len(provider.places("?pageSize=1000")) == 202)
    beginning = provider.places("?pageSize=4")
    assert [(place["row"], place["seat"]) for place in beginning] == [(1, 1)] * 3 + [(1, 2)]
    assert [place["id"] for place in beginning[1:3]] == ids


def test_a_new_place_needs_a_row_and_a_seat(provider: Provider) -> None:
    for body in (b"", b"{", b"5", b'{"row": 1}', b'{"seat": 1}'):
        assert provider("POST", "/api/admin/v1/places", body=body).status == 422


def test_as_coded_words_become_0_and_negatives_pass(documented: Provider, coded: Provider) -> None:
    word: dict[str, Any] = {"row": "first", "seat": -7}
    assert documented("POST", "/api/admin/v1/places", json=word).status == 422
    assert coded("POST", "/api/admin/v1/places", json=word).status == 202
    first = until(lambda: next((p for p in coded.places() if p["row"] == 0), None))
    assert first["seat"] == -7


def test_of_many_selects_at_once_one_wins_and_as_coded_some_losers_are_500(
    coded: Provider,
) -> None:
    coded.turn(select={"latency_ms": 50})
    orders, place_id = [coded.start() for _ in range(20)], coded.place_id()
    calls = [lambda order_id=order_id: coded.select(place_id, order_id) for order_id in orders]
    statuses = at_once(*calls)
    assert statuses.count(204) == 1
    assert set(statuses) == {204, 409, 500}


def test_as_documented_a_race_is_never_500(documented: Provider) -> None:
    documented.turn(select={"latency_ms": 50})
    order_id, place_id = documented.start(), documented.place_id()
    statuses = at_once(*[lambda: documented.select(place_id, order_id)] * 20)
    assert sorted(statuses) == [204] + [409] * 19


def test_as_coded_releases_of_one_order_that_meet_are_500(coded: Provider) -> None:
    _, place_ids = coded.holding(*range(20))
    coded.turn(release={"latency_ms": 50})
    calls = [lambda place_id=place_id: coded.release(place_id) for place_id in place_ids]
    statuses = at_once(*calls)
    assert set(statuses) == {204, 500}
    assert coded.ledger()["totals"]["started"] == 1
    until(lambda: coded.ledger()["totals"]["taken"] == statuses.count(500))


@pytest.mark.parametrize("step", ["submit", "confirm", "cancel"])
def test_of_many_steps_at_once_one_is_200(provider: Provider, step: str) -> None:
    order_id, _ = provider.holding(0)
    if step == "confirm":
        provider.change(order_id, "submit")
    provider.turn(**{step: {"latency_ms": 30}})
    statuses = at_once(*[lambda: provider.change(order_id, step)] * 8)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409, 500}


def test_calls_one_after_the_other_never_race(coded: Provider) -> None:
    coded.turn(**{name: {"race": {"chance": 1}} for name in ("select", "release", "submit")})
    order_id, place_ids = coded.holding(*range(10))
    assert [coded.release(place_id) for place_id in place_ids[1:]] == [204] * 9
    assert coded.change(order_id, "submit") == 200
