"""The calls that a step of an order consists of; each may be repeated after a crash anywhere.

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
from app.provider import client, queries
from app.provider.models import Order, PlaceRow, PlaceStatus, Status

LEASE = 30.0
"""Seconds that a worker has for one place; more than a call's deadline and a look back."""
_CONFLICT = 409
_RACE_LOST = 500

_P = PlaceStatus
_GOING = (_P.SURPLUS, _P.RELEASING)
_IN = (_P.SELECTED, *_GOING)


class Superseded(Exception):
    """Somebody else has taken the order up."""


class NotYet(Exception):
    """What was done has not had its effect yet."""


def take(order: Order) -> Status:
    """Do what there is to do for an order that has a duty; returns its next status.

    Raises Refused, OutcomeUnknown, NotYet: it is to be taken up again. Superseded: it is not.
    """
    return _STEPS[order.status](order)


def _ask(order: Order) -> Status:
    """WANTED: the provider's order gets the places one after the other, then counts them."""
    rows = _places(order)
    for row in rows:
        if row.status in _GOING:
            _release(order, _known(order.order_id), row)
    for row in rows:
        if row.status is _P.WANTED and row.is_bought:
            _store(order, row, _P.BOUGHT)
        elif row.status in (_P.WANTED, _P.ASKED):
            order = order._replace(order_id=order.order_id or _start(order))
            if _select(order, _known(order.order_id), row) is _P.REFUSED:
                return Status.REFUSED
        elif row.status is _P.REFUSED:
            return Status.REFUSED
    if count := _count(_places(order)):
        seen = client.find_order(_known(order.order_id))
        if seen is None or seen.places_count < count:
            raise NotYet("The provider has not counted the places yet.")
    return Status.HELD


def _start(order: Order) -> UUID:
    order_id = client.start_order()
    if not queries.store_order_id(order, order_id):
        raise Superseded
    return order_id


def _select(order: Order, order_id: UUID, row: PlaceRow) -> PlaceStatus:
    """Put one place into the order, or learn that somebody else has it."""
    is_in_doubt = row.status is _P.ASKED
    if is_in_doubt:
        with _watched(row, order):
            known = _resolve(order, order_id, row)
        if known is not _P.WANTED:
            return _store(order, row, known)
    elif row.is_elsewhere:
        raise NotYet("Another order of ours has the place.")
    else:
        _store(order, row, _P.ASKED)
    try:
        client.select(row.place_id, order_id)
    except Refused as refusal:
        if is_in_doubt and refusal.status == _CONFLICT:
            raise NotYet("An earlier try may have taken the place.") from None
        if refusal.status != _CONFLICT:
            if not is_in_doubt:
                _store(order, row, _P.WANTED)
            raise
        place = client.find_place(row.place_id)
        if place is not None and (place.is_free or row.was_elsewhere):
            _store(order, row, _P.WANTED)
            raise NotYet("The place is being given back.") from None
        return _store(order, row, _P.REFUSED)
    return _store(order, row, _P.SELECTED)


def _resolve(order: Order, order_id: UUID, row: PlaceRow) -> PlaceStatus:
    """What became of a place whose select had no answer: SELECTED, REFUSED, or WANTED again.

    Raises NotYet while the provider does not show it.
    """
    beside = [one for one in _places(order) if one.place_id != row.place_id]
    others = _count(beside)
    # What was given back a moment ago may still be counted.
    leaving = sum(one.status is _P.FREED and one.waits < _patience() for one in beside)
    seen = client.find_order(order_id)
    if seen is not None and seen.places_count > others + leaving:
        return _P.SELECTED
    if seen is not None and seen.places_count > others:
        raise NotYet("The order's count of places is on its way.")
    place = client.find_place(row.place_id)
    if place is None or place.is_free:
        return _P.WANTED
    if seen is None or seen.places_count < others or row.waits < _patience():
        raise NotYet("The order's count of places is on its way.")
    return _P.REFUSED  # All that came before has been counted, and this has not.


def _submit(order: Order) -> Status:
    """SUBMITTING: the payment is authorised."""
    if count := _count(_places(order)):
        seen = client.find_order(_known(order.order_id))
        if seen is None:
            raise NotYet("The provider does not show the order.")
        if seen.places_count < count:  # It had them all; somebody has released one.
            return Status.CANCELLING
        _change(order, client.OrderStatus.SUBMITTED)
    return Status.SUBMITTED


def _confirm(order: Order) -> Status:
    """CONFIRMING: the money has been taken."""
    if _count(_places(order)):
        _change(order, client.OrderStatus.CONFIRMED)
    return Status.CONFIRMED


def _cancel(order: Order) -> Status:
    """CANCELLING: the money could not be taken; perhaps nothing had been submitted."""
    if not _count(_places(order)):
        return Status.CANCELLED
    order_id = _known(order.order_id)
    seen = client.find_order(order_id)
    if seen is None:
        raise NotYet("The provider does not show the order yet.")
    if seen.status is client.OrderStatus.STARTED:
        # A submit may be on its way whose answer was lost.
        if order.waits < _patience():
            raise NotYet("A submit may be on its way.")
        return Status.RETURNING
    if seen.status is client.OrderStatus.SUBMITTED:
        _change(order, client.OrderStatus.CANCELLED)
    return Status.CANCELLED


