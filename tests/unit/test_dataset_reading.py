"""Files of the dataset as text: cut anywhere, broken anywhere, and refused when they are others."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dataset import batches, csv_lines, importing, json_array, mojibake, sql_values
from app.dataset.batches import Bad, Row
from app.dataset.checks import IdSet
from app.dataset.errors import Broken, Refused
from app.dataset.files import SourceFile, Stream
from tests.integration.dataset import EVENT_COLUMNS, as_csv, as_json, as_sql, event, user

READERS: dict[str, Any] = {
    "json": json_array.JsonArray,
    "sql": lambda content: sql_values.SqlValues(content, "events_archive"),
    "csv": csv_lines.CsvLines,
}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (batches, json_array, sql_values, csv_lines):
        monkeypatch.setattr(module, "BLOCK", 100)
        monkeypatch.setattr(module, "LONGEST_ROW", 2_000)


def read(format_: str, text: str | bytes) -> tuple[list[Row], list[int], list[Bad]]:
    rows, lines, bad = [], [], []
    content = text.encode() if isinstance(text, str) else text
    for batch in READERS[format_](io.BytesIO(content)).read():
        rows += batch.rows
        lines += batch.lines()
        bad += batch.bad
        assert len(batch.rows) == len(batch.numbers) == len(batch.lines())
    return rows, lines, bad


def values(row: dict[str, Any]) -> Row:
    return tuple(row[name] for name in EVENT_COLUMNS)


NASTY = ['},{"id": 1', "], [", "a\\", '"', "'", "''", "),(1, 'x')", "\n", ");\n", "--", "é{}", ","]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(NASTY)).map("".join), min_size=1, max_size=8), st.data())
def test_what_was_written_is_read_wherever_blocks_end(titles: list[str], data: Any) -> None:
    rows = [event(100_000 + n, title=title) for n, title in enumerate(titles)]
    size = data.draw(st.integers(1, 400))
    originals = [(m, m.BLOCK) for m in (json_array, sql_values, csv_lines)]
    try:
        for module, _ in originals:
            module.BLOCK = size
        wanted = [values(row) for row in rows]
        for text in (as_json(rows, ""), json.dumps(rows), as_json(rows, "", indent=2)):
            assert read("json", text)[0::2] == (wanted, [])
        found, _, bad = read("sql", as_sql(rows, "events_archive"))
        assert bad == []
        assert [(int(row[0]), row[1] or "", *row[2:]) for row in found] == wanted
        # More line breaks than this in an account are a quote without an end.
        names = [title if title.count("\n") < 5 else "" for title in titles]
        users = [user(n, surname=name) for n, name in enumerate(names, 1)]
        accounts, _, bad = read("csv", as_csv(users, ""))
        assert bad == []
        assert [row[4] for row in accounts] == names
    finally:
        for module, original in originals:
            module.BLOCK = original


@pytest.mark.usefixtures("small_blocks")
def test_rows_know_their_lines() -> None:
    rows = [event(100_000 + n, description="x") for n in range(30)]
    assert read("json", as_json(rows, "", indent=1))[1] == [2 + 8 * n for n in range(30)]
    assert read("json", as_json(rows, ""))[1] == [1] * 30
    assert read("sql", as_sql(rows, "events_archive"))[1] == [2 + n for n in range(30)]
    users = [user(n, password_plain="x", surname="a\nb" if n == 3 else "a") for n in range(30)]
    assert read("csv", as_csv(users, ""))[1] == [2 + n + (n > 3) for n in range(30)]


BROKEN_JSON = [
    ('"type": "film"', '"type": film'),
    ('"type": "film"', '"type": "film'),
    ('"type": "film"', '"type" "film"'),
    ('"type": "film"', '"type": ["film"]'),
    ('"type": "film"', '"type": null'),
    ('"provider": "ShowTime"}', '"provider": "ShowTime"'),
    ('"type": "film", ', ""),
]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("whole", "broken"), BROKEN_JSON)
def test_a_broken_object_costs_itself_alone(whole: str, broken: str) -> None:
    for count in (10, 200):
        parts = [
            json.dumps(event(100_000 + n, description=""), ensure_ascii=False) for n in range(count)
        ]
        parts[4] = parts[4].replace(whole, broken)
        rows, _, bad = read("json", "[" + ", ".join(parts) + "]")
        assert [row[0] - 100_000 for row in rows] == [n for n in range(count) if n != 4]
        assert [one.row for one in bad] == [5]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        ("'film', ", ""),
        ("'film', ", "'film' "),
        ("'film'", "'film"),
        ("'film'", "fi'lm'"),
        ("'ShowTime')", "'ShowTime'"),
    ],
)
def test_a_broken_tuple_costs_itself_alone(whole: str, broken: str) -> None:
    for count in (10, 200):
        rows = [event(100_000 + n, description="x") for n in range(count)]
        lines = as_sql(rows, "events_archive").split("\n")
        lines[5] = lines[5].replace(whole, broken)
        found, _, bad = read("sql", "\n".join(lines))
        assert [int(row[0]) - 100_000 for row in found] == [n for n in range(count) if n != 4]
        assert [(one.row, one.line) for one in bad] == [(5, 6)]


@pytest.mark.parametrize("format_", ["json", "sql"])
def test_an_end_in_the_middle_is_noticed_wherever_it_is(format_: str) -> None:
    rows = [event(100_000 + n) for n in range(3)]
    text = as_json(rows, "") if format_ == "json" else as_sql(rows, "events_archive").rstrip()
    for end in range(60, len(text)):
        with pytest.raises(Broken):
            read(format_, text[:end])


def test_an_array_that_goes_on_after_its_end_is_broken() -> None:
    with pytest.raises(Broken, match="after the end"):
        read("json", as_json([event(100_000)], "") + "[]")


@pytest.mark.parametrize("compression", [".gz", ".zst"])
def test_compressed_files_may_have_several_parts_and_must_be_whole(
    tmp_path: Path, compression: str
) -> None:
    parts = [b"a" * 500_000, bytes(range(256)) * 1_000]
    compress = gzip.compress if compression == ".gz" else zstandard.ZstdCompressor().compress
    content = b"".join(compress(part) for part in parts)
    path = tmp_path / f"users.csv{compression}"
    file = SourceFile("users", "csv", compression, path)

    def everything() -> bytes:
        stream = Stream(file)
        try:
            return b"".join(iter(lambda: stream.read(10_000), b""))
        finally:
            stream.close()

    path.write_bytes(content)
    assert everything() == b"".join(parts)
    for cut in (1, 100, len(compress(parts[1])) - 5):
        path.write_bytes(content[:-cut])
        with pytest.raises(Broken, match="middle"):
            everything()


REFUSED: list[tuple[dict[str, bytes], str]] = [
    ({}, "no file of a dataset"),
    ({"users.txt": b"x"}, "no file of a dataset"),
    ({"users.csv": b""}, "users.csv is empty"),
    ({"users.csv": b"id,name\n1,a\n"}, "header lacks user_id, email"),
    ({"users.csv": as_csv([], "").encode()}, "users.csv has no rows"),
    ({"users.csv": b"\0\1\2"}, "header lacks"),
    ({"users.csv.gz": b"user_id,email"}, "users.csv.gz is not a .gz file"),
    ({"users.csv": gzip.compress(b"user_id")}, "should end in .gz"),
    ({"users.csv.zst": gzip.compress(b"user_id")}, "should end in .gz"),
    ({"users.csv.zst": b"\x28\xb5\x2f\xfdabc"}, "users.csv.zst (is damaged|ends)"),
    ({"users.csv.gz": gzip.compress(b"")}, "has no header"),
    ({"events.json": b""}, "events.json is empty"),
    ({"events.json": b"[]"}, "events.json has no rows"),
    ({"events.json": b'{"id": 1}'}, "no JSON array"),
    ({"events.json": b"hello"}, "no JSON array"),
    ({"events.json": b'[{"id": 1, "name": "x"}]'}, "missing required field `title`"),
    ({"events.json": b"[1, 2]"}, "broken object"),
    ({"events.sql": as_sql([event(100_000)], "events_archive").encode()}, "into events_archive"),
    ({"events.sql": b"INSERT INTO events (id, title) VALUES (1, 'a');"}, "without description"),
    ({"events.sql": b"DELETE FROM events;"}, "no INSERT INTO"),
    ({"users.csv": b"x", "users.sql": b"x"}, "has users.csv and users.sql"),
    ({"users.csv": b"x", "users.csv.gz": b"x"}, "has users.csv and users.csv.gz"),
]


@pytest.mark.parametrize(("contents", "why"), REFUSED)
def test_what_is_not_the_dataset_is_refused(
    tmp_path: Path, contents: dict[str, bytes], why: str
) -> None:
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused, match=why) as refusal:
        importing.inspect(tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a folder"):
        importing.inspect(tmp_path / "nowhere")


def test_ids_are_met_once() -> None:
    ids = IdSet()
    assert all(ids.add(number) for number in (1, 2**63 - 1, 8, 7, 65_536, 100_000))
    assert not any(ids.add(number) for number in (1, 2**63 - 1, 8, 7, 65_536, 100_000))
    with pytest.raises(Broken, match="scattered"):
        any(not ids.add(number << 40) for number in range(1, 20_000))


@pytest.mark.parametrize("page", ["cp1251", "latin-1", "cp866"])
def test_garbled_titles_are_recognised(page: str) -> None:
    for title in ('Концерт "Ночь"', "Қазақ әні", "Ёлка 2024 в ДК"):
        garbled = title.encode().decode(page, "ignore")
        if garbled.encode(page) == title.encode():
            assert mojibake.corrected(garbled) == title


@pytest.mark.parametrize(
    "title", ["Концерт", "С Новым годом", "Сёстры", "Рё", "СССР", "Ñuñoa", "Qazaqstan", "Р°", "╤"]
)
def test_titles_that_are_right_are_left_alone(title: str) -> None:
    assert mojibake.corrected(title) is None


READ_IT_ALL = """
import re, sys
from pathlib import Path
from app.dataset import checks, files, reading
for file in files.find(Path(sys.argv[1])):
    check = checks.Checks(file.kind).check
    for batch in reading.reader(file, files.Stream(file)).read():
        check(batch)
# Not ru_maxrss, which keeps what the parent had when it forked.
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_reading_a_long_file_takes_little_memory(tmp_path: Path) -> None:
    compressor = zstandard.ZstdCompressor(1)
    with compressor.stream_writer((tmp_path / "events_archive.json.zst").open("wb")) as file:
        file.write(b"[")
        text = json.dumps(event(100_000, description="Вечер. " * 140), ensure_ascii=False)
        for number in range(100_000, 220_000):
            separator = "" if number == 100_000 else ", "
            file.write((separator + text.replace("100000", str(number), 1)).encode())
        file.write(b"]")
    done = subprocess.run(
        [sys.executable, "-c", READ_IT_ALL, str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert int(done.stdout) < 150
