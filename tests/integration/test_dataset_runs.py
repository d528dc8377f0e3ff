"""Imports that are broken off, repeated, corrected, cut short or refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.dataset import (
    Importer,
    archived,
    event,
    user,
    write,
)

LONG = "Зрителей ждёт незабываемый вечер в одном из лучших залов города. " * 3


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_archive_has(importer: Importer, count: int) -> None:
    assert importer.rows("SELECT count(*), count(DISTINCT id) FROM events_archive") == [
        (count, count)
    ]


def assert_search_uses_the_index(importer: Importer) -> None:
    assert importer.rows("""
        SELECT count(*), bool_and(x.indisvalid), bool_and('fastupdate=off' = ANY(c.reloptions))
        FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
        WHERE c.relname LIKE 'events_archive%search%'
    """) == [(importer.one("SELECT count(*) + 1 FROM pg_inherits WHERE inhparent"
                           " = 'events_archive'::regclass"), True, True)]  # fmt: skip
    with psycopg.connect(importer.url) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = str(
            connection.execute(
                "EXPLAIN SELECT id FROM events_archive WHERE search @@ to_tsquery('russian', 'т')"
            ).fetchall()
        )
    assert "2015q1_search_idx" in plan


@pytest.mark.parametrize("file_name", ["events_archive.json.zst", "events_archive.sql"])
def test_an_import_that_was_killed_goes_on(
    importer: Importer, tmp_path: Path, file_name: str
) -> None:
    rows = [row | {"description": LONG} for row in archived(22_000)]
    write(tmp_path / file_name, [*rows, event(7)])
    with importer.held_after_a_chunk():
        process = importer.start(tmp_path)
        wait_for(lambda: importer.one("SELECT count(*) FROM import_chunks") >= 1, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert 0 < importer.one("SELECT count(*) FROM events_archive") < 22_000
        assert importer.one("SELECT finished_at FROM imports") is None
    output = importer(tmp_path)
    assert "going on after" in output
    assert_archive_has(importer, 22_000)
    assert_search_uses_the_index(importer)
    assert len(importer.rejected(file_name)) == 1
    assert importer.rows("SELECT accepted, rejected FROM imports") == [(22_000, 1)]
    before = importer.versions()
    assert "already imported" in importer(tmp_path)
    assert importer.versions() == before


def test_an_interrupted_import_goes_on_and_a_second_one_at_once_is_refused(
    importer: Importer, tmp_path: Path
) -> None:
    write(tmp_path / "events_archive.json", [r | {"description": LONG} for r in archived(22_000)])
    with importer.held_after_a_chunk():
        process = importer.start(tmp_path)
        wait_for(lambda: importer.one("SELECT count(*) FROM import_chunks") >= 1, process)
        assert "Another import into this database is running." in importer(tmp_path, code=2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Broken off. The same command goes on" in output
    assert "Traceback" not in output
    importer(tmp_path)
    assert_archive_has(importer, 22_000)


def test_a_lost_connection_ends_the_import_with_a_sentence(
    importer: Importer, tmp_path: Path
) -> None:
    write(tmp_path / "events_archive.json", [r | {"description": LONG} for r in archived(22_000)])
    with importer.held_after_a_chunk():
        process = importer.start(tmp_path)
        wait_for(lambda: importer.one("SELECT count(*) FROM import_chunks") >= 1, process)
        importer.rows(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'biletter-import'"""
        )
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "The database failed" in output
    assert "Traceback" not in output
    importer(tmp_path)
    assert_archive_has(importer, 22_000)


@pytest.mark.parametrize(
    "file_name",
    ["events_archive.json", "events_archive.sql.gz", "events_archive.json.zst"],
)
def test_of_a_file_that_is_cut_short_the_complete_rows_go_in(
    importer: Importer, tmp_path: Path, file_name: str
) -> None:
    path = write(tmp_path / file_name, archived(4_000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 - 99])
    output = importer(tmp_path, code=1)
    assert "is not imported to its end" in output
    assert "middle" in output
    assert 500 < importer.one("SELECT count(*) FROM events_archive") < 4_000
    assert importer.one("SELECT finished_at FROM imports") is None
    write(tmp_path / file_name, archived(4_000))
    importer(tmp_path)
    assert_archive_has(importer, 4_000)


