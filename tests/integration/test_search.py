"""What people find when they type: a small playbill, and which of it a text should show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.events import service
from tests.conftest import Caller

# Title, description, days from now on which an active event starts.
ACTIVE = (
    ("Балет «Щелкунчик»", "Сказка Гофмана, музыка Чайковского. Для всей семьи.", 40),
    ("Чайковский. Времена года", "Фортепианный вечер при свечах.", 50),
    ("Қазақ әндері: Димаш Құдайберген", "Үлкен концерт.", 20),
    ("Ёлка в цирке", "Дрессированные ежи, клоуны и Дед Мороз.", 30),
    ("Queen: трибьют", "Лучшие песни группы в исполнении оркестра.", 25),
    ("Рок-oпера «Юнона и Авось»", "Латинская буква в названии опечатка афиши.", 60),
    ("Хоккей: Барыс — Автомобилист", "Матч регулярного чемпионата, сезон 2026/27.", 10),
    ("Мастер и Маргарита", "Спектакль по роману Михаила Булгакова.", 15),
    ("Санкт-Петербургский балет на льду", "«Лебединое озеро» на коньках.", 70),
    ("Стендап Нурлан Сабуров", "Новая программа. Возрастное ограничение 18+.", 5),
    ("Оркестр народных инструментов", "Кюи и песни. Дирижёр Нұрғиса Тілендиев.", -1),
)
ARCHIVED = (
    ("Концерт Дмитрий Козлов", "Песни под гитару.", "2020-05-01 19:00"),
    ('Показ картины "Красная шапочка" с Анна Иванов в главной роли', "Сказка.", "2019-03-08 12:00"),
    ('Экспозиция "Звёздные войны" куратор Анна Ким', "Костюмы и макеты.", "2024-12-25 10:00"),
    ("Войны и звёздные карты", "Лекция об астрономии и истории.", "2018-01-01 18:00"),
    (
        "Чемпионат города при поддержке Дмитрия Козлова",
        "Азартные игры запрещены.",
        "2021-06-01 10:00",
    ),
    ("Абай жолы", "Қойылым қазақ тілінде.", "2022-10-10 19:00"),
    ("Концертмейстер года", "Конкурс молодых пианистов.", "2017-04-04 15:00"),
)

BALLET, TCHAIKOVSKY, KAZAKH, YOLKA, QUEEN, JUNO = (row[0] for row in ACTIVE[:6])
HOCKEY, MASTER, PETERSBURG, STANDUP, ORCHESTRA = (row[0] for row in ACTIVE[6:])
KOZLOV, HOOD, STAR_WARS, STAR_MAPS, CHAMPIONSHIP, ABAI, PIANIST = (row[0] for row in ARCHIVED)


@pytest.fixture(scope="module")
def playbill(database_url: str) -> Iterator[None]:
    import psycopg

    with psycopg.connect(database_url, autocommit=True) as sql:
        sql.execute(
            "INSERT INTO organizers (id, slug, name) VALUES (77, 'search', 'Поиск')"
            " ON CONFLICT DO NOTHING"
        )
        for title, about, days in ACTIVE:
            sql.execute(
                """INSERT INTO events (organizer_id, title, description, type, starts_at)
                   VALUES (77, %s, %s, 'concert', now() + %s * interval '1 day')""",
                [title, about, days],
            )
        for number, (title, about, start) in enumerate(ARCHIVED):
            sql.execute(
                """INSERT INTO events_archive
                   (id, title, description, type, datetime_start, provider)
                   VALUES (%s, %s, %s, 'concert', %s, 'SportHub')""",
                [770_000 + number, title, about, start],
            )
        service.forget_pages()
        yield
        sql.execute("DELETE FROM events WHERE organizer_id = 77")
        sql.execute("DELETE FROM organizers WHERE id = 77")
        sql.execute("DELETE FROM events_archive WHERE id BETWEEN 770000 AND 770100")
        service.forget_pages()


def titles(anybody: Caller, query: str, **more: Any) -> list[str]:
    answer = anybody.get("/api/events", query=query, **more)
    assert answer.status_code == 200
    return [item["title"] for item in answer.json]


@pytest.mark.usefixtures("playbill")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Words in any form, from titles and descriptions; all of them must be there.
        ("щелкунчика", [BALLET]),
        ("сказки", [BALLET, HOOD]),
        ("козловы", [CHAMPIONSHIP, KOZLOV]),
        ("дмитрий козлов", [CHAMPIONSHIP, KOZLOV]),
        ("КОЗЛОВ ДМИТРИЙ", [CHAMPIONSHIP, KOZLOV]),
        ("концерт козлова", [KOZLOV]),
        ("концерт щелкунчик", []),
        # A title counts more than a description, upcoming comes before begun, begun before past.
        ("Чайковский", [TCHAIKOVSKY, BALLET]),
        ("песни", [QUEEN, ORCHESTRA, KOZLOV]),
        # Quotes of any kind: these words in this order.
        ('"звездные войны"', [STAR_WARS]),
        ("«звездные войны»", [STAR_WARS]),
        ("звездные войны", [STAR_WARS, STAR_MAPS]),
        ('Экспозиция "Звездные войны"', [STAR_WARS]),
        ('"войны звездные"', []),
        ('красная "шапочка', [HOOD]),
        # Words that are not finished yet.
        ("щел", [BALLET]),
        ("мастер и марг", [MASTER]),
        ("конц", [KAZAKH, KOZLOV, PIANIST]),
        ("концерт", [KAZAKH, KOZLOV, PIANIST]),
        ("концерт для", [KAZAKH, KOZLOV]),
        ("экспози", [STAR_WARS]),
        ("экспозици", [STAR_WARS]),
        ("санкт-петер", [PETERSBURG]),
        ("красная ша", []),  # Two letters are taken for a word of their own.
        ("красная шап", [HOOD]),
        # ё and е, either way.
        ("елка", [YOLKA]),
        ("ёлку", [YOLKA]),
        ("ежи цирк", [YOLKA]),
        ("звёздные войны куратор", [STAR_WARS]),
        ("дирижер", [ORCHESTRA]),
        # Kazakh letters, as they are, as a beginning, and as people without them type.
        ("қазақ", [KAZAKH, ABAI]),
        ("қаза", [KAZAKH, ABAI]),
        ("Құдайберген", [KAZAKH]),
        ("кудайберген", [KAZAKH]),
        ("Нұрлан", [STANDUP]),
        ("тілендиев", [ORCHESTRA]),
        ("әнд", [KAZAKH]),
        # Latin letters that look like Cyrillic ones, on either side.
        ("рок-опера", [JUNO]),
        ("oпера", [JUNO]),
        ("xoккeй", [HOCKEY]),
        ("queen", [QUEEN]),
        ("que", [QUEEN]),
        # Numbers.
        ("2026/27", [HOCKEY]),
        ("сезон 2026", [HOCKEY]),
        ("18+", [STANDUP]),
        # Dashes and other signs between words mean nothing.
        ("барыс - автомобилист", [HOCKEY]),
        ("барыс -автомобилист", [HOCKEY]),
        ("юнона & авось", [JUNO]),
        ("юнона, авось!", [JUNO]),
        ("балет 🩰 на льду", [PETERSBURG]),
        ("  мастер\tи\u00a0маргарита ", [MASTER]),
    ],
)
def test_a_search_finds_what_people_mean(anybody: Caller, query: str, expected: list[str]) -> None:
    assert titles(anybody, query) == expected


@pytest.mark.usefixtures("playbill")
@pytest.mark.parametrize(
    "query", ["и", "не для", "!!!", "&|!()<->:*", "🎫", "%", "'", '"', '""', "-"]
)
def test_a_text_without_a_word_to_look_for_finds_nothing(anybody: Caller, query: str) -> None:
    assert titles(anybody, query) == []


@pytest.mark.usefixtures("playbill")
@pytest.mark.parametrize("query", ["", " ", "\t", "\u00a0"])
def test_an_empty_text_is_no_search(anybody: Caller, query: str) -> None:
    everything = anybody.get("/api/events").json
    assert everything
    assert titles(anybody, query) == [event["title"] for event in everything]


@pytest.mark.usefixtures("playbill")
def test_only_the_first_two_hundred_characters_count(anybody: Caller) -> None:
    assert titles(anybody, "щелкунчик" + " " * 191 + "гиппопотам") == [BALLET]
    assert titles(anybody, "щелкунчик" + " и" * 5_000) == [BALLET]


@pytest.mark.usefixtures("playbill")
def test_nul_is_refused(anybody: Caller) -> None:
    assert anybody.get("/api/events", query="балет\0").status_code == 400


@pytest.mark.usefixtures("playbill")
def test_a_day_narrows_a_search(anybody: Caller) -> None:
    assert titles(anybody, "анна", date="2024-12-25") == [STAR_WARS]
    assert titles(anybody, "анна", date="2024-12-24") == []


@pytest.mark.usefixtures("playbill")
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_continue_over_the_seams(anybody: Caller, size: int) -> None:
    paged = [
        title
        for page in range(1, 5)
        for title in titles(anybody, "песни", page=page, pageSize=size)
    ]
    assert paged == [QUEEN, ORCHESTRA, KOZLOV]
