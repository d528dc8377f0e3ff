"""One place of an order at the event provider: selected, released, and read back when in doubt.

What is about to be asked for is stored before the call, what came of it after. In between lies all
that can be lost, and the order's own count of places brings it back: at most one place of an order
is ever in doubt, so the count is either without it or with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from psycopg import errors as pg

from app.kernel.config import settings
from app.kernel.outside import OutcomeUnknown, Refused
from app.provider import client, place_queries
from app.provider.models import Order, PlaceRow, PlaceStatus

LEASE = 30.0
"""Seconds that a worker has for one place; more than a call's deadline and a look back."""
_CONFLICT = 409
_RACE_LOST = 500

_P = PlaceStatus
GOING = (_P.SURPLUS, _P.RELEASING)
IN = (_P.SELECTED, *GOING)


class Superseded(Exception):
    """Somebody else has taken the order up."""


class NotYet(Exception):
    """What was done has not had its effect yet."""


def select(order: Order, order_id: UUID, row: PlaceRow) -> PlaceStatus:
    """Put one place into the order, or learn that somebody else has it."""
    is_in_doubt = row.status is _P.ASKED
    if is_in_doubt:
        with _watched(row, order):
            found = _resolve(order, order_id, row)
        if found is not _P.WANTED:
            return store(order, row, found)
    elif row.is_elsewhere:
        raise NotYet("Another order of ours has the place.")
    else:
        store(order, row, _P.ASKED)
    try:
        client.select(row.place_id, order_id)
    except Refused as refusal:
        if is_in_doubt and refusal.status == _CONFLICT:
            raise NotYet("An earlier try may have taken the place.") from None
        if refusal.status != _CONFLICT:
            if not is_in_doubt:
                store(order, row, _P.WANTED)
            raise
        place = client.find_place(row.place_id)
        if place is not None and (place.is_free or row.was_elsewhere):
            store(order, row, _P.WANTED)
            raise NotYet("The place is being given back.") from None
        return store(order, row, _P.REFUSED)
    return store(order, row, _P.SELECTED)


def _resolve(order: Order, order_id: UUID, row: PlaceRow) -> PlaceStatus:
    """What became of a place whose select had no answer: SELECTED, REFUSED, or WANTED again.

    Raises NotYet while the provider does not show it.
    """
    beside = [one for one in of_order(order) if one.place_id != row.place_id]
    others = count_in(beside)
    # What was given back a moment ago may still be counted.
    leaving = sum(one.status is _P.FREED and one.waits < patience() for one in beside)
    seen = client.find_order(order_id)
    if seen is not None and seen.places_count > others + leaving:
        return _P.SELECTED
    if seen is not None and seen.places_count > others:
        raise NotYet("The order's count of places is on its way.")
    place = client.find_place(row.place_id)
    if place is None or place.is_free:
        return _P.WANTED
    if seen is None or seen.places_count < others or row.waits < patience():
        raise NotYet("The order's count of places is on its way.")
    return _P.REFUSED  # All that came before has been counted, and this has not.


def settle_unwanted(order: Order, order_id: UUID, row: PlaceRow) -> PlaceRow:
    """A place in doubt of an order that goes back: in it, or gone. Raises NotYet."""
    with _watched(row, order):
        found = _resolve(order, order_id, row)
    is_in = found is _P.SELECTED
    return row._replace(status=store(order, row, _P.SELECTED if is_in else _P.FREED))


def release(order: Order, order_id: UUID, row: PlaceRow) -> PlaceStatus | None:
    """Take one place out of the order; None: the order has been submitted, nothing can go."""
    count = count_in(of_order(order))
    seen = client.find_order(order_id)
    if seen is None:
        raise NotYet("The provider does not show the order yet.")
    if seen.status is not client.OrderStatus.STARTED:
        return None
    with _watched(row, order):
        has_gone = _has_gone(row, seen, count)
    if has_gone:
        return store(order, row, _P.FREED)
    began = time.monotonic()
    store(order, row, _P.RELEASING)
    if time.monotonic() - began > LEASE / 3:
        raise Superseded  # We were stopped, and the place may be another buyer's by now.
    try:
        client.release(row.place_id)
    except (Refused, OutcomeUnknown) as problem:
        if isinstance(problem, Refused) or problem.status == _RACE_LOST:
            store(order, row, _P.SURPLUS)
        raise
    return store(order, row, _P.FREED)


def _has_gone(row: PlaceRow, seen: client.OrderSeen, count: int) -> bool:
    """Whether a place is out of the order already. Raises NotYet while that cannot be said."""
    is_in_doubt = row.status is _P.RELEASING
    if is_in_doubt == (seen.places_count < count):
        return is_in_doubt
    place = client.find_place(row.place_id)
    is_free = place is not None and place.is_free
    is_late = row.waits >= patience()
    if is_free and (is_in_doubt or is_late):
        return True
    if is_in_doubt and is_late:
        return False  # The release has not come, and is to be repeated.
    raise NotYet("The provider has not counted the places yet.")


@contextmanager
def _watched(row: PlaceRow, order: Order) -> Iterator[None]:
    """Remember since when a place is in doubt though the provider answers.

    Time in which it did not is no time that its lanes had.
    """
    try:
        yield
    except NotYet:
        place_queries.doubt(order.booking_id, row.place_id)
        raise
    except (Refused, OutcomeUnknown):
        place_queries.doubt_anew(order.booking_id, row.place_id)
        raise


def of_order(order: Order) -> list[PlaceRow]:
    """The places of an order, by seat."""
    return place_queries.places(order.booking_id, recent=patience())


def count_in(rows: Iterable[PlaceRow]) -> int:
    """How many of these the provider's order has."""
    return sum(row.status in IN for row in rows)


def known(order_id: UUID | None) -> UUID:
    """The provider's id of an order that has places."""
    if order_id is None:
        raise LookupError("An order with places has an id.")
    return order_id


def patience() -> float:
    """Seconds that the provider's lanes have to bring something."""
    return settings().event_provider_patience


def store(order: Order, row: PlaceRow, to: PlaceStatus) -> PlaceStatus:
    """Store what became of a place. Raises Superseded, NotYet."""
    try:
        if not place_queries.set_place(order, row.place_id, to, LEASE):
            raise Superseded
    except pg.UniqueViolation:
        raise NotYet("Another order of ours is about this place.") from None
    return to
