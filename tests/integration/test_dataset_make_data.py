"""`make data`: files that are handed out or made up, into the database that is meant."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.dataset import ROOT, Importer, archived, write


def make_data(data: Path, *arguments: str, code: int = 0, **environ: str) -> str:
    clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "EVENT_PROVIDER_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "app.local.data", "--data-dir", str(data), *arguments],
        cwd=ROOT, env=clean | environ, text=True, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def test_made_up_data_goes_where_make_run_has_its_database(
    importer: Importer, tmp_path: Path
) -> None:
    (tmp_path / "database_url").write_text(importer.url + "\n")
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_data(tmp_path, "--size", "small", "--seed", "7")
    assert {path.name for path in (tmp_path / "dataset-small-7").iterdir()} == {
        "users.csv.zst",
        "events.json.zst",
        "events_archive.json.zst",
    }
    assert importer.rows(
        """SELECT (SELECT count(*) FROM users WHERE email <> 'demo@biletter.kz'),
                  (SELECT count(*) FROM events), (SELECT count(*) FROM events_archive),
                  (SELECT count(*) FROM seats WHERE event_id = 1 AND external_id IS NOT NULL)"""
    ) == [(10_000, 500, 20_000, 100_000)]
    assert importer.one("SELECT count(*) FROM users WHERE email = 'demo@biletter.kz'") == 1
    assert importer.rows(
        """SELECT z.name, count(*), min(s.price_minor) FROM seats s JOIN zones z ON z.id = s.zone_id
           WHERE s.event_id = 1 GROUP BY z.position, z.name ORDER BY z.position"""
    ) == [
        ("Золотой круг", 10_000, 4_000_000), ("Фан-зона", 15_000, 8_000_000),
        ("Нижний ярус", 20_000, 12_000_000), ("Средний ярус", 25_000, 16_000_000),
        ("Верхний ярус", 30_000, 20_000_000),
    ]  # fmt: skip
    before = importer.versions()
    output = make_data(tmp_path, "--size", "small", "--seed", "7", DATABASE_URL=importer.url)
    assert output.count("already imported.") == 3
    assert importer.versions() == before


def test_a_folder_is_imported_and_what_is_left_out_is_in_the_data_dir(
    importer: Importer, tmp_path: Path
) -> None:
    write(tmp_path / "events_archive.json", [*archived(10), archived(1)[0]])
    make_data(tmp_path / "data", "--from", str(tmp_path), DATABASE_URL=importer.url)
    assert importer.one("SELECT count(*) FROM events_archive") == 10
    assert (tmp_path / "data/rejects/events_archive.json.rejects.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "Say either where the files are"),
        (("--from", "x", "--size", "small"), "Say either where the files are"),
        (("--size", "huge"), "SIZE=huge is none of small, hackathon, full."),
        (("--size", "small", "--seed", "x"), "SEED=x is not a whole number."),
        (("--from", "/nowhere"), "/nowhere is not a folder."),
    ],
)
def test_what_is_not_meant_is_refused_in_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    assert why in make_data(tmp_path, *arguments, code=2)
    assert not (tmp_path / "postgres").exists()
