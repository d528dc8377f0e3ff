"""A real PostgreSQL for all tests, the real migrations, and the application in this process."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from werkzeug.test import Client, TestResponse

GATEWAY_PASSWORD = "gateway-password"
WEBHOOK_SECRET = "webhook-secret"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database: of TEST_DATABASE_URL, or of an embedded server started for it."""
    from app.local.postgres import EmbeddedPostgres
    from app.migrations import runner

    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        runner.upgrade(given)
        yield given
        return
    postgres = EmbeddedPostgres(Path(tmp_path_factory.mktemp("postgres")))
    try:
        postgres.start()
        runner.upgrade(postgres.url)
        yield postgres.url
    finally:
        postgres.stop()


@pytest.fixture(scope="session")
def environment(database_url: str) -> dict[str, str]:
    """The settings under which tests run, in this process and in those that they start."""
    return {
        "DATABASE_URL": database_url,
        "BILETTER_ALLOW_RESET": "true",
        "BILETTER_DATABASE_POOL_SIZE": "40",
        "BILETTER_AUTH_CACHE_SECONDS": "1",
        "BILETTER_ARCHIVE_FRESHNESS": "3",
        "BILETTER_LOCK_TIMEOUT": "2",
        "PAYMENT_TEAM_SLUG": "biletter",
        "PAYMENT_PASSWORD": GATEWAY_PASSWORD,
        "PAYMENT_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PAYMENT_DEADLINE": "2",
    }


@pytest.fixture(scope="session")
def app(environment: dict[str, str]) -> Iterator[Any]:
    """The WSGI application in this process."""
    os.environ.update(environment)
    from app import create_app
    from app.kernel import db

    yield create_app()
    db.close()


@dataclass
class Caller:
    """Somebody who calls the API, with an account or without."""

    client: Client
    authorization: str | None = None
    user_id: int | None = None

    def __call__(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if self.authorization is not None:
            headers.setdefault("Authorization", self.authorization)
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **query: Any) -> TestResponse:
        return self("GET", path, query_string=query)

    def patch(self, path: str, **body: Any) -> TestResponse:
        return self("PATCH", path, json=body)

    def post(self, path: str, **body: Any) -> TestResponse:
        return self("POST", path, json=body)

    # The steps of a buyer.

    def book(self, event_id: int) -> int:
        answer = self.post("/api/bookings", event_id=event_id)
        assert answer.status_code == 201, answer.text
        return answer.json["id"]

    def select(self, booking_id: int, seat_id: int) -> TestResponse:
        return self.patch("/api/seats/select", booking_id=booking_id, seat_id=seat_id)

    def release(self, seat_id: int) -> TestResponse:
        return self.patch("/api/seats/release", seat_id=seat_id)

    def cancel(self, booking_id: int) -> TestResponse:
        return self.patch("/api/bookings/cancel", booking_id=booking_id)

    def pay(self, booking_id: int) -> TestResponse:
        return self.patch("/api/bookings/initiatePayment", booking_id=booking_id)

    def bookings(self) -> dict[int, list[int]]:
        """The seats of each of the caller's bookings that are alive."""
        found = self.get("/api/bookings").json
        return {item["id"]: [seat["id"] for seat in item["seats"]] for item in found}


@pytest.fixture
def anybody(app: Any) -> Caller:
    """Somebody without an account."""
    return Caller(Client(app))


def basic(email: str, password: str) -> str:
    """The Authorization header of an account."""
    return "Basic " + base64.b64encode(f"{email}:{password}".encode()).decode()


@pytest.fixture
def sql(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the test's own, in autocommit mode."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def new_user(app: Any, sql: psycopg.Connection[Any]) -> Callable[[], Caller]:
    """Makes accounts."""

    def make(password: str = "secret", **columns: Any) -> Caller:
        from app.local.seed import hash_password

        email = f"{secrets.token_hex(8)}@test.kz"
        names = ", ".join(["email", "password_hash", *columns])
        marks = ", ".join(["%s"] * (2 + len(columns)))
        row = sql.execute(
            f"INSERT INTO users ({names}) VALUES ({marks}) RETURNING user_id",
            [email, hash_password(password), *columns.values()],
        ).fetchone()
        return Caller(Client(app), basic(email, password), row[0])

    return make


@pytest.fixture
def buyer(new_user: Callable[[], Caller]) -> Caller:
    return new_user()


@dataclass
class Event:
    """An event of a test's own, so that tests do not get in each other's way."""

    id: int
    seats: list[int]


@pytest.fixture
def new_event(sql: psycopg.Connection[Any]) -> Callable[..., Event]:
    """Makes events with rows of seats."""

    def make(
        seats: int = 20, per_row: int = 10, price_minor: int = 500_000, **columns: Any
    ) -> Event:
        sql.execute(
            "INSERT INTO organizers (slug, name) VALUES ('test', 'Тест') ON CONFLICT DO NOTHING"
        )
        names = "".join(f", {name}" for name in columns)
        marks = ", %s" * len(columns)
        event_id = sql.execute(
            f"""INSERT INTO events (organizer_id, title, type, starts_at{names})
                SELECT id, 'Проверка', 'concert', now() + interval '30 days'{marks}
                FROM organizers WHERE slug = 'test' RETURNING id""",
            list(columns.values()),
        ).fetchone()[0]
        zone_id = sql.execute(
            """INSERT INTO zones (event_id, position, name, price_minor)
               VALUES (%s, 1, 'Зал', %s) RETURNING id""",
            [event_id, price_minor],
        ).fetchone()[0]
        rows = sql.execute(
            """INSERT INTO seats (event_id, zone_id, row_number, number, price_minor)
               SELECT %s, %s, n / %s + 1, n %% %s + 1, %s FROM generate_series(0, %s - 1) n
               RETURNING id""",
            [event_id, zone_id, per_row, per_row, price_minor, seats],
        ).fetchall()
        return Event(event_id, [row[0] for row in rows])

    return make


@pytest.fixture
def event(new_event: Callable[..., Event]) -> Event:
    return new_event()
