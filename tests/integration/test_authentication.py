"""HTTP Basic: who is let in, how soon a change counts, what it costs, what is never logged."""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest

from app.kernel.group_commit import GroupCommit
from tests.conftest import Caller, basic
from tests.integration.gateway import configured, until

CACHE_SECONDS = 1.0
"""BILETTER_AUTH_CACHE_SECONDS of the tests."""


def header(credentials: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(credentials).decode()}"


def status(anybody: Caller, authorization: str) -> int:
    answer = anybody("GET", "/api/bookings", headers={"Authorization": authorization})
    return answer.status_code


def email_of(caller: Caller) -> str:
    assert caller.authorization is not None
    token = caller.authorization.removeprefix("Basic ")
    return base64.b64decode(token).decode().partition(":")[0]


@pytest.fixture
def lookups(app: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The e-mail addresses that the database has been asked for, in order."""
    del app
    from app.people import queries, service

    asked: list[str] = []

    def counted(emails: Sequence[str]) -> list[queries.Account | None]:
        asked.extend(emails)
        return queries.find_accounts(emails)

    monkeypatch.setattr(service, "_lookups", GroupCommit(counted, lanes=2, most=32))
    return asked


# --- Who is let in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        *("simple", "with space", "a:b", ":", "::leading", "trailing:", "пароль", "密码🎫"),
        *("é", "é", "%41", '"quoted"', "\\", "\t", "a" * 300),
    ],
)
def test_a_password_may_hold_colons_and_any_utf_8(
    new_user: Callable[..., Caller], password: str
) -> None:
    user = new_user(password)
    assert user.get("/api/bookings").status_code == 200
    other = Caller(user.client, basic(email_of(user), password + "x"))
    assert other.get("/api/bookings").status_code == 401


def test_another_form_of_the_same_letters_is_another_password(
    new_user: Callable[..., Caller],
) -> None:
    user = new_user("\u00e9")
    decomposed = Caller(user.client, basic(email_of(user), "e\u0301"))
    assert decomposed.get("/api/bookings").status_code == 401


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic"])
def test_the_scheme_may_be_written_in_any_case(
    anybody: Caller, new_user: Callable[..., Caller], scheme: str
) -> None:
    credentials = f"{email_of(new_user('secret'))}:secret".encode()
    assert status(anybody, header(credentials, scheme)) == 200


@pytest.mark.parametrize(
    "build",
    [
        lambda email: header(f"{email}:secret".encode(), "Bearer"),
        lambda email: header(f"{email}:secret".encode(), "Digest"),
        lambda email: header(f"{email}:secret".encode(), "Basic,"),
        lambda email: header(f"{email}".encode()),
        lambda email: header(f"{email}:".encode()),
        lambda email: header(f":{email}".encode()),
        lambda email: header(f"{email}:secret\0".encode()),
        lambda email: header(f"{email}\0:secret".encode()),
        lambda email: header(f"{email}:secr\xe9t".encode("latin-1")),
        lambda email: header(f"{email}:secret".encode("utf-16")),
        lambda email: header(f"{email.upper()}:secret".encode()),
        lambda email: header(f" {email}:secret".encode()),
        lambda email: header(f"{email}:secret\n".encode()),
        lambda email: header(f"{email}:".encode() + b"a" * 2000),
        lambda email: header(f"{email}:secret".encode())[:-3] + "*==",
        lambda email: header(f"{email}:secret".encode()) + ", " + header(b"x:y"),
        lambda email: f"Basic {email}:secret",
    ],
)
def test_what_is_no_valid_credential_is_401(
    anybody: Caller, new_user: Callable[..., Caller], build: Callable[[str], str]
) -> None:
    assert status(anybody, build(email_of(new_user("secret")))) == 401


@pytest.mark.parametrize(
    "authorization",
    [header(b":"), header(b""), "Basic", "Basic ", "Ð¿Ð°Ñ€Ð¾Ð»ÑŒ", "Basic \xff\xfe", ""],
)
def test_what_is_no_credential_at_all_is_401(anybody: Caller, authorization: str) -> None:
    assert status(anybody, authorization) == 401


def test_without_credentials_it_is_401_on_every_call_that_needs_an_account(
    anybody: Caller,
) -> None:
    from app.application import endpoints
    from app.kernel.http import Access

    for endpoint in endpoints():
        if endpoint.access is Access.ACCOUNT:
            answer = anybody(endpoint.method, endpoint.path, json={})
            assert answer.status_code == 401
            assert answer.content_type == "application/problem+json"
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="Biletter", charset="UTF-8"'


def test_an_unknown_user_a_wrong_password_and_an_inactive_user_look_the_same(
    anybody: Caller, new_user: Callable[..., Caller]
) -> None:
    known, inactive = email_of(new_user("secret")), new_user("secret", is_active=False)
    refusals = []
    for authorization in (
        basic("nobody@test.kz", "secret"),
        basic(known, "wrong"),
        inactive.authorization or "",
    ):
        for _ in range(2):  # Looked up, and from the cache.
            answer = anybody("GET", "/api/bookings", headers={"Authorization": authorization})
            headers = {k: v for k, v in answer.headers.items() if k != "X-Request-Id"}
            refusals.append((answer.status_code, headers, answer.data))
    assert refusals[0][0] == 401
    assert all(refusal == refusals[0] for refusal in refusals)


def test_a_password_is_compared_in_constant_time_also_where_there_is_no_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.people import rules

    compared = []
    monkeypatch.setattr(rules.hmac, "compare_digest", lambda *pair: compared.append(pair) or True)
    assert not rules.password_matches("secret", None)
    assert rules.password_matches("secret", "0" * 64)
    assert [len(given) for given, _ in compared] == [len(stored) for _, stored in compared]


@pytest.mark.parametrize(
    "authorization", [basic("nobody", "x"), "Basic", "Basic %%%", "\xff", "x" * 5000]
)
def test_public_reads_never_answer_401(anybody: Caller, event: Any, authorization: str) -> None:
    for path in (
        *("/api/events", f"/api/seats?event_id={event.id}", f"/api/analytics?id={event.id}"),
        *(f"/api/seats/map?event_id={event.id}", f"/api/seats/layout?event_id={event.id}"),
        *("/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs/"),
    ):
        answer = anybody("GET", path, headers={"Authorization": authorization})
        assert answer.status_code == 200, path


# --- How soon a change counts --------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET password_hash = repeat('0', 64) WHERE user_id = %s",
        "UPDATE users SET is_active = false WHERE user_id = %s",
        "UPDATE users SET email = 'gone-' || email WHERE user_id = %s",
        "DELETE FROM users WHERE user_id = %s",
    ],
)
def test_what_is_no_longer_valid_stops_working_in_the_stated_time(
    buyer: Caller, sql: psycopg.Connection[Any], change: str
) -> None:
    assert buyer.get("/api/bookings").status_code == 200
    sql.execute(change, [buyer.user_id])
    changed_at = time.monotonic()
    until(lambda: buyer.get("/api/bookings").status_code == 401)
    assert time.monotonic() - changed_at < CACHE_SECONDS + 0.3


def test_use_does_not_prolong_what_is_no_longer_valid(
    buyer: Caller, sql: psycopg.Connection[Any], lookups: list[str]
) -> None:
    assert buyer.get("/api/bookings").status_code == 200
    sql.execute("UPDATE users SET is_active = false WHERE user_id = %s", [buyer.user_id])
    used = 0
    while buyer.get("/api/bookings").status_code == 200:
        used += 1
        assert used < 100_000
    assert len(lookups) == 2, "one to let in, one to refuse"


def test_a_new_password_works_at_once_and_a_reactivated_account_in_the_stated_time(
    new_user: Callable[..., Caller], sql: psycopg.Connection[Any]
) -> None:
    user = new_user("old", is_active=False)
    assert user.get("/api/bookings").status_code == 401
    sql.execute(
        "UPDATE users SET is_active = true, password_hash = encode(sha256('new'), 'hex')"
        " WHERE user_id = %s",
        [user.user_id],
    )
    renewed = Caller(user.client, basic(email_of(user), "new"))
    assert renewed.get("/api/bookings").status_code == 200
    sql.execute(
        "UPDATE users SET password_hash = encode(sha256('old'), 'hex') WHERE user_id = %s",
        [user.user_id],
    )
    changed_at = time.monotonic()
    until(lambda: user.get("/api/bookings").status_code == 200)
    assert time.monotonic() - changed_at < CACHE_SECONDS + 0.3


# --- What it costs -------------------------------------------------------------------------------


def test_a_credential_costs_one_look_up_whether_it_is_right_or_wrong(
    buyer: Caller, lookups: list[str]
) -> None:
    email = email_of(buyer)
    wrong = Caller(buyer.client, basic(email, "wrong"))
    for _ in range(20):
        assert buyer.get("/api/bookings").status_code == 200
        assert wrong.get("/api/bookings").status_code == 401
    assert lookups == [email, email]


def test_what_cannot_be_a_credential_costs_none(anybody: Caller, lookups: list[str]) -> None:
    for authorization in ("Bearer x", "Basic", "Basic %%%", header(b"no colon"), header(b"a\0:b")):
        assert status(anybody, authorization) == 401
    assert lookups == []


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def small(app: Any, asked: list[str]) -> Iterator[Any]:
    """An authentication of its own that remembers at most ten of each kind, for long."""
    del app
    from app.kernel.auth import BasicAuthentication, Principal

    def lookup(email: str, password: str) -> Principal | None:
        asked.append(email)
        return Principal(1) if password == "right" else None

    with configured(BILETTER_AUTH_CACHE_SIZE="10", BILETTER_AUTH_CACHE_SECONDS="3600"):
        yield BasicAuthentication(lookup)


def test_a_flood_of_wrong_credentials_does_not_push_out_right_ones(
    small: Any, asked: list[str]
) -> None:
    right = [basic(f"user{number}", "right") for number in range(5)]
    for one in right:
        assert small.principal(one)
    for number in range(1_000):
        assert small.principal(basic("attacker", f"guess {number}")) is None
    asked.clear()
    assert all(small.principal(one) for one in right)
    assert asked == []


def test_a_flood_of_right_credentials_does_not_push_out_wrong_ones(
    small: Any, asked: list[str]
) -> None:
    wrong = [basic(f"user{number}", "wrong") for number in range(5)]
    for one in wrong:
        assert small.principal(one) is None
    for number in range(1_000):
        assert small.principal(basic(f"buyer{number}", "right"))
    asked.clear()
    assert not any(small.principal(one) for one in wrong)
    assert asked == []


def test_neither_memory_grows_beyond_its_bound(small: Any) -> None:
    for number in range(1_000):
        small.principal(basic(f"user{number}", "right"))
        small.principal(basic(f"user{number}", "wrong"))
    assert len(small._accepted) <= 10
    assert len(small._refused) <= 10


def test_a_look_up_that_failed_is_not_remembered_as_a_refusal(small: Any) -> None:
    from app.kernel import errors

    def fail(_email: str, _password: str) -> None:
        raise errors.Unavailable

    lookup, small._lookup = small._lookup, fail
    with pytest.raises(errors.Unavailable):
        small.principal(basic("user", "right"))
    small._lookup = lookup
    assert small.principal(basic("user", "right"))


def test_what_is_remembered_gives_no_password_away(small: Any) -> None:
    small.principal(basic("user", "right"))
    small.principal(basic("user", "wrong"))
    for cache in (small._accepted, small._refused):
        (key,) = cache._young
        assert isinstance(key, bytes)
        assert len(key) == 16
    other = type(small)(small._lookup)
    other.principal(basic("user", "right"))
    assert list(other._accepted._young) != list(small._accepted._young), "each process has its key"


# --- What is never written down ------------------------------------------------------------------


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that is logged, as it stands in the log, down to the lowest level."""
    from app.kernel.logs import JsonFormatter

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_neither_a_password_nor_a_header_is_logged_whatever_happens(
    new_user: Callable[..., Caller],
    event: Any,
    logged: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.bookings import create_queries

    user = new_user("hunter2-right")
    wrong = Caller(user.client, basic(email_of(user), "hunter2-wrong"))
    assert user.get("/api/bookings").status_code == 200
    assert wrong.get("/api/bookings").status_code == 401

    def fail(*_args: object) -> None:
        raise RuntimeError("provoked")

    monkeypatch.setattr(create_queries, "create", fail)
    assert user.post("/api/bookings", event_id=event.id).status_code == 500
    text = logged.getvalue()
    assert "provoked" in text
    assert "hunter2" not in text
    for caller in (user, wrong):
        assert caller.authorization is not None
        assert caller.authorization.removeprefix("Basic ") not in text
