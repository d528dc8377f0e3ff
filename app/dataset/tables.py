"""How the rows of a chunk get into their table: straight, or merged with what is there."""

from __future__ import annotations

from typing import NamedTuple

from app.dataset.sessions import Connection


class Table(NamedTuple):
    """A table that a file fills."""

    name: str
    key: str
    columns: str
    incoming: str
    """Statement that makes the temporary table `incoming`, once a session."""
    reject: tuple[str, ...]
    """Each returns the id of a row that cannot go in, and why; repeated until none does."""
    merge: tuple[str, ...]
    connections: int
    """How many load at the same time; chunks with rows that exclude each other need one."""
    can_copy: bool
    """Whether rows that are new can be copied as they come."""


def copy(connection: Connection, table: Table, data: bytes) -> None:
    """Put rows that are all new into the table."""
    _copy(connection, f"{table.name} ({table.columns})", data)


def merge(connection: Connection, table: Table, data: bytes) -> dict[int, str]:
    """Bring the table to what the rows say; return the ids of those that cannot go in, and why."""
    connection.execute(table.incoming)
    connection.execute("TRUNCATE incoming")
    _copy(connection, f"incoming ({table.columns})", data)
    rejected: dict[int, str] = {}
    found = True
    while found:
        found = False
        for statement in table.reject:
            rows = connection.execute(statement).fetchall()
            rejected.update(rows)
            found = found or bool(rows)
    for statement in table.merge:
        connection.execute(statement)
    return rejected


def is_occupied(connection: Connection, table: Table, low: int, high: int) -> bool:
    """Whether the table has rows with ids in this range."""
    row = connection.execute(
        f"SELECT EXISTS (SELECT FROM {table.name} WHERE {table.key} BETWEEN %s AND %s)",  # noqa: S608
        [low, high],
    ).fetchone()
    return bool(row and row[0])


def is_empty(connection: Connection, name: str) -> bool:
    row = connection.execute(f"SELECT NOT EXISTS (SELECT FROM {name})").fetchone()  # noqa: S608
    return bool(row and row[0])


_PIECE = 1 << 18


def _copy(connection: Connection, target: str, data: bytes) -> None:
    view = memoryview(data)
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as stream:
        for start in range(0, len(view), _PIECE):
            stream.write(view[start : start + _PIECE])


_INCOMING = "CREATE TEMP TABLE IF NOT EXISTS incoming"

_USER_COLUMNS = (
    "user_id, email, password_hash, first_name, surname, birthday, registered_at, is_active,"
    " last_logged_in"
)
_USERS = Table(
    "users",
    "user_id",
    _USER_COLUMNS,
    f"""{_INCOMING} (user_id bigint PRIMARY KEY, email text, password_hash text, first_name text,
        surname text, birthday date, registered_at timestamptz, is_active boolean,
        last_logged_in timestamptz);
        CREATE INDEX IF NOT EXISTS incoming_by_email ON incoming (email)""",
    (
        """DELETE FROM incoming i USING incoming o WHERE o.email = i.email AND o.ctid < i.ctid
           RETURNING i.user_id, 'the e-mail is that of user ' || o.user_id || ' too'""",
        """DELETE FROM incoming i USING users u
           WHERE u.email = i.email AND u.user_id <> i.user_id AND NOT EXISTS (
               SELECT FROM incoming o WHERE o.user_id = u.user_id AND o.email <> u.email)
           RETURNING i.user_id, 'the e-mail is that of user ' || u.user_id || ' already'""",
    ),
    (
        # Two accounts may have exchanged their addresses.
        """UPDATE users u SET email = 'moving ' || u.user_id FROM incoming i
           WHERE i.user_id = u.user_id AND i.email <> u.email
             AND EXISTS (SELECT FROM incoming o WHERE o.email = u.email)""",
        f"""INSERT INTO users AS u ({_USER_COLUMNS}) SELECT {_USER_COLUMNS} FROM incoming
            ON CONFLICT (user_id) DO UPDATE SET
                (email, password_hash, first_name, surname, birthday, registered_at, is_active,
                 last_logged_in)
                = (excluded.email, excluded.password_hash, excluded.first_name, excluded.surname,
                   excluded.birthday, excluded.registered_at, excluded.is_active,
                   excluded.last_logged_in)
            WHERE (u.email, u.password_hash, u.first_name, u.surname, u.birthday, u.registered_at,
                   u.is_active, u.last_logged_in)
                IS DISTINCT FROM
                  (excluded.email, excluded.password_hash, excluded.first_name, excluded.surname,
                   excluded.birthday, excluded.registered_at, excluded.is_active,
                   excluded.last_logged_in)""",  # noqa: S608
    ),
    connections=1,
    can_copy=True,
)

_EVENT_COLUMNS = "id, title, description, type, datetime_start, provider"
_INCOMING_EVENTS = f"""{_INCOMING} (id bigint PRIMARY KEY, title text, description text, type text,
    datetime_start timestamp, provider text)"""
_EVENTS = Table(
    "events",
    "id",
    _EVENT_COLUMNS,
    _INCOMING_EVENTS,
    (),
    (
        """INSERT INTO organizers (id, slug, name) VALUES (1, 'biletter', 'Билеттер')
           ON CONFLICT DO NOTHING""",
        # The file says the time on the wall. Event 1 stays where it has been moved to, as long as
        # the file has no later time for it.
        """INSERT INTO events AS e
               (id, organizer_id, title, description, type, starts_at, time_zone, provider)
           SELECT i.id, o.id, i.title, i.description, i.type,
                  CASE WHEN i.id = 1 AND at.start <= now() AND old.starts_at > now()
                      THEN old.starts_at ELSE at.start END,
                  'Asia/Almaty', i.provider
           FROM incoming i
               CROSS JOIN LATERAL (SELECT i.datetime_start AT TIME ZONE 'Asia/Almaty') at (start)
               JOIN organizers o ON o.slug = 'biletter'
               LEFT JOIN events old ON old.id = i.id
           ON CONFLICT (id) DO UPDATE SET
               (title, description, type, starts_at, time_zone, provider, version)
               = (excluded.title, excluded.description, excluded.type, excluded.starts_at,
                  excluded.time_zone, excluded.provider, e.version + 1)
           WHERE (e.title, e.description, e.type, e.starts_at, e.time_zone, e.provider)
               IS DISTINCT FROM
                 (excluded.title, excluded.description, excluded.type, excluded.starts_at,
                  excluded.time_zone, excluded.provider)""",
    ),
    connections=1,
    can_copy=False,
)
_ARCHIVE = Table(
    "events_archive",
    "id",
    _EVENT_COLUMNS,
    _INCOMING_EVENTS,
    (),
    (
        # Rows that are there already need no second search vector.
        """DELETE FROM incoming i USING events_archive a
           WHERE a.id = i.id AND a.datetime_start = i.datetime_start
             AND (a.title, a.description, a.type, a.provider)
               = (i.title, i.description, i.type, i.provider)""",
        """DELETE FROM events_archive a USING incoming i
           WHERE a.id = i.id AND a.datetime_start <> i.datetime_start""",
        f"""INSERT INTO events_archive ({_EVENT_COLUMNS}) SELECT {_EVENT_COLUMNS} FROM incoming
            ON CONFLICT (id, datetime_start) DO UPDATE SET
                (title, description, type, provider)
                = (excluded.title, excluded.description, excluded.type, excluded.provider)""",  # noqa: S608
    ),
    connections=2,
    can_copy=True,
)
TABLES = {table.name: table for table in (_USERS, _EVENTS, _ARCHIVE)}
