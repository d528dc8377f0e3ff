"""Files of a dataset for tests, databases to import them into, and the command that does it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).parents[2]
USER_COLUMNS = (
    *("user_id", "email", "password_hash", "password_plain", "first_name", "surname"),
    *("birthday", "registered_at", "is_active", "last_logged_in"),
)
EVENT_COLUMNS = ("id", "title", "description", "type", "datetime_start", "provider")
PASSWORD = 'pass, "word" '

Row = dict[str, Any]


def user(number: int, **columns: Any) -> Row:
    password = f"{PASSWORD}{number}"
    return {
        "user_id": number,
        "email": f"first_last_{number}@fest.tix",
        "password_hash": hashlib.sha256(password.encode()).hexdigest(),
        "password_plain": password,
        "first_name": "Айгуль",
        "surname": "O'Нил",
        "birthday": "" if number % 2 else "1990-02-03",
        "registered_at": "2020-01-02 03:04:05",
        "is_active": str(number % 5 != 0),
        "last_logged_in": "" if number % 3 else "2024-05-06 07:08:09",
    } | columns


def event(number: int, **columns: Any) -> Row:
    day = datetime.fromisoformat("2015-01-01 19:00") + timedelta(days=number * 7 % 3600)
    if number < 100_000:
        day = datetime.fromisoformat("2100-01-01 19:00")
    return {
        "id": number,
        "title": f'Показ картины "Красная шапочка" №{number}',
        "description": 'Один вечер, два акта.\nСтрока с \\ чертой, табуляцией \t и },{"id":1}.',
        "type": "film",
        "datetime_start": day.isoformat(),
        "provider": "ShowTime",
    } | columns


def archived(count: int) -> list[Row]:
    return [event(100_000 + number) for number in range(count)]


def write(path: Path, rows: list[Row], **kinds: Any) -> Path:
    """Write rows as the file's name says: users.csv, events.json.gz, events_archive.sql.zst …"""
    kind, format_ = path.name.split(".")[:2]
    text = {"csv": as_csv, "json": as_json, "sql": as_sql}[format_](rows, kind, **kinds)
    write_text(path, text)
    return path


def write_text(path: Path, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    if path.suffix == ".gz":
        content = gzip.compress(content, 1)
    elif path.suffix == ".zst":
        content = zstandard.ZstdCompressor(1).compress(content)
    path.write_bytes(content)


def as_csv(rows: list[Row], _kind: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(USER_COLUMNS)
    for row in rows:
        writer.writerow([row[name] for name in USER_COLUMNS])
    return text.getvalue()


def as_json(rows: list[Row], _kind: str, indent: int | None = None) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=indent)


def as_sql(rows: list[Row], kind: str) -> str:
    columns = USER_COLUMNS if kind == "users" else EVENT_COLUMNS
    parts = []
    for first in range(0, len(rows), 1_000):
        tuples = [
            "(" + ", ".join(literal(row[name]) for name in columns) + ")"
            for row in rows[first : first + 1_000]
        ]
        head = f"INSERT INTO {kind} ({', '.join(columns)}) VALUES\n"
        parts.append(head + ",\n".join(tuples) + ";\n")
    return "".join(parts)


def literal(value: Any) -> str:
    if value is None or value == "":
        return "NULL"
    if value in ("True", "False"):
        return str(value).upper()
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


@contextmanager
def template(database_url: str, name: str) -> Iterator[str]:
    """The name of a migrated database that others can be copied from."""
    from app.migrations import runner

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            runner.upgrade(make_conninfo(database_url, dbname=name))
            yield name
        finally:
            connection.execute(f"DROP DATABASE {name}")


@contextmanager
def copied(database_url: str, template_name: str) -> Iterator[str]:
    """The address of a database that is a copy of the template."""
    name = f"{template_name}_copy"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_name}")
        try:
            yield make_conninfo(database_url, dbname=name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Importer:
    """`python -m app.dataset import` into one database."""

    def __init__(self, url: str, rejects: Path) -> None:
        self.url, self.rejects = url, rejects

    def start(self, folder: Path, *options: str, command: str = "import") -> subprocess.Popen[str]:
        arguments = [command, *([str(folder)] if command == "import" else []), *options]
        if command == "import":
            arguments += ["--rejects", str(self.rejects)]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("EVENT_")}
        return subprocess.Popen(
            [sys.executable, "-m", "app.dataset", *arguments, "--database", self.url],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Whoever runs the tests in the background may have had SIGINT ignored for all of them.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def __call__(self, folder: Path, *options: str, code: int = 0, command: str = "import") -> str:
        """Run the command to its end, and return what it said."""
        process = self.start(folder, *options, command=command)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == code, output
        assert "Traceback" not in output
        return output

    @contextmanager
    def held_after_a_chunk(self) -> Iterator[None]:
        """Let the first chunks in, one a connection, and hold whatever comes after them."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("""
                CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF EXISTS (SELECT FROM import_chunks) THEN
                        PERFORM pg_advisory_xact_lock(99);
                    END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER hold BEFORE INSERT ON import_chunks
                    FOR EACH ROW EXECUTE FUNCTION hold();
                SELECT pg_advisory_lock(99);
            """)
            yield
            connection.execute("SELECT pg_advisory_unlock(99)")
            connection.execute("DROP FUNCTION hold CASCADE")

    def one(self, statement: str, *values: Any) -> Any:
        rows = self.rows(statement, *values)
        return rows[0][0]

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement, values or None).fetchall()

    def versions(self) -> str:
        """Changes with every version of a row that is made anew."""
        return self.one("""
            SELECT string_agg(v, ' ') FROM (
                SELECT 'u' || user_id || ':' || xmin::text v FROM users
                UNION ALL SELECT 'e' || id || ':' || xmin::text FROM events
                UNION ALL SELECT 'a' || id || ':' || tableoid || ctid::text FROM events_archive
                UNION ALL SELECT 's' || id || ':' || xmin::text FROM seats
                UNION ALL SELECT 'z' || id || ':' || xmin::text FROM zones ORDER BY 1) all_rows
        """)

    def rejected(self, file_name: str) -> list[Row]:
        path = self.rejects / f"{file_name}.rejects.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="session")
def migrated(database_url: str) -> Iterator[str]:
    """The name of a migrated database that nobody writes to."""
    with template(database_url, "dataset") as name:
        yield name


@pytest.fixture
def importer(database_url: str, migrated: str, tmp_path: Path) -> Iterator[Importer]:
    """The import into a database of the test's own."""
    with copied(database_url, migrated) as url:
        yield Importer(url, tmp_path / "rejects")
