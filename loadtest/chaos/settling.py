"""After the mischief: wait until nothing moves, with an operator who does what is a person's."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import gevent
import psycopg
import urllib3

from loadtest.chaos.collect import gateway_payments
from loadtest.chaos.world import World

# Everything that still has to happen, in words for the report.
_UNREST = """
    SELECT 'bookings unpaid', count(*) FROM bookings
        WHERE status IN ('CREATED', 'PAYMENT_INITIATED', 'CONFIRMING')
    UNION ALL SELECT 'seats held', count(*) FROM seats WHERE status = 'RESERVED'
    UNION ALL SELECT 'payments undecided', count(*) FROM payments
        WHERE status IN ('INITIATED', 'OPEN', 'ACCEPTED', 'CAPTURED', 'REFUND_DUE')
    UNION ALL SELECT 'orders under way', count(*) FROM provider_orders
        WHERE status NOT IN ('CONFIRMED', 'RETURNED', 'CANCELLED') OR due_at IS NOT NULL
    UNION ALL SELECT 'refunds', count(*) FROM refunds WHERE status <> 'PAID'
    UNION ALL SELECT 'messages', count(*) FROM outbox WHERE dead_at IS NULL
"""
_VOIDED = "SELECT order_id FROM payments WHERE status = 'VOIDED'"
_IMPATIENT = """
    SELECT id FROM refunds WHERE status IN ('DUE', 'STUCK')
        AND try_at > clock_timestamp() + interval '10 seconds' ORDER BY id LIMIT 5
"""
_UNCLEAR = """
    SELECT r.id, r.order_id, r.amount_minor, coalesce((SELECT sum(amount_minor) FROM refunds o
        WHERE o.order_id = r.order_id AND o.status = 'PAID'), 0)::bigint
    FROM refunds r WHERE r.status = 'UNCLEAR' ORDER BY r.id LIMIT 5
"""
# Whoever was in the middle of a call when the mischief ended has ended it by now.
_FIRST_LOOK = 8.0
_LOOK_SECONDS = 1.0
_CALM_LOOKS = 3


@dataclass(slots=True)
class Settling:
    """How it came to rest."""

    seconds: float = 0.0
    left: dict[str, int] = field(default_factory=dict)
    """What still moved when there was no more time."""
    deeds: list[str] = field(default_factory=list)
    """What the operator did."""
    curve: list[tuple[float, dict[str, int]]] = field(default_factory=list)


def settle(world: World, longest: float, say: Callable[[str], None]) -> Settling:
    """Wait until nothing moves; after `longest` seconds what still does is left as it is."""
    settling, began, calm, told = Settling(), time.monotonic(), 0, 0.0
    while True:
        settling.seconds = time.monotonic() - began
        settling.left = unrest(world)
        settling.curve.append((round(settling.seconds, 1), settling.left))
        calm = 0 if settling.left else calm + 1
        if calm >= _CALM_LOOKS or settling.seconds > longest:
            return settling
        if settling.seconds - told > 15:
            told = settling.seconds
            say(f"  after {told:.0f} s: {settling.left}")
        if settling.seconds > _FIRST_LOOK:
            _operate(world, settling)
        gevent.sleep(_LOOK_SECONDS)


def unrest(world: World) -> dict[str, int]:
    """What still has to happen, and how much of it; empty: nothing."""
    with suppress(psycopg.Error, urllib3.exceptions.HTTPError):
        with world.connect() as sql:
            found = {name: count for name, count in sql.execute(_UNREST) if count}
            voided = {row[0] for row in sql.execute(_VOIDED)}
        # A form that is still out there may be paid, and then the money has to go back.
        forms = sum(payment.order_id in voided for payment in gateway_payments(world))
        lanes = sum(lane["waiting"] for lane in world.ledger("provider")["lanes"].values())
        found |= {"forms given up": forms} if forms else {}
        return found | ({"messages of the provider": lanes} if lanes else {})
    return {"no answer": 1}


def _operate(world: World, settling: Settling) -> None:
    """Do by hand what the runbook wants a person to do, and no more."""
    with world.connect() as sql:
        impatient = [row[0] for row in sql.execute(_IMPATIENT)]
        unclear = sql.execute(_UNCLEAR).fetchall()
    for refund_id in impatient:
        _do(world, settling, "retry", str(refund_id))
    returned = {p.order_id: p.refunded for p in gateway_payments(world)} if unclear else {}
    for refund_id, order_id, amount, paid in unclear:
        # The gateway's sum tells whether the part went back; anything between is a difference.
        there = returned.get(order_id, 0)
        if there == paid + amount:
            _do(world, settling, "paid", str(refund_id), "--note", "the gateway's sum says so")
        elif there == paid:
            _do(world, settling, "retry", str(refund_id))


def _do(world: World, settling: Settling, *command: str) -> None:
    settling.deeds.append(" ".join(("refunds", *command[:2])))
    world.operate("refunds", *command)
