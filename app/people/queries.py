"""Accounts in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.kernel import db

# Each is looked up by its key, whatever PostgreSQL thought of the table when it made the plan.
ACCOUNTS = """
    SELECT account.*
    FROM unnest(%(emails)s::text[]) WITH ORDINALITY AS wanted (email, position)
    LEFT JOIN LATERAL (
        SELECT user_id, password_hash, is_active, roles,
               ARRAY(SELECT organizer_id FROM organizer_members m WHERE m.user_id = u.user_id)
        FROM users u
        WHERE u.email = wanted.email
        OFFSET 0
    ) AS account ON true
    ORDER BY position
"""


class Account(NamedTuple):
    """What is needed to let somebody in."""

    user_id: int
    password_hash: str
    is_active: bool
    roles: list[str]
    organizers: list[int]


def find_accounts(emails: Sequence[str]) -> list[Account | None]:
    """For each e-mail address the account that has exactly this one."""
    rows = db.rows(ACCOUNTS, {"emails": list(emails)})
    return [Account(*row) if row[0] is not None else None for row in rows]


# The organisers' files bring ids with them, up to a million so far.
_PAST_THE_FILES = """
    SELECT setval(sequence, greatest(nextval(sequence), 2000000))
    FROM pg_get_serial_sequence('users', 'user_id') AS sequence
"""
_STORE_PROGRAM = """
    INSERT INTO users (email, password_hash, roles)
    VALUES (%(email)s, %(password_hash)s, ARRAY[%(role)s])
    ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash, is_active = true
    WHERE users.roles = excluded.roles
    RETURNING user_id
"""


def store_program(
    connection: db.Connection, email: str, password_hash: str, role: str
) -> int | None:
    """Store an account that has only this role; None if the address has another one."""
    values = {"email": email, "password_hash": password_hash, "role": role}
    connection.execute(_PAST_THE_FILES)
    row = connection.execute(_STORE_PROGRAM, values).fetchone()
    return int(row[0]) if row else None
