"""Accounts that come together are looked up together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import gevent
import pytest

from app.kernel.group_commit import GroupCommit
from tests.conftest import Caller
from tests.integration.test_authentication import email_of


@pytest.mark.usefixtures("app")
def test_who_comes_together_is_looked_up_together_and_each_is_themselves(
    new_user: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.people import queries, service

    users = {f"secret {n}": email_of(new_user(f"secret {n}")) for n in range(20)}
    groups: list[Sequence[str]] = []

    def watched(emails: Sequence[str]) -> list[queries.Account | None]:
        groups.append(emails)
        return queries.find_accounts(emails)

    monkeypatch.setattr(service, "_lookups", GroupCommit(watched, lanes=1, most=32))
    calls = [(email, password) for password, email in users.items()]
    calls += [(email, "wrong") for email in users.values()]
    calls += [("nobody@example.org", password) for password in users]
    found = [gevent.spawn(service.authenticate, *call) for call in calls]
    gevent.joinall(found, raise_error=True)
    ids = [principal.user_id if (principal := one.value) else None for one in found]
    assert ids[20:] == [None] * 40
    asked = [queries.find_accounts([email])[0] for email in users.values()]
    assert ids[:20] == [account.user_id for account in asked if account]
    assert len(set(ids[:20])) == 20
    assert max(len(group) for group in groups) == 32


@pytest.mark.usefixtures("app")
def test_accounts_are_found_by_their_key_even_in_a_plan_made_for_an_empty_table() -> None:
    from app.kernel import db
    from app.people import queries

    explain = "EXPLAIN " + queries.ACCOUNTS
    plan = "\n".join(row[0] for row in db.rows(explain, {"emails": ["a", "b"]}))
    assert re.findall(r"(\S+ Scan) (?:using (\S+) )?on users\b", plan) == [
        ("Index Scan", "users_email_unique")
    ], plan
