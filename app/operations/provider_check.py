"""Our seats and orders as the event provider sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from gevent.pool import Pool

from app.kernel import audit, db
from app.kernel.config import settings
from app.kernel.outside import OutcomeUnknown, Refused
from app.operations import differences, rules
from app.operations.models import DifferenceKind, Finding, Outcome, Run
from app.operations.queries import looking
from app.provider import service as provider
from app.provider.models import Status
from app.seats import service as seats

_K = DifferenceKind
_PAGES, _SIZE = 100, 1_000
_AT_ONCE = 4
_A_RUN = 200
_MOST = 1_000
_PLACE_KINDS = (
    _K.SEAT_SOLD_ELSEWHERE, _K.SEAT_FREE_ELSEWHERE, _K.PLACE_NOT_OURS, _K.PLACE_NOT_FREED,
)  # fmt: skip
_ORDER_KINDS = (_K.ORDER_STATUS, _K.ORDER_PLACES)

_HAS_PLACES = """
    SELECT EXISTS (SELECT FROM seats s JOIN events e ON e.id = s.event_id
                   WHERE s.external_id IS NOT NULL AND e.starts_at > clock_timestamp())
"""
# Read after the provider's places: what we have asked for since is not taken for somebody else's.
_DIFFERING: LiteralString = """
    WITH theirs AS MATERIALIZED (
        SELECT * FROM unnest(%(ids)s::uuid[], %(free)s::boolean[]) AS place (id, is_free)
    ), asked AS MATERIALIZED (
        SELECT place_id, array_agg(status ORDER BY changed_at DESC) AS states,
               max(changed_at) AS changed_at
        FROM provider_places GROUP BY place_id
    )
    SELECT s.id, s.external_id, s.status::text, coalesce(s.holder_kind::text, ''),
           coalesce(asked.states, '{}'), asked.changed_at, theirs.is_free
    FROM seats s JOIN events e ON e.id = s.event_id
    LEFT JOIN theirs ON theirs.id = s.external_id
    LEFT JOIN asked ON asked.place_id = s.external_id
    WHERE s.external_id IS NOT NULL AND e.starts_at > clock_timestamp()
      AND CASE WHEN theirs.is_free IS FALSE THEN s.status = 'FREE'
          ELSE s.holder_kind = 'PROVIDER' OR asked.states && ARRAY['SELECTED', 'BOUGHT'] END
    ORDER BY s.id LIMIT %(most)s
