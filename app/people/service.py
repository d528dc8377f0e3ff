"""People: who is it that calls?"""

from __future__ import annotations

from app.kernel import metrics
from app.kernel.auth import Principal
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
