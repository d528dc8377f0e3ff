"""People: who is it that calls?"""

from __future__ import annotations

from app.kernel import errors, metrics
from app.kernel.auth import Principal
from app.kernel.db import Connection
from app.kernel.group_commit import GroupCommit
from app.people import queries, rules

_lookups = GroupCommit(queries.find_accounts, lanes=2, most=32)


def authenticate(email: str, password: str) -> Principal | None:
    """The active account with this e-mail and password, or None. Reads the primary."""
    account = _lookups.do(email)
    matches = rules.password_matches(password, account.password_hash if account else None)
    if account is None or not matches or not account.is_active:
        metrics.OUTCOMES.labels("login", "refused").inc()
        return None
    metrics.OUTCOMES.labels("login", "accepted").inc()
    return Principal(account.user_id, frozenset(account.roles), frozenset(account.organizers))


def prepare_program(db: Connection, email: str, password: str, *, role: str) -> int:
    """The id of the account of a program, which has this role and from now on this password.

    Raises Conflict when the address belongs to somebody without the role.
    """
    user_id = queries.store_program(db, email, rules.hashed(password), role)
    if user_id is None:
        raise errors.Conflict("Этот адрес занят человеком.", code="address_taken")
    return user_id
