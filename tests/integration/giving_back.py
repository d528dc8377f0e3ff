"""Seats of a paid booking that their buyer gives back, and the refunds that he gets for them."""

from __future__ import annotations

from typing import Any

from app.payments import refunds
from tests.conftest import Caller, Event
from tests.integration.gateway import Puppet, Simulator
from tests.integration.shop import Attempt, Shop, pay_refunds, worked_until

THIRD = [{"hours_before": 0, "percent": 33}]


def paid(gateway: Simulator | Puppet, shop: Shop, event: Event, seats: int = 3) -> Attempt:
    """A booking of the shop's buyer that is paid."""
    attempt = shop.initiate(event=event, seats=seats)
    if isinstance(gateway, Puppet):
        gateway.change(status="AUTHORIZED")
        shop.check_now(attempt.order)
    else:
        gateway.authorize(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    return attempt


def give_back(caller: Caller, booking: int, *seats: int) -> Any:
    return caller.post("/api/bookings/refund", booking_id=booking, seat_ids=list(seats))


def all_of(shop: Shop, attempt: Attempt) -> list[Any]:
    """The refunds of an order, oldest first."""
    rows = shop.sql.execute(
        "SELECT id FROM refunds WHERE order_id = %s ORDER BY id", [attempt.order]
    ).fetchall()
    return [refunds.find(row[0]) for row in rows]


def turn(shop: Shop, attempt: Attempt, only: int | None = None) -> int:
    """Make the refunds of an order due, or one of them, and none else; let a worker have a turn."""
    shop.sql.execute(
        """UPDATE refunds SET try_at = now() + CASE
               WHEN order_id = %(order)s AND id = coalesce(%(only)s::bigint, id)
               THEN interval '0' ELSE interval '1 year' END
           WHERE status <> 'PAID'""",
        {"order": attempt.order, "only": only},
    )
    return pay_refunds()
