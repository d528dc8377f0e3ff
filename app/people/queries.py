"""Accounts in the database."""

from __future__ import annotations

from typing import NamedTuple

from app.kernel import db

_ACCOUNT = """
    SELECT user_id, password_hash, is_active, roles,
           ARRAY(SELECT organizer_id FROM organizer_members m WHERE m.user_id = u.user_id)
    FROM users u
    WHERE email = %(email)s
"""


class Account(NamedTuple):
    """What is needed to let somebody in."""

    user_id: int
    password_hash: str
    is_active: bool
    roles: list[str]
    organizers: list[int]


def find_account(email: str) -> Account | None:
    """The account with exactly this e-mail address."""
    row = db.one(_ACCOUNT, {"email": email})
    return Account(*row) if row else None