_REACHED = {
    client.OrderStatus.SUBMITTED: (client.OrderStatus.SUBMITTED, client.OrderStatus.CONFIRMED),
    client.OrderStatus.CONFIRMED: (client.OrderStatus.CONFIRMED,),
    client.OrderStatus.CANCELLED: (client.OrderStatus.CANCELLED,),
}
_CALLS = {
    client.OrderStatus.SUBMITTED: client.submit,
    client.OrderStatus.CONFIRMED: client.confirm,
    client.OrderStatus.CANCELLED: client.cancel,
}


def _change(order: Order, to: client.OrderStatus) -> None:
    """Bring the provider's order to a status; after a no or no answer, its own word counts."""
    order_id = _known(order.order_id)
    try:
        _CALLS[to](order_id)
    except (Refused, OutcomeUnknown):
        seen = client.find_order(order_id)
        if seen is None or seen.status not in _REACHED[to]:
            raise


def _give_back(order: Order) -> Status:
    """RETURNING: what is in the order goes, and nothing else: a release names no order, so one for
    a place that is not ours would free it under somebody else."""
    if order.order_id is None:
        return Status.RETURNED
    for row in _places(order):
        if row.status is _P.ASKED:
            with _watched(row, order):
                known = _resolve(order, order.order_id, row)
            row = row._replace(status=_store(order, row, _AFTER_DOUBT[known]))  # noqa: PLW2901
        if row.status in _IN and _release(order, order.order_id, row) is None:
            return Status.CANCELLING
    _close(order, order.order_id)
    return Status.RETURNED


def _close(order: Order, order_id: UUID) -> None:
    """End an empty order, so that a select that is late, of a worker thought dead, finds no order.

    One with places is never cancelled here: that can stop the provider's lane of orders for good.
    """
    seen = client.find_order(order_id)
    if seen is None or seen.status is client.OrderStatus.CANCELLED:
        return
    if seen.places_count > 0:
        if order.waits < _patience():
            raise NotYet("The provider has not counted the releases yet.")
        return  # It counts too high since a crash of its own.
    _change(order, client.OrderStatus.CANCELLED)


_AFTER_DOUBT = {_P.SELECTED: _P.SELECTED, _P.WANTED: _P.FREED, _P.REFUSED: _P.FREED}


def _release(order: Order, order_id: UUID, row: PlaceRow) -> PlaceStatus | None:
    """Take one place out of the order; None: the order has been submitted, nothing can go."""
    count = _count(_places(order))
    seen = client.find_order(order_id)
    if seen is None:
        raise NotYet("The provider does not show the order yet.")
    if seen.status is not client.OrderStatus.STARTED:
        return None
    with _watched(row, order):
        has_gone = _has_gone(row, seen, count)
    if has_gone:
        return _store(order, row, _P.FREED)
    began = time.monotonic()
    _store(order, row, _P.RELEASING)
    if time.monotonic() - began > LEASE / 3:
        raise Superseded  # We were stopped, and the place may be another buyer's by now.
    try:
        client.release(row.place_id)
    except (Refused, OutcomeUnknown) as problem:
        if isinstance(problem, Refused) or problem.status == _RACE_LOST:
            _store(order, row, _P.SURPLUS)
        raise
    return _store(order, row, _P.FREED)


def _has_gone(row: PlaceRow, seen: client.OrderSeen, count: int) -> bool:
    """Whether a place is out of the order already. Raises NotYet while that cannot be said."""
    is_in_doubt = row.status is _P.RELEASING
    if is_in_doubt == (seen.places_count < count):
        return is_in_doubt
    place = client.find_place(row.place_id)
    is_free = place is not None and place.is_free
    is_late = row.waits >= _patience()
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
        queries.doubt(order.booking_id, row.place_id)
        raise
    except (Refused, OutcomeUnknown):
        queries.doubt_anew(order.booking_id, row.place_id)
        raise


def _places(order: Order) -> list[PlaceRow]:
    return queries.places(order.booking_id, recent=_patience())


def _count(rows: Iterable[PlaceRow]) -> int:
    return sum(row.status in _IN for row in rows)


def _known(order_id: UUID | None) -> UUID:
    if order_id is None:
        raise LookupError("An order with places has an id.")
    return order_id


def _patience() -> float:
    return settings().event_provider_patience


def _store(order: Order, row: PlaceRow, to: PlaceStatus) -> PlaceStatus:
    try:
        if not queries.set_place(order, row.place_id, to, LEASE):
            raise Superseded
    except pg.UniqueViolation:
        raise NotYet("Another order of ours is about this place.") from None
    return to


_STEPS = {
    Status.WANTED: _ask,
    Status.SUBMITTING: _submit,
    Status.CONFIRMING: _confirm,
    Status.CANCELLING: _cancel,
    Status.RETURNING: _give_back,
}
