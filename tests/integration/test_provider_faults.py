"""The event provider's simulator fails when told to, keeps its books and outlives a kill."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.integration.gateway import free_port, until
from tests.integration.provider import API, QUICK, SMALL, Provider, both_modes, program


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


def test_a_failing_call_does_nothing(provider: Provider) -> None:
    order_id, place_id = provider.start(), provider.place_id()
    provider.turn(select={"fail": {"times": 2}})
    assert [provider.select(place_id, order_id) for _ in range(3)] == [503, 503, 204]
    provider.turn(start={"fail": {"chance": 1}, "fail_status": 429})
    assert provider("POST", f"{API}/orders").status == 429
    assert provider.ledger()["totals"]["orders"] == 1


def test_a_lost_answer_comes_after_the_deed(provider: Provider) -> None:
    order_id, place_id = provider.start(), provider.place_id()
    provider.turn(select={"drop": {"times": 1}})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        provider.select(place_id, order_id)
    assert provider.select(place_id, order_id) == 409
    provider.await_count(order_id, 1)
    assert provider("GET", "/simulator/calls").json()["select"] == {"204": 1, "409": 1}


def test_latency_comes_before_the_deed_or_after_it(provider: Provider) -> None:
    for name in ("latency_ms", "answer_latency_ms"):
        provider.turn(places={"latency_ms": 0} | {name: 120})
        began = time.monotonic()
        provider.places()
        assert time.monotonic() - began >= 0.12


def test_some_calls_can_be_slower_than_others(provider: Provider) -> None:
    provider.turn(places={"slow": {"times": 1}, "slow_ms": 150})
    began = time.monotonic()
    provider.places()
    slow, began = time.monotonic() - began, time.monotonic()
    provider.places()
    assert time.monotonic() - began < 0.15 <= slow


def test_a_provider_that_is_down_answers_503_to_everything_but_its_operator(
    provider: Provider,
) -> None:
    provider.turn(down=True)
    assert provider("POST", f"{API}/orders").status == 503
    assert provider("GET", f"{API}/places").status == 503
    assert provider("GET", "/nothing").status == 503
    assert provider("GET", "/simulator/health").json() == {"status": "ok"}
    provider.turn(down=False, down_seconds=0.2)
    assert provider("POST", f"{API}/orders").status == 503
    until(lambda: provider("POST", f"{API}/orders").status == 201)


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"select": {"unknown": 1}},
        {"places": {"race": {"times": 1}}},
        {"select": {"drop": {"chance": 1.1}}},
        {"place_lane": {"per_second": 0}},
        {"place_lane": {"order": "latest"}},
        {"down": "yes"},
        [],
    ],
)
def test_an_unknown_or_wrong_knob_is_400_and_turns_nothing(
    documented: Provider, change: Any
) -> None:
    before = documented.knobs()
    answer = documented("POST", "/simulator/knobs", json=change)
    assert answer.status == 400
    assert answer.json()["error"]
    assert documented.knobs() == before


def test_knobs_go_back_to_where_the_command_line_put_them(coded: Provider) -> None:
    coded.turn(place_lane={"stopped": True}, down=True, select={"race": {"chance": 1}})
    knobs = coded("DELETE", "/simulator/knobs").json()
    assert knobs["place_lane"]["per_second"] == 100000
    assert knobs["select"]["race"] == {"times": 0, "chance": 0.28}
    assert not knobs["down"]
    assert not knobs["place_lane"]["stopped"]


def test_the_operators_page_shows_orders_and_turns_every_knob(provider: Provider) -> None:
    order_id, _ = provider.holding(0)
    page = provider("GET", "/simulator").data.decode()
    assert order_id in page
    for path in ("select.race.times", "place_lane.order", "cancel_stops.chance", "down_seconds"):
        assert f'name="{path}"' in page

    def post(path: str, **fields: str) -> Any:
        return provider("POST", path, fields=fields, encode_multipart=False, redirect=False)

    turned = {"down": "true", "place_lane.order": "arrival", "select.drop.times": "3"}
    assert post("/simulator", **turned).status == 303
    knobs = provider.knobs()
    assert knobs["down"] is True
    assert knobs["place_lane"]["order"] == "arrival"
    assert knobs["select"]["drop"]["times"] == 3
    wrong = post("/simulator", **{"select.drop.chance": "2"})
    assert wrong.status == 400
    assert 'role="alert"' in wrong.data.decode()
    assert post("/simulator/reset?then=page").status == 303
    assert order_id not in provider("GET", "/simulator").data.decode()


def test_the_ledger_accounts_for_orders_and_places(provider: Provider) -> None:
    sold, (first,) = provider.holding(0)
    assert [provider.change(sold, step) for step in ("submit", "confirm")] == [200, 200]
    until(lambda: provider.order(sold)["status"] == "CONFIRMED")
    provider.turn(place_lane={"stopped": True})
    open_, second = provider.start(), provider.place_id(1)
    provider.select(second, open_)
    provider.await_count(open_, 0)
    ledger = provider.ledger()
    shown = ledger["orders"][0].pop("shown")
    assert (shown["status"], shown["places_count"]) == ("CONFIRMED", 1)
    assert ledger["orders"][0] == {
        "order_id": sold,
        "status": "CONFIRMED",
        "places": [first],
        "unattached": [],
    }
    assert ledger["orders"][1]["unattached"] == [second]
    assert ledger["places"] == [
        {"place_id": first, "row": 1, "seat": 1, "order_id": sold, "is_free": False},
        {"place_id": second, "row": 1, "seat": 2, "order_id": open_, "is_free": True},
    ]
    assert ledger["totals"] == {
        "places": 200,
        "taken": 2,
        "sold": 1,
        "orders": 2,
        "started": 1,
        "submitted": 0,
        "confirmed": 1,
        "cancelled": 0,
    }


def test_a_killed_provider_forgets_nothing_and_ends_cleanly_when_asked(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "provider.sqlite"
    with program(data, *SMALL, QUICK) as provider:
        places = provider.places("?pageSize=1000")
        order_id, _ = provider.holding(0)
        added = provider("POST", "/api/admin/v1/places", json={"row": 0, "seat": 1}).json()
        until(lambda: provider.places()[0]["id"] == added["place_id"])
        provider.turn(place_lane={"stopped": True})
        provider.select(places[1]["id"], order_id)
        assert provider.end(signal.SIGKILL) == -signal.SIGKILL
    with program(data, QUICK) as provider:
        assert provider.places("?pageSize=1000")[0]["id"] == added["place_id"]
        provider.await_count(order_id, 2)
        seen = provider.places("?pageSize=1000")[1:]
        assert [place["is_free"] for place in seen] == [False] * 2 + [True] * 198
        assert [place["id"] for place in seen] == [place["id"] for place in places]
        assert provider.end(signal.SIGTERM) == 0


def test_as_coded_both_lanes_stand_for_40_s_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "provider.sqlite"
    with program(data, *SMALL, "--mode=coded") as provider:
        assert not any(lane["is_stopped"] for lane in provider.lanes().values())
        assert provider.end(signal.SIGTERM) == 0
    with program(data, "--mode=coded") as provider:
        assert 35 < provider.knobs()["standstill_seconds"] <= 41
        order_id = provider.start()
        assert provider.select(provider.place_id(), order_id) == 204
        assert provider.order(order_id) == {"http": 404}
        provider.turn(standstill_seconds=0)
        provider.await_count(order_id, 1)


def test_as_coded_a_kill_under_load_repeats_messages_and_every_restart_stops_again(
    tmp_path: Path,
) -> None:
    data, arguments = tmp_path / "provider.sqlite", [QUICK, "--mode=coded", "--standstill=0"]
    with program(data, *SMALL, *arguments) as provider:
        order_id, first = provider.start(), provider.place_id()
        provider.await_count(order_id, 0)
        provider.turn(order_lane={"stopped": True})
        provider.select(first, order_id)
        until(lambda: not provider.is_free(first))
        provider.turn(place_lane={"stopped": True})
        provider.select(provider.place_id(1), order_id)
        provider.process.kill()
    with program(data, *arguments) as provider:
        stuck = until(lambda: provider.lanes()["places"]["stuck_at"])
        provider.await_count(order_id, 3)
        assert provider.end(signal.SIGTERM) == 0
    with program(data, *arguments) as provider:
        assert until(lambda: provider.lanes()["places"]["stuck_at"])["seq"] == stuck["seq"]


def test_a_full_venue_is_there_at_once_and_read_in_less_than_3_s(tmp_path: Path) -> None:
    with program(tmp_path / "provider.sqlite") as provider:
        began = time.monotonic()
        pages = [provider.places(f"?page={page}&pageSize=1000") for page in range(1, 101)]
        assert time.monotonic() - began < 3
        assert provider.places("?pageSize=1001") == pages[0]  # A page holds a thousand at most.
    assert len({place["id"] for page in pages for place in page}) == 100_000
    assert (pages[-1][-1]["row"], pages[-1][-1]["seat"]) == (100, 1000)


def test_what_prevents_a_start_is_one_clear_sentence(tmp_path: Path) -> None:
    data = tmp_path / "provider.sqlite"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        reason = f"The event provider cannot start: port {port} is taken by another program.\n"
        assert _refusal(data, *SMALL, port=port) == reason
    reason = f"{data} holds a venue of 10 rows × 20 seats.\n"
    assert _refusal(data, "--rows=11", port=free_port()) == reason


def _refusal(data: Path, *arguments: str, port: int) -> str:
    with program(data, *arguments, port=port) as provider:
        assert provider.process.wait(timeout=10) == 1
        assert provider.process.stderr is not None
        return provider.process.stderr.read()
