"""The import of a folder: users, events, archive, then seats, indexes and statistics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from app.dataset import files, halls, indexes, seats, sessions
from app.dataset.checks import Checked, Checks
from app.dataset.errors import Broken
from app.dataset.files import SourceFile, Stream
from app.dataset.loading import Chunk, Loader
from app.dataset.progress import Progress, progress
from app.dataset.reading import reader, require_readable
from app.dataset.record import Record
from app.dataset.report import Rejects, Step, Steps, say
from app.dataset.sessions import Connection
from app.dataset.tables import TABLES

_CHUNK_ROWS = 10_000
_CHUNK_BYTES = 12 << 20
_NOTHING_ACCEPTED, _BROKEN = "no row of it can be used", 1


class Options(NamedTuple):
    """What an import is to do."""

    folder: Path
    database_url: str
    rejects: Path
    provider_url: str = ""
    repair: bool = False
    seats_per_event: int = 100
    event1_start: datetime | None = None


def inspect(folder: Path) -> list[SourceFile]:
    """The files of a folder, each of which begins as its name says. Raises Refused."""
    found = files.find(folder)
    for file in found:
        require_readable(file)
    return found


def run(options: Options) -> int:
    """Import the files of a folder; 0 is all in, 1 a part of it. Raises Refused, psycopg.Error."""
    found = inspect(options.folder)
    with sessions.only_import(options.database_url) as connection:
        return _Import(options, connection).run(found)


class _Import:
    def __init__(self, options: Options, connection: Connection) -> None:
        self._options = options
        self._connection = connection
        self._steps = Steps()
        self._changed: set[str] = set()
        self._failed = False

    def run(self, found: list[SourceFile]) -> int:
        for file in found:
            with self._steps.step(file.path.name) as step:
                self._import_file(file, step)
        with self._steps.step("halls") as step, progress("halls", "event") as bar:
            moved = halls.move_first_event(self._connection, self._options.event1_start)
            if moved:
                say(f"Event 1 now starts at {moved:%Y-%m-%d %H:%M} in Almaty.")
                self._changed.add("events")
            step.rows = halls.furnish(self._connection, self._options.seats_per_event, bar.reach)
            if step.rows:
                self._changed |= {"seats", "zones"}
        if self._options.provider_url and seats.has_event(self._connection):
            with self._steps.step("seats of event 1") as step:
                self._bring_seats(step)
        url = self._options.database_url
        if not indexes.has_search_index(self._connection):
            with self._steps.step("sorting"), progress("sorting", "slice") as bar:
                indexes.sort_slices(self._connection, url, bar.reach)
            with self._steps.step("search index"), progress("search index", "slice") as bar:
                indexes.complete_search_index(self._connection, url, bar.reach)
        unsettled = self._connection.execute(
            "SELECT kind FROM imports WHERE settled_at IS NULL AND finished_at IS NOT NULL"
        ).fetchall()
        if unsettled:  # A run that ended before it came this far may have left anything.
            self._changed |= {"seats", "zones", *(row[0] for row in unsettled)}
        if self._changed:
            with self._steps.step("statistics"), progress("statistics", "table") as bar:
                indexes.refresh_statistics(self._connection, url, self._changed, bar.reach)
        self._connection.execute("UPDATE imports SET settled_at = now() WHERE settled_at IS NULL")
        say(self._steps.table())
        return _BROKEN if self._failed else 0

    def _bring_seats(self, step: Step) -> None:
        try:
            step.rows = seats.bring(self._connection, self._options.provider_url)
        except seats.Unavailable as error:
            self._fail(str(error))
        if step.rows:
            self._changed |= {"seats", "zones"}

    def _fail(self, sentence: str) -> None:
        say(sentence)
        self._failed = True

    def _import_file(self, file: SourceFile, step: Step) -> None:
        with progress(f"{file.path.name}: digest", "B") as bar:
            digest = _digest(file, bar)
        record = Record.open(self._connection, file, digest, repaired=self._options.repair)
        if record.is_finished:
            step.note = "already imported"
            say(f"{file.path.name} is already imported.")
            return
        if file.kind == "events_archive" and indexes.is_worth_rebuilding(self._connection):
            indexes.drop_search_index(self._connection)
        if record.done:
            say(f"{file.path.name}: going on after {len(record.done)} chunks that are in already.")
        rejects = Rejects(self._options.rejects, file.path.name)
        loader = Loader(self._options.database_url, TABLES[file.kind], record.id, record.done)
        self._changed.add(file.kind)
        ending = ""
        try:
            with loader:
                ending = self._load(file, loader, step, rejects)
        finally:
            rejects.add([*record.rejected, *loader.rejected])
            rejects.close(is_repaired=self._options.repair)
        step.rows -= len(record.rejected) + len(loader.rejected)
        step.rejected = rejects.count
        if not ending and step.rows == 0:
            ending = _NOTHING_ACCEPTED
        if ending:
            self._fail(f"{file.path.name} is not imported to its end: {ending}")
            step.note = "not complete"
            return
        if file.kind == "users":
            self._connection.execute(_RAISE_USER_IDS)
        record.finish(self._connection, step.rows, rejects.count)

    def _load(self, file: SourceFile, loader: Loader, step: Step, rejects: Rejects) -> str:
        """Load what a file has; return why that was not all, if it was not."""
        stream = Stream(file)
        reading = reader(file, stream)
        checks = Checks(file.kind, repair=self._options.repair)

        def checked(bar: Progress) -> Iterator[Checked]:
            for batch in reading.read():
                result = checks.check(batch)
                step.rows += len(result.ids)
                rejects.add(result.bad)
                rejects.add_mojibake(result.mojibake, is_repaired=self._options.repair)
                while reading.warnings:
                    say(f"{file.path.name}: {reading.warnings.pop()}")
                yield result
                bar.reach(stream.position, stream.size, f"{step.rows:,} rows")

        pending = _Pending()
        try:
            with progress(file.path.name, "B") as bar:
                for result in checked(bar):
                    pending.add(result)
                    if pending.is_full:
                        loader.put(pending.take())
        except Broken as error:
            ending = str(error)
        else:
            ending = ""
        finally:
            stream.close()
        if pending.ids:
            loader.put(pending.take())
        return ending


_RAISE_USER_IDS = """
    SELECT setval(pg_get_serial_sequence('users', 'user_id'),
        greatest((SELECT max(user_id) FROM users), 2000000))
"""


def _digest(file: SourceFile, bar: Progress) -> str:
    size = file.path.stat().st_size
    position = 0

    def advance(count: int) -> None:
        nonlocal position
        position += count
        bar.reach(position, size)

    return files.digest(file, advance)


class _Pending:
    """Rows on their way into a chunk."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self.ids: list[int] = []
        self._numbers: list[int] = []
        self._lines: list[int] = []
        self._bytes = 0

    def add(self, rows: Checked) -> None:
        self._texts.append(rows.text)
        self.ids += rows.ids
        self._numbers += rows.numbers
        self._lines += rows.lines or []
        self._bytes += len(rows.text)

    @property
    def is_full(self) -> bool:
        return len(self.ids) >= _CHUNK_ROWS or self._bytes >= _CHUNK_BYTES

    def take(self) -> Chunk:
        chunk = Chunk(b"".join(self._texts), self.ids, self._numbers, self._lines or None)
        self.__init__()  # type: ignore[misc]
        return chunk
