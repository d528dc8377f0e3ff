"""The list of events: active ones first, then the archive, by words, by day, by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Caller, Event

WORD = "Велоночь"


@pytest.fixture
def catalogue(new_event: Callable[..., Event], sql: Any) -> Iterator[dict[str, int]]:
    """Two active and three archived events that share a word nobody else uses."""
    from app.events import service

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
