"""Reads the three ledgers, and what the API shows of ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from loadtest.accounts import basic
from loadtest.chaos import facts as words
from loadtest.chaos.facts import Facts
from loadtest.chaos.world import HALL_EVENT, OWN_EVENT, World, account

_SEATS = "SELECT id, status::text, holder_kind::text, holder_id, external_id::text FROM seats"
_BOOKINGS = """
    SELECT b.id, u.email, b.status::text FROM bookings b JOIN users u USING (user_id)
"""
_LINES = """
    SELECT id, booking_id, seat_id, status::text, unit_price_minor - discount_minor
    FROM booking_lines
"""
_PAYMENTS = """
    SELECT order_id, booking_id, status, amount_minor, line_ids,
           coalesce(l.charge, 0)::bigint, coalesce(l.due, 0)::bigint, coalesce(l.fee, 0)::bigint,
           coalesce(l.refund, 0)::bigint
    FROM payments LEFT JOIN (
        SELECT order_id, sum(amount_minor) FILTER (WHERE kind = 'CHARGE') AS charge,
               sum(amount_minor) FILTER (WHERE kind = 'REFUND_DUE') AS due,
               sum(amount_minor) FILTER (WHERE kind = 'FEE') AS fee,
               sum(amount_minor) FILTER (WHERE kind = 'REFUND') AS refund
        FROM ledger GROUP BY order_id) l USING (order_id)
"""
_REFUNDS = "SELECT id, order_id, status, amount_minor, last_error FROM refunds"
_ORDERS = "SELECT booking_id, order_id::text, status, last_error FROM provider_orders"
_PLACES = "SELECT booking_id, place_id::text, status FROM provider_places"
_MESSAGES = "SELECT count(*) FILTER (WHERE dead_at IS NULL), count(dead_at) FROM outbox"
# What users are told about, by the record that was written in the same transaction.
_NOTICES_DUE = """
    SELECT action, entity_id, count(*) FROM audit_log
    WHERE entity = 'booking' AND action IN ('booking.confirmed', 'booking.cancelled',
                                            'booking.expired', 'booking.place_refused')
       OR entity = 'payment' AND action = 'payment.failed'
    GROUP BY 1, 2
    UNION ALL
    SELECT kind, order_id, count(*) FROM (
        SELECT 'refund.due' AS kind, order_id FROM refunds
        UNION ALL SELECT 'refund.paid', order_id FROM refunds WHERE status = 'PAID') r
    GROUP BY 1, 2
"""
_NOTICES = """
    SELECT topic, CASE WHEN topic LIKE 'booking.%' THEN booking_id ELSE order_id END, count(*)
    FROM notifications GROUP BY 1, 2
"""
_EVIDENCE = (
    *("bookings", "booking_lines", "seats", "payments", "ledger", "refunds"),
    *("provider_orders", "provider_places", "audit_log", "outbox", "notifications"),
)


def collect(world: World, foreign: dict[str, set[str]]) -> Facts:
    """Read everything that is compared; nothing moves any more."""
    with world.connect() as sql:
        waiting, dead = sql.execute(_MESSAGES).fetchall()[0]
        facts = Facts(
            seats=[words.Seat(*row) for row in sql.execute(_SEATS)],
            bookings=[words.Booking(*row) for row in sql.execute(_BOOKINGS)],
            lines=[words.Line(*row) for row in sql.execute(_LINES)],
            payments=[
                words.Payment(*row)._replace(line_ids=tuple(row[4]))
                for row in sql.execute(_PAYMENTS)
            ],
            refunds=[words.Refund(*row) for row in sql.execute(_REFUNDS)],
            orders=[words.Order(*row) for row in sql.execute(_ORDERS)],
            places=[words.Place(*row) for row in sql.execute(_PLACES)],
            waiting_messages=waiting,
            dead_messages=dead,
            notices_due=_counted(sql, _NOTICES_DUE),
            notices=_counted(sql, _NOTICES),
            foreign=foreign,
        )
    facts.gateway = gateway_payments(world)
    _read_provider(world, facts)
    facts.listed = {
        email: _bookings(world, email, password) for email, password in _accounts(world)
    }
    facts.shown = dict(_shown(world))
    return facts


def keep_evidence(world: World, folder: Path) -> None:
    """Write the tables that tell how a difference came about, for whoever looks for its cause."""
    folder.mkdir()
    with world.connect() as sql:
        for name in _EVIDENCE:
            with sql.cursor().copy(f"COPY {name} TO STDOUT (FORMAT csv, HEADER)") as copy:
                (folder / f"{name}.csv").write_bytes(b"".join(bytes(part) for part in copy))
    for name in world.simulators:
        (folder / f"{name}.json").write_text(json.dumps(world.ledger(name), indent=1))


def gateway_payments(world: World) -> list[words.GatewayPayment]:
    """Every payment that the gateway knows."""
    return [
        words.GatewayPayment(
            int(line["orderId"]), line["status"], line["amount"], line["captured"], line["refunded"]
        )
        for line in world.ledger("gateway")["payments"]
    ]


def _read_provider(world: World, facts: Facts) -> None:
    ledger = world.ledger("provider")
    facts.provider_orders = [
        words.ProviderOrder(
            one["order_id"], one["status"], frozenset(one["places"] + one["unattached"])
        )
        for one in ledger["orders"]
    ]
    facts.provider_places = [
        words.ProviderPlace(one["place_id"], one["order_id"], one["is_free"])
        for one in ledger["places"]
    ]
    facts.stuck_lanes = [
        f"{name}: {lane['stuck_at'] or 'stopped'}"
        for name, lane in ledger["lanes"].items()
        if lane["is_stopped"]
    ]


def _counted(sql: psycopg.Connection[Any], query: str) -> Counter[tuple[str, int]]:
    return Counter({(topic, about): count for topic, about, count in sql.execute(query)})


def _accounts(world: World) -> list[tuple[str, str]]:
    return [account(number) for number in range(1, world.plan.buyers + 1)]


def _bookings(world: World, email: str, password: str) -> dict[int, frozenset[int]]:
    headers = {"Authorization": basic(email, password)}
    answer = world.http.request("GET", f"{world.service}/api/bookings", headers=headers)
    return {
        one["id"]: frozenset(seat["id"] for seat in one["seats"]) for one in json.loads(answer.data)
    }


def _shown(world: World) -> Iterator[tuple[int, str]]:
    """Every seat that GET /api/seats lists, with its status; each status is a list of its own."""
    for event_id in (HALL_EVENT, OWN_EVENT):
        page = 0
        while True:
            page += 1
            query = f"event_id={event_id}&page={page}&pageSize=20"
            answer = world.http.request("GET", f"{world.service}/api/seats?{query}")
            seats = json.loads(answer.data)
            yield from ((seat["id"], seat["status"]) for seat in seats)
            if len(seats) < 20:
                break
