"""What the database knows of a file that is being imported, or has been."""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from app.dataset import tables
from app.dataset.batches import Bad
from app.dataset.files import SourceFile
from app.dataset.sessions import Connection


class Record(NamedTuple):
    """The row about this file in `imports`, and what an earlier run has done for it."""

    id: int
    is_finished: bool
    done: set[bytes]
    rejected: list[Bad]

    @classmethod
    def open(
        cls, connection: Connection, file: SourceFile, digest: str, *, repaired: bool
    ) -> Record:
        newest = connection.execute(
            """SELECT id, finished_at IS NOT NULL FROM imports i
               WHERE kind = %(kind)s AND digest = %(digest)s AND repaired = %(repaired)s
                 AND id = (SELECT max(id) FROM imports WHERE kind = %(kind)s)""",
            {"kind": file.kind, "digest": digest, "repaired": repaired},
        ).fetchone()
        if newest and not tables.is_empty(connection, file.kind):
            import_id, is_finished = newest
            chunks = connection.execute(
                "SELECT digest, rejected FROM import_chunks WHERE import_id = %s", [import_id]
            ).fetchall()
            rejected = [Bad(*one) for _, several in chunks for one in several]
            return cls(import_id, is_finished, {one for one, _ in chunks}, rejected)
        with connection.transaction():
            connection.execute(
                """DELETE FROM import_chunks c USING imports i
                   WHERE i.id = c.import_id AND i.kind = %s""",
                [file.kind],
            )
            row = connection.execute(
                """INSERT INTO imports (kind, file_name, digest, repaired)
                   VALUES (%s, %s, %s, %s) RETURNING id""",
                [file.kind, file.path.name, digest, repaired],
            ).fetchone()
        if row is None:
            raise psycopg.InternalError("INSERT … RETURNING returned nothing")
        return cls(row[0], is_finished=False, done=set(), rejected=[])

    def finish(self, connection: Connection, accepted: int, rejected: int) -> None:
        """Record that all is in; what chunks committed before is on disk with it."""
        with connection.transaction():
            connection.execute("SET LOCAL synchronous_commit = on")
            connection.execute(
                """UPDATE imports SET finished_at = clock_timestamp(), accepted = %s, rejected = %s
                   WHERE id = %s""",
                [accepted, rejected, self.id],
            )
            connection.execute("DELETE FROM import_chunks WHERE import_id = %s", [self.id])
