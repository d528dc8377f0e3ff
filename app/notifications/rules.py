"""What a user is told about a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.notifications.models import Text

Payload = Mapping[str, Any]

_SIGNS = {"KZT": "₸"}


def words(topic: str, payload: Payload) -> Text:
    """Title and text of the message. Raises KeyError for a topic that no user is told about."""
    return _WORDS[topic](payload)


def amount(minor: int, currency: str) -> str:
    """Money as people write it: 1500050 tiyn are "15 000,50 ₸"; its spaces do not break lines."""
    whole, rest = divmod(minor, 100)
    tail = f",{rest:02d}" if rest else ""
    return f"{whole:,}".replace(",", "\u00a0") + f"{tail}\u00a0{_SIGNS.get(currency, currency)}"


def _confirmed(payload: Payload) -> Text:
    return Text("Бронь подтверждена", f"Бронь № {payload['booking_id']} оплачена, места ваши.")


def _cancelled(payload: Payload) -> Text:
    return Text("Бронь отменена", f"Бронь № {payload['booking_id']} отменена, места освобождены.")


def _expired(payload: Payload) -> Text:
    return Text(
        "Время брони истекло",
        f"Бронь № {payload['booking_id']} не была оплачена вовремя, места больше не удерживаются.",
    )


def _place_refused(payload: Payload) -> Text:
    booking = f"из брони № {payload['booking_id']}"
    if len(payload["seat_ids"]) == 1:
        return Text("Место уже продано", f"Место {booking} уже купил кто-то другой.")
    return Text("Места уже проданы", f"Несколько мест {booking} уже купил кто-то другой.")


def _payment_failed(payload: Payload) -> Text:
    asked = amount(payload["amount_minor"], payload["currency"])
    return Text(
        "Оплата не прошла", f"Платёж на {asked} за бронь № {payload['booking_id']} не прошёл."
    )


def _refund_due(payload: Payload) -> Text:
    # Messages from before there were refunds of parts have the sum of the whole payment.
    owed = amount(payload["amount_minor"], payload["currency"])
    sum_ = owed if "refund_id" in payload else "деньги"
    return Text("Деньги вернутся", f"Мы вернём {sum_} за бронь № {payload['booking_id']}.")


def _refund_paid(payload: Payload) -> Text:
    paid = amount(payload["amount_minor"], payload["currency"])
    return Text("Деньги возвращены", f"Возвращено {paid} за бронь № {payload['booking_id']}.")


_WORDS: dict[str, Callable[[Payload], Text]] = {
    "booking.confirmed": _confirmed,
    "booking.cancelled": _cancelled,
    "booking.expired": _expired,
    "booking.place_refused": _place_refused,
    "payment.failed": _payment_failed,
    "refund.due": _refund_due,
    "refund.paid": _refund_paid,
}
TOPICS = frozenset(_WORDS)
"""What users are told about."""
