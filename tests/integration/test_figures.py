"""The figures about sales and money that a worker tells, and the probe's event, which they lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import psycopg
import pytest

from app.kernel import errors
from tests.conftest import Caller, Event, basic
from tests.integration.gateway import Simulator, free_port
from tests.integration.giving_back import give_back, paid
from tests.integration.shop import PRICE, Shop
from tests.integration.test_metrics import value
from tests.integration.test_operations import fresh_pools


@pytest.fixture
def told(app: Any) -> Callable[..., float | None]:
    """What a new look says under a name and labels."""
    del app
    from app.kernel import metrics
    from app.operations.telling import Domain

    def tell(name: str, **labels: str) -> float | None:
        return value(metrics.exposition(Domain()), name, **labels)

    return tell


Told = Callable[..., float | None]


@pytest.fixture
def large_event(new_event: Callable[..., Event], sql: psycopg.Connection[Any]) -> Event:
    """One with more seats than those that other tests have left."""
    most = sql.execute(
        "SELECT coalesce(max(n), 0) FROM (SELECT count(*) n FROM seats GROUP BY event_id) AS x"
    ).fetchone()
    assert most is not None
    return new_event(seats=most[0] + 10)


def seats_of(told: Told, event: Event) -> dict[str, float | None]:
    return {
        state: told("biletter_event_seats", event=str(event.id), zone_name="Зал", status=state)
        for state in ("free", "held", "sold")
    }


def test_seats_and_open_bookings_are_told_as_they_are_and_a_lapsed_hold_is_free(
    told: Told, large_event: Event, buyer: Caller, shop: Shop
) -> None:
    every = len(large_event.seats)
    before = told("biletter_bookings_open")
    assert before is not None
    booking = buyer.book(large_event.id)
    assert buyer.select(booking, large_event.seats[0]).status_code == 200
    assert seats_of(told, large_event) == {"free": every - 1, "held": 1, "sold": 0}
    assert told("biletter_bookings_open") == before + 1
    shop.run_out(booking)
    assert seats_of(told, large_event) == {"free": every, "held": 0, "sold": 0}
    assert told("biletter_bookings_open") == before


def test_what_is_sold_brings_revenue_until_it_is_given_back(
    told: Told, large_event: Event, gateway: Simulator, shop: Shop
) -> None:
    attempt = paid(gateway, shop, large_event)
    labels = {"event": str(large_event.id), "currency": "KZT"}
    assert told("biletter_event_revenue_minor_units", **labels) == 3 * PRICE
    assert seats_of(told, large_event)["sold"] == 3
    due, oldest = told("biletter_refunds_due"), told("biletter_refunds_due_oldest_seconds")
    assert due is not None
    assert (due == 0) == (oldest == 0)
    answer = give_back(shop.buyer, attempt.booking, large_event.seats[0])
    assert answer.status_code == 200
    assert told("biletter_event_revenue_minor_units", **labels) == 2 * PRICE
    assert told("biletter_refunds_due") == due + 1
    shop.sql.execute("UPDATE refunds SET status = 'STUCK' WHERE order_id = %s", [attempt.order])
    stuck = told("biletter_refunds_stuck")
    shop.sql.execute("UPDATE refunds SET status = 'DUE' WHERE order_id = %s", [attempt.order])
    assert stuck is not None
    assert told("biletter_refunds_stuck") == stuck - 1


def test_zones_beyond_the_largest_are_told_together(
    told: Told, large_event: Event, sql: psycopg.Connection[Any]
) -> None:
    for position, seat in enumerate(large_event.seats[:25], start=2):
        (zone,) = sql.execute(
            """INSERT INTO zones (event_id, position, name, price_minor)
               VALUES (%s, %s, %s, 100) RETURNING id""",
            [large_event.id, position, f"Ложа {position:02}"],
        ).fetchone() or (0,)
        sql.execute("UPDATE seats SET zone_id = %s WHERE id = %s", [zone, seat])
    labels = {"event": str(large_event.id), "zone_name": "other", "status": "free"}
    assert told("biletter_event_seats", **labels) == 6
    assert seats_of(told, large_event)["free"] == len(large_event.seats) - 25


def test_without_a_database_the_rest_is_told_in_time() -> None:
    from app.kernel import metrics
    from app.operations.telling import Domain

    with fresh_pools(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"):
        text = metrics.exposition(Domain())
    assert value(text, "biletter_domain_up") == 0
    assert value(text, "biletter_build_info", version="checkout") == 1
    assert value(text, "biletter_bookings_open") is None, "an old figure looks like a true one"


@contextmanager
def counted_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    from app.operations import figures

    reads: list[float] = []
    real = figures.read

    def read(events: Any) -> Any:
        reads.append(0)
        return real(events)

    monkeypatch.setattr(figures, "read", read)
    yield reads


def test_however_often_it_is_asked_it_reads_at_most_every_five_seconds(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del app
    from app.kernel import metrics
    from app.operations.telling import Domain

    domain = Domain()
    with counted_reads(monkeypatch) as reads:
        scrapes = [gevent.spawn(metrics.exposition, domain) for _ in range(5)]
        assert all(value(one.get(), "biletter_domain_up") == 1 for one in scrapes)
        metrics.exposition(domain)
    assert len(reads) == 1


def test_a_read_that_hangs_holds_no_scrape_up_and_its_figures_go(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del app
    from app.kernel import metrics
    from app.operations import figures, telling

    domain = telling.Domain()
    assert value(metrics.exposition(domain), "biletter_domain_up") == 1
    for name, seconds in (("_FRESH_SECONDS", 0.0), ("_PATIENCE", 0.1), ("_OLDEST_SECONDS", 0.2)):
        monkeypatch.setattr(telling, name, seconds)
    monkeypatch.setattr(figures, "read", lambda _events: gevent.sleep(60))
    with gevent.Timeout(5):
        assert value(metrics.exposition(domain), "biletter_domain_up") == 1
        gevent.sleep(0.3)
        assert value(metrics.exposition(domain), "biletter_domain_up") == 0
    assert domain._reading is not None
    domain._reading.kill()


# --- The probe -----------------------------------------------------------------------------------

EMAIL, OPERATOR = "probe@test.kz", "operator:test"


def test_the_probe_is_the_same_each_time_and_can_go_its_whole_way(
    app: Any, anybody: Caller, told: Told
) -> None:
    del app
    from app.operations import probe

    first = probe.prepare(EMAIL, "old", actor=OPERATOR)
    again = probe.prepare(EMAIL, "new", actor=OPERATOR)
    assert again == first
    before = told("biletter_bookings_open")
    buyer = Caller(anybody.client, basic(EMAIL, "new"))
    booking = buyer.book(first.event_id)
    seats = buyer.get("/api/seats", event_id=first.event_id, pageSize=20, status="FREE").json
    assert len(seats) == first.seats
    assert buyer.select(booking, seats[0]["id"]).status_code == 200
    assert told("biletter_bookings_open") == before, "it is nobody's business"
    assert buyer.release(seats[0]["id"]).status_code == 200
    assert buyer.cancel(booking).status_code == 200
    assert Caller(anybody.client, basic(EMAIL, "old")).get("/api/bookings").status_code == 401


def test_the_probe_takes_no_id_that_a_dataset_brings_with_it(
    app: Any, sql: psycopg.Connection[Any]
) -> None:
    del app
    from app.operations import probe

    made = probe.prepare("early@test.kz", "secret", actor=OPERATOR)
    assert made.user_id > 1_000_000
    assert made.event_id >= 10_000_000
    row = sql.execute("SELECT organizer_id FROM events WHERE id = %s", [made.event_id]).fetchone()
    assert row is not None
    assert row[0] > 1_000


def test_the_probes_event_is_in_no_list_search_or_figure(
    app: Any, anybody: Caller, told: Told, sql: psycopg.Connection[Any]
) -> None:
    del app
    from app.events import service as events
    from app.operations import probe

    made = probe.prepare(EMAIL, "new", actor=OPERATOR)
    title = sql.execute("SELECT title FROM events WHERE id = %s", [made.event_id]).fetchone()
    assert title is not None
    events.forget_pages()
    for query in ({"query": title[0]}, {"date": "2100-01-01"}, {"query": title[0], "page": 2}):
        found = [one["id"] for one in anybody.get("/api/events", **query).json]
        assert made.event_id not in found
    labels = {"event": str(made.event_id), "zone_name": title[0], "status": "free"}
    assert told("biletter_event_seats", **labels) is None


def test_a_person_does_not_become_the_probe(
    app: Any, new_user: Callable[..., Caller], sql: psycopg.Connection[Any]
) -> None:
    del app
    from app.operations import probe

    person = new_user()
    row = sql.execute("SELECT email FROM users WHERE user_id = %s", [person.user_id]).fetchone()
    assert row is not None
    with pytest.raises(errors.Conflict):
        probe.prepare(row[0], "mine now", actor=OPERATOR)
    assert person.get("/api/bookings").status_code == 200
    for email, password in (("", "x"), ("a:b@test.kz", "x"), ("nobody", "x"), (EMAIL, "")):
        with pytest.raises(errors.BadRequest):
            probe.prepare(email, password, actor=OPERATOR)
