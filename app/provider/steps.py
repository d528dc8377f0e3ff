"""The calls that a step of an order consists of; each may be repeated after a crash anywhere."""

from __future__ import annotations

from uuid import UUID

from app.kernel.outside import OutcomeUnknown, Refused
from app.provider import client, places, queries
from app.provider.models import Order, PlaceStatus, Status

_P = PlaceStatus


def take(order: Order) -> Status:
    """Do what there is to do for an order that has a duty; returns its next status.

    Raises Refused, OutcomeUnknown, NotYet: it is to be taken up again. Superseded: it is not.
    """
    return _STEPS[order.status](order)


def _ask(order: Order) -> Status:
    """WANTED: the provider's order gets the places one after the other, then counts them."""
    rows = places.of_order(order)
    for row in rows:
        if row.status in places.GOING:
            places.release(order, places.known(order.order_id), row)
    for row in rows:
        if row.status is _P.WANTED and row.is_bought:
            places.store(order, row, _P.BOUGHT)
        elif row.status in (_P.WANTED, _P.ASKED):
            order = order._replace(order_id=order.order_id or _start(order))
            if places.select(order, places.known(order.order_id), row) is _P.REFUSED:
                return Status.REFUSED
        elif row.status is _P.REFUSED:
            return Status.REFUSED
    if count := places.count_in(places.of_order(order)):
        seen = client.find_order(places.known(order.order_id))
        if seen is None or seen.places_count < count:
            raise places.NotYet("The provider has not counted the places yet.")
    return Status.HELD


def _start(order: Order) -> UUID:
    order_id = client.start_order()
    if not queries.store_order_id(order, order_id):
        raise places.Superseded
    return order_id


def _submit(order: Order) -> Status:
    """SUBMITTING: the payment is authorised."""
    if count := places.count_in(places.of_order(order)):
        seen = client.find_order(places.known(order.order_id))
        if seen is None:
            raise places.NotYet("The provider does not show the order.")
        if seen.places_count < count:  # It had them all; somebody has released one.
            return Status.CANCELLING
        _change(order, client.OrderStatus.SUBMITTED)
    return Status.SUBMITTED


def _confirm(order: Order) -> Status:
    """CONFIRMING: the money has been taken."""
    if places.count_in(places.of_order(order)):
        _change(order, client.OrderStatus.CONFIRMED)
    return Status.CONFIRMED


def _cancel(order: Order) -> Status:
    """CANCELLING: the money could not be taken; perhaps nothing had been submitted."""
    if not places.count_in(places.of_order(order)):
        return Status.CANCELLED
    order_id = places.known(order.order_id)
    seen = client.find_order(order_id)
    if seen is None:
        raise places.NotYet("The provider does not show the order yet.")
    if seen.status is client.OrderStatus.STARTED:
        # A submit may be on its way whose answer was lost.
        if order.waits < places.patience():
            raise places.NotYet("A submit may be on its way.")
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
    order_id = places.known(order.order_id)
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
    for row in places.of_order(order):
        found = row
        if row.status is _P.ASKED:
            found = places.settle_unwanted(order, order.order_id, row)
        if found.status in places.IN and places.release(order, order.order_id, found) is None:
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
        if order.waits < places.patience():
            raise places.NotYet("The provider has not counted the releases yet.")
        return  # It counts too high since a crash of its own.
    _change(order, client.OrderStatus.CANCELLED)


_STEPS = {
    Status.WANTED: _ask,
    Status.SUBMITTING: _submit,
    Status.CONFIRMING: _confirm,
    Status.CANCELLING: _cancel,
    Status.RETURNING: _give_back,
}
