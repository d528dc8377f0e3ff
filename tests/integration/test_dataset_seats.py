"""The seats of event 1 from an event provider that has its moods."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from tests.integration.dataset import Importer, event, write


class Provider:
    """A provider with few places, which fails as often as it is told to."""

    def __init__(self) -> None:
        self.places: list[dict[str, Any]] = []
        self.failures = 0
        self.calls = 0
        self._server = make_server("127.0.0.1", 0, self._answer, WSGIServer, _Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def add(self, row: int, seat: int, *, is_free: bool = True) -> str:
        place_id = str(uuid.uuid4())
        self.places.append({"id": place_id, "row": row, "seat": seat, "is_free": is_free})
        return place_id

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> list[bytes]:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]
        assert environ["PATH_INFO"] == "/api/partners/v1/places"
        query = dict(one.split("=") for one in environ["QUERY_STRING"].split("&"))
        size = min(int(query["pageSize"]), 1000)
        first = (int(query["page"]) - 1) * size
        body = json.dumps(self.places[first : first + size]).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(autouse=True)
def first_event(importer: Importer, tmp_path: Path) -> None:
    """Event 1, which the places belong to."""
    write(tmp_path / "events.json", [event(1)])
    importer(tmp_path)


SEATS = """
    SELECT z.position, z.name, s.row_number, s.number, s.price_minor, s.external_id::text,
           s.event_id FROM seats s JOIN zones z ON z.id = s.zone_id ORDER BY s.id
"""


def test_seats_come_with_zones_and_prices_and_a_second_run_changes_nothing(
    importer: Importer, provider: Provider, tmp_path: Path
) -> None:
    rows = (1, 10, 11, 25, 26, 45, 46, 70, 71, 100)
    ids = [provider.add(row, seat) for row in rows for seat in range(1, 121)]
    provider.failures = 3
    output = importer(tmp_path, "--provider", provider.url)
    assert "Золотой круг has 240 seats at the provider instead of 10,000." in output
    assert "seats of event 1  1,200" in " ".join(output.split("\n"))
    seats = importer.rows(SEATS)
    assert [one[5] for one in seats] == ids
    assert {(one[2], one[0], one[1], one[4] // 100) for one in seats} == {
        (1, 1, "Золотой круг", 40_000), (10, 1, "Золотой круг", 40_000),
        (11, 2, "Фан-зона", 80_000), (25, 2, "Фан-зона", 80_000),
        (26, 3, "Нижний ярус", 120_000), (45, 3, "Нижний ярус", 120_000),
        (46, 4, "Средний ярус", 160_000), (70, 4, "Средний ярус", 160_000),
        (71, 5, "Верхний ярус", 200_000), (100, 5, "Верхний ярус", 200_000),
    }  # fmt: skip
    before = importer.versions()
    importer(tmp_path, "--provider", provider.url)
    importer(tmp_path, "--provider", provider.url, command="seats")
    assert importer.versions() == before

    new = provider.add(5, 1)
    output = importer(tmp_path, "--provider", provider.url, command="seats")
    assert "1 seats of event 1 are new or changed." in output
    assert importer.rows(SEATS)[-1] == (1, "Золотой круг", 5, 1, 4_000_000, new, 1)


def test_of_a_seat_that_is_several_places_the_first_is_taken_and_kept(
    importer: Importer, provider: Provider, tmp_path: Path
) -> None:
    first = provider.add(1, 1)
    provider.add(1, 1)
    provider.add(0, 4)
    provider.add(101, 1)
    provider.add(2, 1, is_free=False)
    output = importer(tmp_path, "--provider", provider.url, command="seats")
    assert f"Row 1, seat 1 is 2 places at the provider: {first} is taken." in output
    assert "2 places of the provider are in no row from 1 to 100: left out." in output
    assert "1 places are taken at the provider." in output
    assert [one[2:4] for one in importer.rows(SEATS)] == [(1, 1), (2, 1)]
    provider.places.insert(0, {"id": str(uuid.uuid4()), "row": 1, "seat": 1, "is_free": True})
    importer(tmp_path, "--provider", provider.url, command="seats")
    assert importer.rows(SEATS)[0][5] == first


def test_seats_that_are_there_are_tied_to_their_places(
    importer: Importer, provider: Provider, tmp_path: Path
) -> None:
    importer.rows("""
        WITH zone AS (INSERT INTO zones (event_id, position, name, price_minor)
            VALUES (1, 1, 'Золотой круг', 4000000) RETURNING id)
        INSERT INTO seats (event_id, zone_id, row_number, number, price_minor)
        SELECT 1, id, 1, n, 4000000 FROM zone, generate_series(1, 3) n RETURNING id
    """)
    ids = [provider.add(1, seat) for seat in (1, 2)]
    output = importer(tmp_path, "--provider", provider.url, command="seats")
    assert "1 seats of event 1 are not at the provider; they stay as they are." in output
    found = importer.rows("SELECT number, external_id::text FROM seats ORDER BY number")
    assert found == [(1, ids[0]), (2, ids[1]), (3, None)]


def test_a_provider_that_fails_leaves_the_seats_alone(
    importer: Importer, provider: Provider, tmp_path: Path
) -> None:
    provider.add(1, 1)
    provider.failures = 100
    output = importer(tmp_path, "--provider", provider.url, code=1, command="seats")
    assert "The event provider answers 500 for its places, page 1." in output
    assert provider.calls == 6
    output = importer(tmp_path, "--provider", "http://127.0.0.1:9", code=1, command="seats")
    assert "does not answer (NewConnectionError)" in output
    assert importer.rows(SEATS) == []
    assert "Where are the places?" in importer(tmp_path, code=2, command="seats")
