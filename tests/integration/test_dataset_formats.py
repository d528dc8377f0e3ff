"""Every format and compression of the handed-out files, with rows among them that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.dataset import (
    PASSWORD,
    Importer,
    Row,
    archived,
    event,
    user,
    write,
    write_text,
)

BAD_USERS: list[tuple[Row, str]] = [
    (user(0), "the id is not between 1 and 2^63 - 1"),
    (user(2**63), "the id is not between 1 and 2^63 - 1"),
    (user(101, user_id="x1"), "the id is not a whole number"),
    (user(1, email="other@fest.tix"), "id 1 has been in the file before"),
    (user(102, email="first_last_2@fest.tix"), "the e-mail is that of user 2 too"),
    (user(103, email=""), "the e-mail is not one"),
    (user(104, password_hash="abc"), "password_hash is not 64 hexadecimal digits"),
    (user(105, birthday="1990-02-30"), "birthday is not a date"),
    (user(106, registered_at="yesterday"), "registered_at is not a date and time"),
    (user(107, last_logged_in="2024-13-01 00:00:00"), "last_logged_in is not a date and time"),
    (user(108, is_active="perhaps"), "is_active is neither true nor false"),
    (user(109, first_name="A\0B"), "there is a NUL character in first_name"),
    (user(110, surname="\udcff"), "it is not UTF-8"),
    (user(111, surname="x" * 201), "surname has 201 characters"),
]
BAD_ARCHIVED: list[tuple[Row, str]] = [
    (event(99_999), "the id of an archived event is not between 100,000 and 2^63 - 1"),
    (event(100_001), "id 100001 has been in the file before"),
    (event(200_001, title=""), "the title is missing"),
    (event(200_002, title=" "), "the title is missing"),
    (event(200_003, title="x" * 10_001), "the title has 10001 characters"),
    (event(200_004, datetime_start="2020-02-30T10:00:00"), "datetime_start is not a date and time"),
    (event(200_005, title="A\0B"), "there is a NUL character in the title"),
]
BAD_EVENTS: list[tuple[Row, str]] = [
    (event(100_000), "the id of an event on sale is not between 1 and 99,999"),
    (event(-1), "the id of an event on sale is not between 1 and 99,999"),
]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("formats", [("csv", "json"), ("sql", "sql")])
def test_good_rows_go_in_and_bad_ones_are_named(
    importer: Importer, tmp_path: Path, formats: tuple[str, str], compression: str
) -> None:
    of_users, of_events = formats
    users, events = f"users.{of_users}{compression}", f"events.{of_events}{compression}"
    archive = f"events_archive.{of_events}{compression}"
    write(tmp_path / users, [user(n) for n in range(1, 51)] + [row for row, _ in BAD_USERS])
    write(tmp_path / events, [event(n) for n in range(1, 6)] + [row for row, _ in BAD_EVENTS])
    write(tmp_path / archive, archived(300) + [row for row, _ in BAD_ARCHIVED])
    output = importer(tmp_path)

    for name, table in ((users, BAD_USERS), (events, BAD_EVENTS), (archive, BAD_ARCHIVED)):
        found = sorted(importer.rejected(name), key=lambda one: one["row"])
        assert [one["why"] for one in found] == [why for _, why in table]
        assert f"{name}: {len(table)} rows are left out" in output
    assert importer.one("SELECT count(*) FROM users") == 50
    assert importer.one("SELECT count(*) FROM events") == 5
    assert importer.one("SELECT count(*) FROM events_archive") == 300
    assert importer.rows(
        """SELECT email, password_hash, first_name, surname, birthday::text,
                  registered_at AT TIME ZONE 'UTC' = '2020-01-02 03:04:05', is_active,
                  last_logged_in IS NULL FROM users WHERE user_id IN (4, 15) ORDER BY user_id"""
    ) == [
        (user(4)["email"], user(4)["password_hash"], "Айгуль", "O'Нил", "1990-02-03", True, True,
         True),
        (user(15)["email"], user(15)["password_hash"], "Айгуль", "O'Нил", None, True, False, False),
    ]  # fmt: skip
    wanted = event(100_007)
    assert importer.rows(
        """SELECT title, description, type, to_char(datetime_start, 'YYYY-MM-DD"T"HH24:MI:SS'),
                  provider FROM events_archive WHERE id = 100007"""
    ) == [tuple(list(wanted.values())[1:])]
    assert importer.one(
        """SELECT starts_at AT TIME ZONE 'Asia/Almaty' = '2100-01-01 19:00' FROM events
           WHERE id = 2"""
    )
    assert_no_password(importer, output)
    before = importer.versions()
    assert importer(tmp_path).count("already imported.") == 3
    assert importer.versions() == before


def assert_no_password(importer: Importer, output: str) -> None:
    marks = (PASSWORD.strip(), PASSWORD.replace('"', '""').strip(), 'pass, \\"word')
    columns = importer.rows("""
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type IN ('text', 'jsonb', 'bytea', 'ARRAY')
    """)
    assert len(columns) > 50
    dump = [
        str(importer.rows(f'SELECT "{column}"::text FROM "{table}"')) for table, column in columns
    ]
    written = [path.read_text() for path in importer.rejects.iterdir()]
    for mark in marks:
        assert all(mark not in text for text in [*dump, *written, output])


def test_no_content_of_a_broken_line_of_accounts_is_shown(
    importer: Importer, tmp_path: Path
) -> None:
    lines = write(tmp_path / "users.csv", [user(n) for n in range(1, 9)]).read_text().split("\n")
    secret = "S3cret-In-A-Shifted-Line"
    lines[2] = lines[2] + f",{secret}"
    lines[4] = f"4,{secret},four columns,"
    lines[6] = f'6,a@b.kz,"{secret},x,y,z,,,True,'
    (tmp_path / "users.csv").write_text("\n".join(lines))
    output = importer(tmp_path)
    found = [(one["line"], one["why"]) for one in importer.rejected("users.csv")]
    assert found == [
        (3, "11 columns instead of 10"),
        (5, "4 columns instead of 10"),
        (7, "the quotes of the line are broken"),
    ]
    assert importer.one("SELECT array_agg(user_id ORDER BY user_id) FROM users") == [1, 3, 5, 7, 8]
    written = (importer.rejects / "users.csv.rejects.jsonl").read_text()
    assert secret not in output + written


@pytest.mark.parametrize("file_name", ["events_archive.json", "events_archive.sql"])
def test_a_broken_row_does_not_take_the_others_along(
    importer: Importer, tmp_path: Path, file_name: str
) -> None:
    lines = write(tmp_path / file_name, archived(40)).read_text()
    if file_name.endswith("json"):
        rows = lines.strip("[]").split("}, {")
        rows[3] = rows[3].replace('"type": ', '"type": "')  # A string without an end.
        rows[9] = rows[9].replace('"id": ', '"id": "').replace(', "title"', '", "title"')
        rows[20] = rows[20].replace('"provider": ', '"provider": nothing')
        text = "[" + "}, {".join(rows) + "]"
    else:
        rows = lines.split("\n")
        text = lines.replace("№100003'", "№100003' '", 1)
        text = text.replace("(100009, ", "(100009, 'one more', ", 1)
        text = text.replace("'film', '", "'film' '", 21).replace("'film' '", "'film', '", 20)
    write_text(tmp_path / file_name, text)
    importer(tmp_path)
    assert [one["row"] for one in importer.rejected(file_name)] == [4, 10, 21]
    assert importer.one("SELECT count(*) FROM events_archive") == 37


def test_columns_may_stand_in_another_order_and_unknown_ones_are_said_once(
    importer: Importer, tmp_path: Path
) -> None:
    (tmp_path / "events.json").write_text(
        '[{"provider": "P", "city": "Алматы", "id": 7, "title": "Т", "description": "", '
        '"type": "game", "datetime_start": "2100-01-01T10:00:00"}]'
    )
    (tmp_path / "events_archive.sql").write_text(
        "-- a dump\nBEGIN;\nINSERT INTO public.events_archive "
        "(provider, city, title, id, description, type, datetime_start) VALUES "
        "('P', 'x', 'It''s', 100000, NULL, 'film', '2020-01-01 10:00:00') "
        "ON CONFLICT DO NOTHING;\nCOMMIT;\n"
    )
    output = importer(tmp_path)
    assert output.count("unknown keys are ignored") == 1
    assert output.count("unknown columns are ignored (city)") == 1
    assert importer.rows("SELECT id, title, provider FROM events") == [(7, "Т", "P")]
    assert importer.rows("SELECT id, title, description FROM events_archive") == [
        (100000, "It's", "")
    ]


def test_text_is_stored_composed(importer: Importer, tmp_path: Path) -> None:
    write(tmp_path / "events.json", [event(3, title="Вечернии\u0306 и\u0306")])
    importer(tmp_path)
    assert importer.one("SELECT title FROM events") == "Вечерний й"


def test_titles_in_a_wrong_character_set_are_reported_and_repaired_on_request(
    importer: Importer, tmp_path: Path
) -> None:
    titles = ["Концерт Рёва Ёлки", "С§ - знак", "Rock in Ñuñoa", "Сёстры Рікі"]
    # cp1252 leaves five bytes open: what shows them takes them as they are.
    garbled = [
        "Концерт".encode().decode(page, "replace").replace("\ufffd", "")
        for page in ("latin-1", "cp866")
    ] + ["Чемпионат города".encode().decode("cp1251")]
    rows = [event(n, title=title) for n, title in enumerate([*titles, *garbled], 2)]
    write(tmp_path / "events.json", rows)
    output = importer(tmp_path)
    assert "3 titles were written in a wrong character set" in output
    assert output.count("looks like 'Концерт'") == 2
    stored = importer.one("SELECT array_agg(title ORDER BY id) FROM events")
    assert stored == [*titles, *garbled]
    importer(tmp_path, "--repair")
    stored = importer.one("SELECT array_agg(title ORDER BY id) FROM events")
    assert stored == [*titles, "Концерт", "Концерт", "Чемпионат города"]
