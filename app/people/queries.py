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
