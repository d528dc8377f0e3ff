"""The list of events: active ones first, then the archive, by words, by day, by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import gevent
import pytest

from app.events import archive, queries, service
from app.events.rules import understand
from app.kernel import db, errors
from tests.conftest import Caller, Event

WORD = "Велоночь"


@pytest.fixture
def catalogue(new_event: Callable[..., Event], sql: Any) -> Iterator[dict[str, int]]:
    """Two active and three archived events that share a word nobody else uses."""
    late, early, draft = new_event(), new_event(), new_event(status="DRAFT")
    for number, (event, days) in enumerate(((late, 20), (early, 10), (draft, 5))):
        sql.execute(
            "UPDATE events SET title = %s, starts_at = date_trunc('day', now()) + %s WHERE id = %s",
            [f"{WORD} на площади {number}", f"{days} days 12 hours", event.id],
        )
    sql.execute("DELETE FROM events_archive WHERE id < 100100")
    archived = [
        (100000, f"{WORD} в парке", "ёлка и самокат", "2015-05-01 19:00"),
        (100001, f"{WORD} у реки", "самокат", "2024-12-25 19:00"),
        (100002, f'Экспозиция "{WORD} и звёзды"', "картины", "2020-01-01 10:00"),
    ]
    for row in archived:
        sql.execute(
            """INSERT INTO events_archive (id, title, description, type, datetime_start, provider)
               VALUES (%s, %s, %s, 'sport', %s, 'SportHub')""",
            row,
        )
    service.forget_pages()
    yield {"late": late.id, "early": early.id}
    sql.execute("DELETE FROM events_archive WHERE id < 100100")
    sql.execute("UPDATE events SET title = 'Проверка' WHERE title LIKE %s", [f"{WORD}%"])
    service.forget_pages()


def found(anybody: Caller, **query: Any) -> list[int]:
    answer = anybody.get("/api/events", **query)
    assert answer.status_code == 200
    return [item["id"] for item in answer.json]


def test_active_events_by_start_then_the_archive_newest_first(
    anybody: Caller, catalogue: dict[str, int]
) -> None:
    everything = [catalogue["early"], catalogue["late"], 100001, 100002, 100000]
    assert found(anybody, query=WORD) == everything
    for size in (1, 2, 3, 4):
        paged = [
            item
            for page in range(1, 7)
            for item in found(anybody, query=WORD, page=page, pageSize=size)
        ]
        assert paged == everything, f"pages of {size} over the seam"


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (f"{WORD} самокаты", [100001, 100000]),
        ("велоночью елкой", [100000]),
        (f'"{WORD} и звезды"', [100002]),
        (f"{WORD} гиппопотам", []),
        (f"{WORD} 'самокат & | ! ( :* <->", [100001, 100000]),
    ],
)
def test_words_in_any_form_phrases_and_stray_operators(
    anybody: Caller, query: str, wanted: list[int]
) -> None:
    assert found(anybody, query=query) == wanted


def test_a_day_of_an_archived_and_of_an_active_event(
    anybody: Caller, catalogue: dict[str, int], sql: Any
) -> None:
    assert found(anybody, query=WORD, date="2024-12-25") == [100001]
    day = sql.execute(
        "SELECT (starts_at AT TIME ZONE 'UTC')::date FROM events WHERE id = %s",
        [catalogue["early"]],
    ).fetchone()[0]
    assert found(anybody, query=WORD, date=day.isoformat()) == [catalogue["early"]]
    assert found(anybody, query=WORD, date="1999-01-01") == []


def test_the_day_of_an_event_is_the_one_at_its_venue(
    anybody: Caller, catalogue: dict[str, int], sql: Any
) -> None:
    sql.execute(
        """UPDATE events SET starts_at = '2031-03-01 00:30+05', time_zone = 'Asia/Almaty'
           WHERE id = %s""",
        [catalogue["late"]],
    )
    assert found(anybody, query=WORD, date="2031-03-01") == [catalogue["late"]]
    assert found(anybody, query=WORD, date="2031-02-28") == []


@pytest.mark.usefixtures("catalogue")
def test_a_changed_title_shows_within_the_stated_seconds(anybody: Caller, sql: Any) -> None:
    import time

    assert 100002 in found(anybody, query="картины")
    sql.execute("UPDATE events_archive SET description = 'гравюры' WHERE id = 100002")
    deadline = time.monotonic() + 10
    while 100002 in found(anybody, query="картины"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_list_may_be_kept_by_any_cache_and_has_nothing_of_a_person_in_it(
    anybody: Caller, buyer: Caller
) -> None:
    answer = anybody.get("/api/events", page=1)
    assert answer.headers["Cache-Control"] == "public, max-age=2"
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    of_a_buyer = buyer.get("/api/events", page=1)
    assert (of_a_buyer.data, of_a_buyer.headers["ETag"]) == (answer.data, answer.headers["ETag"])


@pytest.mark.usefixtures("catalogue")
def test_who_has_a_list_already_gets_304_until_it_changes(anybody: Caller, sql: Any) -> None:
    answer = anybody.get("/api/events", query=WORD)
    etag = answer.headers["ETag"]

    def ask(known: str) -> Any:
        headers = {"If-None-Match": known}
        return anybody("GET", "/api/events", query_string={"query": WORD}, headers=headers)

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = ask(known)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == answer.headers["Cache-Control"]
        assert "Content-Length" not in again.headers
    sql.execute("UPDATE events_archive SET title = title || '!' WHERE id = 100002")
    service.forget_pages()
    assert ask(etag).status_code == 200


def test_a_thousand_who_miss_at_once_make_one_query(
    anybody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    find = queries.find_active

    def slow(*given: Any, **more: Any) -> Any:
        asked.append(given)
        gevent.sleep(0.05)
        return find(*given, **more)

    monkeypatch.setattr(queries, "find_active", slow)
    service.forget_pages()
    callers = [gevent.spawn(found, anybody, query=WORD) for _ in range(1000)]
    gevent.joinall(callers, raise_error=True)
    assert len(asked) == 1


@pytest.mark.usefixtures("catalogue")
def test_a_page_far_beyond_the_end_is_empty_at_once(anybody: Caller) -> None:
    for query in ({}, {"query": WORD}, {"date": "2024-12-25"}):
        assert found(anybody, page=2**31 - 1, **query) == []


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("newest", ["2031-01-01", "2021-01-01", "2015-01-01"])
def test_an_extent_that_is_out_of_date_changes_no_page(newest: str) -> None:
    query = queries.tsquery(understand(WORD))
    assert query is not None
    oldest, latest = datetime.fromisoformat("2014-01-01"), datetime.fromisoformat(newest)
    stale = archive.Extent(oldest, latest, 10)
    everything = [100001, 100002, 100000]
    for offset in range(4):
        page = archive.search(query, stale, limit=2, offset=offset)
        assert [event.id for event in page] == everything[offset : offset + 2]


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_of_the_calendar_are_days(anybody: Caller, day: str) -> None:
    assert found(anybody, date=day) == []
    assert found(anybody, date=day, query=WORD) == []


@pytest.mark.usefixtures("catalogue")
def test_a_search_that_takes_too_long_is_told_so(
    anybody: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: Any, **__: Any) -> Any:
        return db.read_only("SELECT pg_sleep(30)")

    monkeypatch.setattr(archive, "search", endless)
    service.forget_pages()
    answer = anybody.get("/api/events", query=WORD)
    assert (answer.status_code, answer.json["code"]) == (503, "busy")
    assert "уточните запрос" in answer.json["detail"]
    assert answer.headers["Retry-After"] == "1"


def test_the_reading_session_cannot_write() -> None:
    with pytest.raises(errors.Unavailable):
        db.read_only("DELETE FROM events_archive WHERE id = 1")
