"""What users read about their bookings and their money."""

from __future__ import annotations

from typing import Any

import pytest

from app.notifications import rules

BOOKING = {"booking_id": 17, "user_id": 5, "event_id": 3}
PAYMENT = {
    "order_id": "99",
    "booking_id": 17,
    "user_id": 5,
    "amount_minor": 1_500_050,
    "currency": "KZT",
}
PAYLOADS: dict[str, dict[str, Any]] = {
    "booking.confirmed": BOOKING,
    "booking.cancelled": BOOKING,
    "booking.expired": {"booking_id": 17, "user_id": 5},
    "booking.place_refused": BOOKING | {"seat_ids": [1, 2]},
    "payment.failed": PAYMENT,
    "refund.due": PAYMENT,
    "refund.paid": PAYMENT,
}


def test_every_topic_that_users_are_told_about_is_tested_here() -> None:
    assert set(PAYLOADS) == rules.TOPICS


@pytest.mark.parametrize("topic", sorted(PAYLOADS))
def test_a_text_names_the_booking_in_whole_sentences(topic: str) -> None:
    title, text = rules.words(topic, PAYLOADS[topic])
    assert title
    assert not title.endswith(".")
    assert "№ 17" in text
    assert text.endswith(".")


@pytest.mark.parametrize("topic", ["payment.failed", "refund.paid"])
def test_money_that_moved_or_did_not_is_told_with_its_sum(topic: str) -> None:
    assert "15\u00a0000,50\u00a0₸" in rules.words(topic, PAYLOADS[topic]).text


def test_a_refund_that_is_owed_promises_its_own_sum_and_never_that_of_the_payment() -> None:
    assert "15" not in rules.words("refund.due", PAYMENT).text
    part = PAYMENT | {"refund_id": 3, "amount_minor": 75_000}
    assert "вернём 750\u00a0₸" in rules.words("refund.due", part).text


def test_one_refused_place_and_several_read_differently() -> None:
    one, several = (
        rules.words("booking.place_refused", BOOKING | {"seat_ids": seats})
        for seats in ([1], [1, 2])
    )
    assert (one.title, several.title) == ("Место уже продано", "Места уже проданы")
    assert several.text.startswith("Несколько мест")


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (0, "KZT", "0 ₸"),
        (5, "KZT", "0,05 ₸"),
        (500_000, "KZT", "5 000 ₸"),
        (123_456_789_00, "KZT", "123 456 789 ₸"),
        (150, "USD", "1,50 USD"),
    ],
)
def test_an_amount_reads_as_people_write_it(minor: int, currency: str, written: str) -> None:
    assert rules.amount(minor, currency).replace("\u00a0", " ") == written


def test_a_topic_that_no_user_is_told_about_has_no_words() -> None:
    with pytest.raises(KeyError):
        rules.words("booking.created", BOOKING)