def test_a_corrected_file_changes_what_differs(importer: Importer, tmp_path: Path) -> None:
    users = [user(n) for n in range(1, 101)]
    archive = archived(1_000)
    for name, rows in (("users.csv", users), ("events_archive.json", archive)):
        write(tmp_path / name, rows)
    write(tmp_path / "events.json", [event(n) for n in range(1, 4)])
    importer(tmp_path)
    before = dict(importer.rows("SELECT id, xmin::text FROM events_archive"))

    users[3]["email"], users[4]["email"] = users[4]["email"], users[3]["email"]
    users[5]["email"] = "taken_only_once@fest.tix"
    users[6]["email"] = user(6)["email"]
    archive[10]["datetime_start"] = "2024-12-31T23:59:59"  # Belongs to another slice now.
    archive[11]["title"] = "Исправлено"
    write(tmp_path / "users.csv", [*users, user(101, email=user(50)["email"])])
    write(tmp_path / "events_archive.json", [*reversed(archive), event(300_000)])
    write(tmp_path / "events.json", [event(1), event(2, title="Исправлено"), event(3)])
    output = importer(tmp_path)
    assert "row 101 is left out: the e-mail is that of user 50 too" in output
    assert_archive_has(importer, 1_001)
    after = dict(importer.rows("SELECT id, xmin::text FROM events_archive"))
    changed = {key for key, version in after.items() if before.get(key) != version}
    assert changed == {100_010, 100_011, 300_000}
    assert importer.rows("SELECT count(*), max(version) FROM events") == [(3, 2)]
    assert importer.rows(
        "SELECT user_id, email FROM users WHERE user_id BETWEEN 4 AND 7 ORDER BY user_id"
    ) == [
        (4, user(5)["email"]), (5, user(4)["email"]), (6, "taken_only_once@fest.tix"),
        (7, user(6)["email"]),
    ]  # fmt: skip
    assert_search_uses_the_index(importer)

    # Back to the first file: that it has once been imported does not count any more.
    write(tmp_path / "events_archive.json", archived(1_000))
    assert "events_archive.json is already imported." not in importer(tmp_path)
    assert (
        importer.one("SELECT title FROM events_archive WHERE id = 100011") == event(100011)["title"]
    )


def test_what_make_run_has_filled_is_imported_over(importer: Importer, tmp_path: Path) -> None:
    with psycopg.connect(importer.url) as connection:
        connection.execute(
            """INSERT INTO users (user_id, email, password_hash) VALUES (5, 'user_5@a.kz', 'x');
               INSERT INTO organizers (id, slug, name) VALUES (1, 'biletter', 'Билеттер');
               INSERT INTO events (id, organizer_id, title, type, starts_at)
                   VALUES (2, 1, 'Старое', 'concert', now());
               INSERT INTO events_archive (id, title, type, datetime_start, provider)
                   VALUES (100003, 'Старое', 'film', '2016-01-01', 'P')"""
        )
    write(tmp_path / "users.csv", [user(n) for n in range(1, 11)])
    write(tmp_path / "events.json", [event(2)])
    write(tmp_path / "events_archive.json", archived(100))
    importer(tmp_path)
    assert_archive_has(importer, 100)
    assert importer.one("SELECT title FROM events") == event(2)["title"]
    assert importer.one("SELECT email FROM users WHERE user_id = 5") == user(5)["email"]
    assert importer.one("SELECT nextval(pg_get_serial_sequence('users', 'user_id'))") > 1_000_000


def test_event_1_is_moved_out_of_the_past_once_and_the_others_get_halls(
    importer: Importer, tmp_path: Path
) -> None:
    rows = [event(1, datetime_start="2025-12-15T20:00:00"), event(2), event(3)]
    write(tmp_path / "events.json", rows)
    assert "Event 1 now starts at" in importer(tmp_path, "--seats-per-event", "40")
    start = importer.one("SELECT starts_at FROM events WHERE id = 1")
    assert importer.one(
        """SELECT (starts_at AT TIME ZONE 'Asia/Almaty')::time = '20:00'
           AND starts_at - now() BETWEEN '28 days' AND '32 days' FROM events WHERE id = 1"""
    )
    assert importer.rows(
        """SELECT s.event_id, count(*), max(row_number), max(number), min(s.price_minor), z.name
           FROM seats s JOIN zones z ON z.id = s.zone_id GROUP BY 1, z.name ORDER BY 1"""
    ) == [(2, 40, 2, 20, 500_000, "Зал"), (3, 40, 2, 20, 500_000, "Зал")]
    before = importer.versions()
    assert "Event 1" not in importer(tmp_path)
    assert importer.versions() == before
    # The corrected file still has the old start.
    write(tmp_path / "events.json", [*rows, event(4)])
    assert "Event 1" not in importer(tmp_path)
    assert importer.one("SELECT starts_at FROM events WHERE id = 1") == start
    assert importer.one("SELECT count(*) FROM seats WHERE event_id = 4") == 100
    output = importer(tmp_path, "--event1-start", "2099-05-01T19:30")
    assert "Event 1 now starts at 2099-05-01 19:30 in Almaty." in output


def test_a_refused_folder_changes_nothing(importer: Importer, tmp_path: Path) -> None:
    write(tmp_path / "users.csv", [user(1)])
    (tmp_path / "events_archive.json").write_text('{"id": 1}')
    before = importer.versions()
    assert "Refused: events_archive.json" in importer(tmp_path, code=2)
    shutil.copy(tmp_path / "users.csv", tmp_path / "events_archive.json")
    importer(tmp_path, code=2)
    assert importer.versions() == before
    assert importer.one("SELECT count(*) FROM imports") == 0


def test_a_file_of_which_nothing_can_be_used_fails(importer: Importer, tmp_path: Path) -> None:
    write(tmp_path / "events.json", [event(100_001), event(100_002)])
    assert "no row of it can be used" in importer(tmp_path, code=1)