"""


def compare_places(run: Run) -> tuple[Outcome, int]:
    """Read all places and compare them with our seats. Raises Refused, OutcomeUnknown."""
    row = db.one(_HAS_PLACES)
    if row is None or not row[0] or not settings().event_provider_url:
        return Outcome(run.part), 0
    ids, free = _read_places()
    with looking() as connection:
        values = {"ids": ids, "free": free, "most": _MOST}
        rows = connection.execute(_DIFFERING, values).fetchall()
    found = [one for row in rows if (one := _find(_Place(*row)))]
    at_once = [one for one in found if one.kind is _K.SEAT_SOLD_ELSEWHERE]
    others = [one for one in found if one.kind is not _K.SEAT_SOLD_ELSEWHERE]
    with db.transaction() as connection:
        certain = differences.record(connection, at_once, patience=0)
        certain += differences.record(connection, others, patience=_patience())
        healed = _give(connection, certain) + _take_back(connection, certain)
        if len(rows) < _MOST:
            differences.close_unseen(connection, _PLACE_KINDS, run.began)
    if healed:
        seats.seats_changed()
    return Outcome(run.part, len(ids), len(found), healed), 0


def _read_places() -> tuple[list[UUID], list[bool]]:
    ids: list[UUID] = []
    free: list[bool] = []
    for number in range(1, _PAGES + 1):
        page = provider.list_places(number, _SIZE)
        ids += [place.id for place in page]
        free += [place.is_free for place in page]
        if len(page) < _SIZE:
            break
    return ids, free


class _Place(NamedTuple):
    """A seat that stands for a place, and what we and the provider know of it."""

    seat_id: int
    place_id: UUID
    status: str
    holder: str
    states: list[str]
    """In all our orders, the latest first."""
    changed_at: datetime | None
    is_free_there: bool | None


def _find(place: _Place) -> Finding | None:
    kind = rules.judge_place(
        is_free_here=place.status == "FREE",
        is_providers=place.holder == "PROVIDER",
        states=place.states,
        is_free_there=place.is_free_there,
    )
    if kind is None:
        return None
    said = f", {place.states[0]} since {place.changed_at}" if place.states else ""
    ours = f"seat {place.seat_id} {place.status} {place.holder}".rstrip() + said
    theirs = {True: "free", False: "taken", None: "unknown"}[place.is_free_there]
    is_about_seat = kind in (_K.SEAT_SOLD_ELSEWHERE, _K.SEAT_FREE_ELSEWHERE)
    subject = str(place.seat_id if is_about_seat else place.place_id)
    return Finding(kind, subject, ours, f"place {place.place_id} {theirs}")


def _give(connection: db.Connection, certain: Sequence[Finding]) -> int:
    ids = _subjects(certain, _K.SEAT_SOLD_ELSEWHERE)
    given = seats.give_to_provider(connection, ids) if ids else []
    return _note(connection, _K.SEAT_SOLD_ELSEWHERE, given, "FREE", "SOLD")


def _take_back(connection: db.Connection, certain: Sequence[Finding]) -> int:
    ids = _subjects(certain, _K.SEAT_FREE_ELSEWHERE)
    freed = seats.take_back_from_provider(connection, ids) if ids else []
    return _note(connection, _K.SEAT_FREE_ELSEWHERE, freed, "SOLD", "FREE")


def _subjects(certain: Sequence[Finding], kind: DifferenceKind) -> list[int]:
    return [int(one.subject) for one in certain if one.kind is kind]


def _note(
    connection: db.Connection, kind: DifferenceKind, seat_ids: Sequence[int], was: str, to: str
) -> int:
    audit.record_all(
        connection,
        actor="event_provider",
        action="seat.provider_sold" if to == "SOLD" else "seat.provider_freed",
        entity="seat",
        entity_ids=seat_ids,
        from_status=was,
        to_status=to,
    )
    differences.note_healed(connection, kind, [str(one) for one in seat_ids])
    return len(seat_ids)


# A place that two confirmed orders have was bought in one of them; which one is not written down.
_ORDERS: LiteralString = """
    SELECT o.booking_id, o.order_id, o.status, o.changed_at,
           (SELECT count(*) FROM provider_places p WHERE p.booking_id = o.booking_id AND CASE
                WHEN o.status = 'CONFIRMED' THEN p.status = 'BOUGHT' AND NOT EXISTS (
                    SELECT FROM provider_places b WHERE b.place_id = p.place_id
                    AND b.booking_id <> p.booking_id AND b.status = 'BOUGHT')
                ELSE p.status IN ('SELECTED', 'SURPLUS') END)
    FROM provider_orders o
    WHERE o.order_id IS NOT NULL AND (o.booking_id = ANY(%(again)s)
        OR o.booking_id > %(after)s AND (o.status NOT IN ('CONFIRMED', 'RETURNED', 'CANCELLED')
            OR o.status = 'CONFIRMED' AND o.changed_at >= %(since)s))
    ORDER BY o.booking_id LIMIT %(limit)s
"""


def compare_orders(run: Run) -> tuple[Outcome, int]:
    """Ask about the next orders; returns what came of it, and where to go on."""
    if not settings().event_provider_url:
        return Outcome(run.part), 0
    again = [int(subject) for subject in differences.open_subjects(_ORDER_KINDS)]
    limit = _A_RUN + len(again)
    with looking() as connection:
        values = {"again": again, "after": run.position, "since": run.since, "limit": limit}
        orders = [_Order(*row) for row in connection.execute(_ORDERS, values)]
    answers = Pool(_AT_ONCE).map(_ask, orders)
    asked = [one for one in answers if isinstance(one, _Asked)]
    error = next((one for one in answers if isinstance(one, str)), "")
    findings = [one.finding for one in asked if one.finding]
    with db.transaction() as connection:
        differences.record(connection, findings, patience=_patience())
        examined = [str(one.booking_id) for one in asked]
        differences.close_unseen(connection, _ORDER_KINDS, run.began, examined)
    position = 0 if len(orders) < limit else max(run.position, orders[-1].booking_id)
    if error and not asked:
        position = run.position
    return Outcome(run.part, len(asked), len(findings), 0, error), position


class _Order(NamedTuple):
    """An order of ours, and how many places have to be in it."""

    booking_id: int
    order_id: UUID
    status: str
    changed_at: datetime
    places: int


class _Asked(NamedTuple):
    """An order that the provider has answered about."""

    booking_id: int
    finding: Finding | None


def _ask(order: _Order) -> _Asked | str:
    """One question; a text says why there is no answer."""
    try:
        seen = provider.find_order(order.order_id)
    except (Refused, OutcomeUnknown) as problem:
        return str(problem) or "no answer"
    kind = rules.judge_order(
        Status(order.status),
        seen.status if seen else None,
        count=order.places,
        count_there=seen.places_count if seen else 0,
    )
    if kind is None:
        return _Asked(order.booking_id, None)
    theirs = f"{seen.status}, {seen.places_count} places" if seen else "unknown"
    ours = f"{order.status}, {order.places} places, since {order.changed_at}"
    found = Finding(kind, str(order.booking_id), ours, f"order {order.order_id} {theirs}")
    return _Asked(order.booking_id, found)


def _patience() -> float:
    return settings().event_provider_patience
