"""The generated dataset: the same every time, in the organisers' shape, with known shares."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import get_args

import pytest
import zstandard

from app.dataset import generate, writing
from app.dataset.accounts import GENERATOR_ACCOUNTS
from app.dataset.generate import BLOCK, FREQUENCIES, PHRASES, SIZES, Size, archived, events, users
from app.dataset.records import Event, User
from app.dataset.writing import USERS_HEADER, Compression, write_files

SMALL = SIZES["small"]
NOW = datetime(2026, 3, 1, 21, 30, tzinfo=UTC)
SAMPLE = 60_000

# What all forms of the words of a phrase begin with.
STEMS = {
    "концерт": ("концерт",),
    "Дмитрий Козлов": ("дмитри", "козлов"),
    "азарт": ("азарт",),
    "Чемпионат": ("чемпионат",),
    "Красная шапочка": ("красн", "шапочк"),
    'Экспозиция "Звездные войны"': ("экспозици", "звездн", "войн"),
}


@pytest.fixture(scope="module")
def small_users() -> list[tuple[User, str]]:
    return list(users(SMALL))


@pytest.fixture(scope="module")
def sample() -> list[Event]:
    return list(archived(SIZES["full"], last=SAMPLE))


@pytest.fixture(scope="module")
def texts(sample: list[Event]) -> list[str]:
    return [f"{event.title} {event.description}".lower() for event in sample]


def test_the_same_seed_makes_the_same_rows(
    small_users: list[tuple[User, str]], sample: list[Event]
) -> None:
    assert list(users(SMALL)) == small_users
    assert list(archived(SMALL)) == sample[: SMALL.archived]
    assert list(events(SMALL, NOW)) == list(events(SMALL, NOW))


def test_another_seed_makes_other_rows(sample: list[Event]) -> None:
    assert list(archived(SMALL, seed=2, last=100)) != sample[:100]
    assert [u.email for u, _ in users(SMALL, 2, 3, 100)] != [
        u.email for u, _ in users(SMALL, 1, 3, 100)
    ]


@pytest.mark.parametrize(("first", "last"), [(0, 1), (BLOCK - 3, BLOCK + 3), (15_000, 15_000)])
def test_a_range_alone_is_the_slice_of_the_whole(
    small_users: list[tuple[User, str]], sample: list[Event], first: int, last: int
) -> None:
    assert list(archived(SIZES["full"], first=first, last=last)) == sample[first:last]
    assert list(users(SMALL, first=first, last=last)) == small_users[first:last]


def test_users_of_a_range_may_be_the_accounts_beyond_the_gap(
    small_users: list[tuple[User, str]],
) -> None:
    assert list(users(SMALL, first=9_990, last=9_995)) == small_users[9_990:9_995]
    assert list(users(SMALL, first=9_999)) == small_users[9_999:]


def test_there_are_as_many_rows_as_the_size_says(
    small_users: list[tuple[User, str]],
) -> None:
    ids = [user.user_id for user, _ in small_users]
    assert len(ids) == SMALL.users
    assert ids == sorted(set(ids))
    assert [e.id for e in events(SMALL, NOW)] == list(range(1, SMALL.events + 1))
    assert [e.id for e in archived(SMALL)] == list(range(100_000, 100_000 + SMALL.archived))
    assert [e.id for e in archived(SIZES["full"], first=5_999_998)] == [6_099_998, 6_099_999]


@pytest.mark.parametrize("count", [11, 12, 10_000, 372_920, 372_921, 999_990])
def test_the_load_generators_accounts_are_in_every_size(count: int) -> None:
    size = Size(count, 0, 0)
    rows = [*users(size, last=3), *users(size, first=max(count - 12, 3))]
    if 372_921 <= count < 1_000_000:
        rows += users(size, first=372_920, last=372_921)
    found = {user.user_id: (user, password) for user, password in rows}
    for user_id, email, password in GENERATOR_ACCOUNTS:
        user, its_password = found[user_id]
        assert (user.email, its_password, user.is_active) == (email, password, True)


def test_the_full_size_has_the_ids_from_one_to_a_million() -> None:
    full = SIZES["full"]
    emails = {user_id: email for user_id, email, _ in GENERATOR_ACCOUNTS}
    end = [user for user, _ in users(full, first=999_980)]
    assert [user.user_id for user in end] == list(range(999_981, 1_000_001))
    assert end[-1].email == emails[1_000_000]
    assert next(users(full, first=372_920))[0].email == emails[372_921]


def test_too_few_users_are_refused() -> None:
    with pytest.raises(ValueError, match="load generator"):
        next(users(Size(10, 0, 0)))


def test_users_look_like_the_organisers(small_users: list[tuple[User, str]]) -> None:
    special = {account[0] for account in GENERATOR_ACCOUNTS}
    domains = set()
    for user, password in small_users:
        assert user.password_hash == hashlib.sha256(password.encode()).hexdigest()
        assert user.last_logged_in is None or user.last_logged_in >= user.registered_at
        if user.user_id in special:
            continue
        shape = re.fullmatch(r"[a-z]+_[a-z]+_(\d+)@([a-z]+\.[a-z]+)", user.email)
        assert shape, user.email
        assert int(shape[1]) == user.user_id
        domains.add(shape[2])
        assert re.fullmatch(r"[!-~]{8,16}", password)
    assert len(domains) == 10
    count = len(small_users)
    assert 0.78 < sum(user.is_active for user, _ in small_users) / count < 0.82
    assert 0.05 < sum(user.birthday is None for user, _ in small_users) / count < 0.15
    assert any(re.search(r"[әғқңөұүһі]", user.first_name, re.IGNORECASE) for user, _ in small_users)


def test_the_first_event_is_the_star_and_starts_in_the_future() -> None:
    star = next(events(SMALL, NOW))
    assert star.title == "Концерт мировой звезды Селеста Морейра из Лусарии"
    assert (star.type, star.provider) == ("concert", "Билеттер")
    # It is already March 2 where the event is.
    assert star.datetime_start == datetime.fromisoformat("2026-04-01T20:00:00")
    before = next(events(SMALL, datetime(2025, 10, 1, tzinfo=UTC)))
    assert before.datetime_start == datetime.fromisoformat("2025-12-15T20:00:00")


def test_events_on_sale_are_in_the_next_ninety_days() -> None:
    rows = list(islice(events(SMALL, NOW), 1, None))
    here = NOW.replace(tzinfo=None)
    assert all(here < e.datetime_start < here + timedelta(days=90) for e in rows)
    assert {e.type for e in rows} == {"film", "cinema", "stage", "game"}
    assert {e.provider for e in rows} == {"TicketRu", "EventWorld", "ShowTime"}
    later = list(islice(events(SMALL, NOW + timedelta(days=7)), 1, None))
    assert [e.title for e in later] == [e.title for e in rows]


def test_the_archive_is_spread_over_ten_years(sample: list[Event]) -> None:
    days = {e.datetime_start.date() for e in sample}
    assert (min(days), max(days)) == (date(2015, 1, 1), date(2024, 12, 31))
    years = Counter(e.datetime_start.year for e in sample)
    assert all(0.09 < years[year] / SAMPLE < 0.11 for year in range(2015, 2025))
    types = {"film", "game", "cinema", "concert", "theater", "sport", "exhibition"}
    assert {e.type for e in sample} == types
    assert len({e.provider for e in sample}) == 5


def test_descriptions_are_seven_sentences(sample: list[Event]) -> None:
    some = sample[:10_000]
    assert {len(re.findall(r"[.!](?= |$)", e.description)) for e in some} == {7}
    assert 450 < sum(len(e.description) for e in some) / len(some) < 600


def test_titles_are_written_in_several_alphabets(sample: list[Event]) -> None:
    titles = [e.title for e in sample[:20_000]]
    for alphabet in ("[ңғқұү]", "ё", r"\d-й сезон", "[A-Z][a-z]+ [A-Z]", "[а-я][oea][а-я]"):
        share = sum(re.search(alphabet, title) is not None for title in titles) / len(titles)
        assert 0.0005 < share < 0.5, alphabet


@pytest.mark.parametrize("phrase", PHRASES)
def test_the_load_generators_phrases_find_their_share(texts: list[str], phrase: str) -> None:
    found = sum(all(stem in text for stem in STEMS[phrase]) for text in texts)
    expected = PHRASES[phrase] * SAMPLE
    assert found == pytest.approx(expected, rel=0.07, abs=3 * expected**0.5)


def test_the_exhibition_is_found_as_a_phrase(sample: list[Event]) -> None:
    found = [e for e in sample if 'Экспозиция "Звездные войны" куратор ' in e.title]
    assert len(found) / SAMPLE == pytest.approx(1 / 1_000, rel=0.35)
    assert {e.type for e in found} == {"exhibition"}


def test_words_of_known_frequency_are_exactly_as_frequent(texts: list[str]) -> None:
    for place, (share, word) in enumerate(FREQUENCIES.items(), 1):
        found = [row for row, text in enumerate(texts) if word.lower() in text]
        assert found == list(range(place, SAMPLE, round(1 / share)))


def test_words_are_many_and_some_are_rare(texts: list[str]) -> None:
    words = Counter(word for text in texts[:20_000] for word in text.split())
    assert len(words) > 4_000
    assert sum(count == 1 for count in words.values()) > 300


SIZE_OF_FILES = Size(1_500, 20, 1_050)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "BLOCK", 500)


def read(path: Path) -> str:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    if path.suffix == ".zst":
        with path.open("rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            return reader.read().decode()
    return path.read_text()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("compression", get_args(Compression))
def test_files_read_back_as_the_rows(tmp_path: Path, compression: Compression) -> None:
    paths = write_files(tmp_path, SIZE_OF_FILES, NOW, compression=compression, processes=1)
    assert sorted(paths) == sorted(tmp_path.iterdir()), "no part of a file stays"
    contents = {path.name.removesuffix(f".{compression}"): read(path) for path in paths}

    lines = list(csv.DictReader(contents["users.csv"].splitlines()))
    expected = list(users(SIZE_OF_FILES))
    assert tuple(lines[0]) == USERS_HEADER
    assert [(x["email"], x["password_plain"]) for x in lines] == [(u.email, p) for u, p in expected]
    assert {x["is_active"] for x in lines} == {"True", "False"}
    assert "" in {x["birthday"] for x in lines}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", lines[0]["registered_at"])

    for name, rows in (
        ("events.json", events(SIZE_OF_FILES, NOW)),
        ("events_archive.json", archived(SIZE_OF_FILES)),
    ):
        objects = json.loads(contents[name])
        assert objects == [
            {**row._asdict(), "datetime_start": row.datetime_start.isoformat()} for row in rows
        ]
        assert contents[name].count("\n") == len(objects) + 2
        assert "Концерт" in contents[name]


@pytest.mark.usefixtures("small_blocks")
def test_sql_files_insert_the_rows_in_batches(tmp_path: Path) -> None:
    write_files(tmp_path, SIZE_OF_FILES, NOW, compression="", formats=["sql"], processes=1)
    tuples = re.compile(r"^\(\d+, '", re.MULTILINE)
    for table, count in (("users", 1_500), ("events", 20), ("events_archive", 1_050)):
        text = read(tmp_path / f"{table}.sql")
        assert len(tuples.findall(text)) == count
        assert len(re.findall(rf"^INSERT INTO {table} \(", text, re.MULTILINE)) == -(-count // 500)
        assert text.replace("''", "").count("'") % 2 == 0
    assert "password_plain" not in read(tmp_path / "users.sql")


def test_several_processes_write_what_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_BLOCKS_PER_PROCESS", 1)
    size = Size(BLOCK + 5_000, 0, 0)
    one, two = (
        write_files(tmp_path / str(n), size, NOW, formats=["csv"], processes=n)[0].read_bytes()
        for n in (1, 2)
    )
    assert one == two


def test_the_sweep_of_the_load_test_knows_the_rare_words() -> None:
    from loadtest.sweep import WORDS

    assert list(WORDS.values()) == list(generate.FREQUENCIES.values())
