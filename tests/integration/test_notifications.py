"""The inbox: what its owner is told, once, and nobody else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.kernel import db, outbox, relay
from app.notifications import service
from tests.conftest import Caller, Event
from tests.integration.shop import Shop

CONSUMERS: relay.Consumers = {topic: [service.store] for topic in service.TOPICS}


@pytest.fixture
def tell(app: Any, sql: psycopg.Connection[Any]) -> Iterator[Callable[..., None]]:
    """Publishes messages for a user and delivers them."""
    del app
    sql.execute("DELETE FROM outbox")
    key = f"test-{secrets.token_hex(6)}"

    def publish(user: Caller, *bookings: int, topic: str = "booking.confirmed") -> None:
        for booking in bookings:
            payload = {"booking_id": booking, "user_id": user.user_id, "event_id": 1}
            with db.transaction() as connection:
                outbox.publish(connection, topic, key, payload)
        deliver_all()

    yield publish
    sql.execute("DELETE FROM outbox WHERE key = %s", [key])


def deliver_all() -> None:
    while relay.deliver(CONSUMERS):
        pass


def inbox(user: Caller, **query: Any) -> list[dict[str, Any]]:
    answer = user.get("/api/notifications", **query)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_message_shows_in_the_inbox_of_its_user_alone(
    tell: Callable[..., None], new_user: Callable[[], Caller]
) -> None:
    owner, other = new_user(), new_user()
    tell(owner, 17)
    (entry,) = inbox(owner)
    assert set(entry) == {"id", "topic", "title", "text", "booking_id", "created_at", "read_at"}
    assert (entry["topic"], entry["booking_id"], entry["read_at"]) == (
        "booking.confirmed",
        17,
        None,
    )
    assert entry["title"] == "Бронь подтверждена"
    assert "№ 17" in entry["text"]
    assert entry["created_at"].endswith("Z")
    age = datetime.now(UTC) - datetime.fromisoformat(entry["created_at"])
    assert abs(age) < timedelta(minutes=1)
    assert inbox(other) == []


def test_the_newest_comes_first_and_pages_neither_repeat_nor_leave_out(
    tell: Callable[..., None], buyer: Caller
) -> None:
    tell(buyer, *range(25))
    bookings = [entry["booking_id"] for entry in inbox(buyer)]
    assert bookings == list(range(24, 4, -1)), "twenty unless asked otherwise"
    pages = [inbox(buyer, page=page, pageSize=10) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [entry["booking_id"] for page in pages for entry in page] == list(range(24, -1, -1))


@pytest.mark.parametrize("query", [{"page": 0}, {"pageSize": 21}, {"page": "x"}])
def test_a_page_that_cannot_be_is_refused(buyer: Caller, query: dict[str, Any]) -> None:
    assert buyer.get("/api/notifications", **query).status_code == 400


def test_reading_is_noted_once_and_may_be_repeated(
    tell: Callable[..., None], buyer: Caller
) -> None:
    tell(buyer, 1, 2)
    newest = inbox(buyer)[0]["id"]
    answer = buyer.patch("/api/notifications/read", notification_id=newest)
    assert (answer.status_code, answer.json) == (200, {"message": "Уведомление прочитано"})
    read_at = inbox(buyer)[0]["read_at"]
    assert read_at is not None
    assert buyer.patch("/api/notifications/read", notification_id=newest).status_code == 200
    assert [entry["read_at"] for entry in inbox(buyer)] == [read_at, None]


def test_what_is_not_ones_own_does_not_exist(
    tell: Callable[..., None], new_user: Callable[[], Caller]
) -> None:
    owner, other = new_user(), new_user()
    tell(owner, 1)
    (entry,) = inbox(owner)
    foreign = other.patch("/api/notifications/read", notification_id=entry["id"])
    nothing = other.patch("/api/notifications/read", notification_id=-1)
    assert (foreign.status_code, foreign.json["code"]) == (404, "notification_not_found")
    assert (nothing.status_code, nothing.data) == (404, foreign.data)
    assert inbox(owner)[0]["read_at"] is None


def test_an_inbox_needs_an_account(anybody: Caller) -> None:
    assert anybody.get("/api/notifications").status_code == 401
    assert anybody.patch("/api/notifications/read", notification_id=1).status_code == 401


def test_a_message_that_comes_twice_is_one_entry(tell: Callable[..., None], buyer: Caller) -> None:
    assert buyer.user_id is not None
    tell(buyer)
    message = relay.Message(
        id=-buyer.user_id,
        topic="booking.cancelled",
        key="1",
        payload={"booking_id": 1, "user_id": buyer.user_id, "event_id": 1},
        created_at=datetime.now(UTC),
        attempts=0,
        last_error="",
        try_at=None,
        dead_at=None,
    )
    for _ in range(2):
        with db.transaction() as connection:
            service.store(connection, message)
    assert len(inbox(buyer)) == 1


def test_a_message_that_says_nothing_of_its_user_fails_and_is_not_lost(
    tell: Callable[..., None], buyer: Caller, sql: psycopg.Connection[Any]
) -> None:
    with db.transaction() as connection:
        outbox.publish(connection, "booking.confirmed", "test-nobody", {"booking_id": 1})
    tell(buyer, 2)
    assert [entry["booking_id"] for entry in inbox(buyer)] == [2]
    failed = sql.execute(
        "DELETE FROM outbox WHERE key = 'test-nobody' RETURNING attempts, last_error"
    ).fetchall()
    assert failed == [(1, "KeyError: 'user_id'")]


def test_what_happens_to_a_booking_is_told(
    tell: Callable[..., None], shop: Shop, event: Event
) -> None:
    del tell
    cancelled, expired = shop.buyer.book(event.id), shop.buyer.book(event.id)
    assert shop.buyer.cancel(cancelled).status_code == 200
    deliver_all()
    shop.run_out(expired)

    from app.bookings import service as bookings

    while bookings.expire_due():
        pass
    deliver_all()
    assert [(entry["topic"], entry["booking_id"]) for entry in inbox(shop.buyer)] == [
        ("booking.expired", expired),
        ("booking.cancelled", cancelled),
    ]


def test_every_payload_that_is_published_can_be_told(
    tell: Callable[..., None], buyer: Caller, sql: psycopg.Connection[Any]
) -> None:
    del tell
    money = {"order_id": "42", "amount_minor": 1_000_000, "currency": "KZT"}
    about = {"booking_id": 5, "user_id": buyer.user_id}
    payloads = {
        "booking.place_refused": about | {"event_id": 1, "seat_ids": [3]},
        "payment.failed": about | money,
        "refund.due": about | money,
        "refund.paid": about | money,
    }
    for topic, payload in payloads.items():
        with db.transaction() as connection:
            outbox.publish(connection, topic, f"test-{buyer.user_id}", payload)
    deliver_all()
    assert {entry["topic"] for entry in inbox(buyer)} == set(payloads)
    stored = sql.execute(
        "SELECT DISTINCT order_id, event_id FROM notifications WHERE user_id = %s ORDER BY 1",
        [buyer.user_id],
    ).fetchall()
    assert stored == [(42, None), (None, 1)]


def test_a_reset_leaves_the_inbox_to_its_user(
    tell: Callable[..., None], buyer: Caller, anybody: Caller
) -> None:
    tell(buyer, 1)
    assert anybody.post("/api/reset").status_code == 200
    assert len(inbox(buyer)) == 1
