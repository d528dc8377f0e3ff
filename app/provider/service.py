"""Orders at the event provider: what the rest of the service may ask of them.

Requests never call the provider. They change an order in their own transaction and wake a worker,
which makes the calls; so however slow the provider is, it holds nobody up who did not ask for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import gevent

from app.kernel import audit, db, errors, metrics
from app.kernel.config import settings
from app.kernel.outside import OutcomeUnknown, Refused
from app.kernel.wake import wake
from app.provider import client, place_queries, places, queries, rules, steps, waiting
from app.provider.models import Order, PlaceStatus, Status, Wanted

log = logging.getLogger(__name__)

JOB = "orders"
"""The name of the worker's job that takes orders up."""

WITHOUT_DUTY = rules.WITHOUT_DUTY
STUCK_AFTER = rules.STUCK_AFTER
list_places = client.list_places
find_order = client.find_order

_CONTENT = frozenset({PlaceStatus.SELECTED, PlaceStatus.BOUGHT})
_GONE = frozenset({PlaceStatus.REFUSED, PlaceStatus.FREED})
_LEAVING = _GONE.union(places.GOING)
_UNSETTLED = frozenset({*places.GOING, PlaceStatus.ASKED})
_ORDERS_A_SECOND = 20
"""What the provider brings of orders of two places: five of its hundred messages a second each."""
_MOST_AHEAD = 5_000
_LINGER_SECONDS = 1.0


def find(booking_id: int) -> Order | None:
    """The order of a booking, if its seats are the provider's."""
    return queries.find(booking_id)


def lock(connection: db.Connection, booking_id: int) -> Order | None:
    """The order of a booking, locked; the booking and its payment have to be locked before."""
    return queries.lock(connection, booking_id)


def want(
    connection: db.Connection, *, booking_id: int, event_id: int, wanted: Sequence[Wanted]
) -> Status:
    """Have the booking's order hold exactly these places; returns HELD if it does already.

    The booking is locked by the caller. Raises Conflict when the order is past that.
    """
    queries.insert(connection, booking_id, event_id)
    order = _locked(connection, booking_id)
    if order.status is Status.REFUSED:
        return order.status
    if order.status not in rules.UNPAID:
        raise errors.Conflict("Эту бронь нельзя оплатить.", code="booking_not_payable")
    if order.status is Status.WANTED and _has_exactly(connection, booking_id, wanted):
        return order.status
    place_queries.want(connection, booking_id, wanted)
    if order.status is Status.HELD and _is_ready(connection, booking_id):
        return Status.HELD
    return _advance(connection, order, Status.WANTED)


def keep(connection: db.Connection, order: Order, wanted: Sequence[Wanted]) -> bool:
    """Have a locked, unpaid order lose what is not among these; whether that changed it."""
    is_refused = order.status is Status.REFUSED
    if not is_refused and _has_exactly(connection, order.booking_id, wanted):
        return False
    place_queries.want(connection, order.booking_id, wanted)
    if is_refused:
        order = order._replace(status=_advance(connection, order, Status.HELD))
    rows = place_queries.places(order.booking_id, connection)
    if order.status is Status.WANTED or any(row.status in _UNSETTLED for row in rows):
        _advance(connection, order, Status.WANTED)
    return True


def refused_seats(connection: db.Connection, booking_id: int) -> list[int]:
    """The seats of an order whose places somebody else has."""
    rows = place_queries.places(booking_id, connection)
    return [row.seat_id for row in rows if row.status is PlaceStatus.REFUSED]


def tell_refusal(connection: db.Connection, booking_id: int) -> bool:
    """Whether the buyer has to be told that a place was refused; true once."""
    return queries.tell_refusal(connection, booking_id)


def advance(connection: db.Connection, booking_id: int, to: Status) -> None:
    """Bring the order of a locked booking, if it has one, to a status.

    Raises Conflict when the step is not in the table.
    """
    if (order := queries.lock(connection, booking_id)) is not None:
        _advance(connection, order, to)


def give_up(connection: db.Connection, order: Order) -> bool:
    """Bring a locked order, which nobody pays, to its end; whether it was not on its way there."""
    if order.status in rules.UNPAID:
        _advance(connection, order, Status.RETURNING)
    elif order.status in (Status.SUBMITTING, Status.SUBMITTED):
        _advance(connection, order, Status.CANCELLING)
    else:
        return False
    return True


def rest(connection: db.Connection, order: Order) -> None:
    """Leave an order alone until somebody changes it."""
    queries.rest(connection, order.booking_id)


def reconsider_all(connection: db.Connection) -> None:
    """Have workers compare all orders with their bookings, which have been erased."""
    queries.make_all_due(connection)
    wake(connection, JOB)


def retry(booking_id: int, *, actor: str) -> None:
    """Have a worker take the order of a booking up now. Raises NotFound, Conflict."""
    with db.transaction() as connection:
        order = queries.lock(connection, booking_id)
        if order is None:
            raise errors.NotFound("Такого заказа нет.", code="order_not_found")
        if order.status in rules.WITHOUT_DUTY:
            raise errors.Conflict("По этому заказу делать нечего.", code="order_without_duty")
        queries.retry(connection, booking_id)
        audit.record(
            connection,
            actor=actor,
            action="order.retried",
            entity="order",
            entity_id=booking_id,
            from_status=order.status,
            to_status=order.status,
        )
        wake(connection, JOB)


def take_due(limit: int) -> list[Order]:
    """The orders that a worker has to take up now.

    New ones are admitted only as the provider keeps up: whoever waits does so here, where nothing
    is paid yet, and not in the provider's lanes.
    """
    due = queries.take_due(limit, places.LEASE)
    window = settings().event_provider_window
    if len(due) < limit:
        due += queries.admit(window, limit - len(due), places.LEASE)
    return due


def step(order: Order) -> Status | None:
    """Make the calls that an order waits for; returns its new status if it has one.

    Whatever happens is stored, with the time of the next look.
    """
    try:
        to = _linger(order)
        with db.transaction() as connection:
            rules.advance(order.status, to=to)
            is_due = to not in rules.WITHOUT_DUTY
            if not queries.finish(connection, order, to, is_due=is_due):
                return None
    except places.Superseded:
        return None
    except places.NotYet as problem:
        _wait(order, str(problem))
        return None
    except (Refused, OutcomeUnknown) as problem:
        pause = max(problem.retry_after or 0.0, rules.pause(order.attempts))
        log.warning(
            "provider order has to wait",
            extra={"booking_id": order.booking_id, "status": order.status, "error": str(problem)},
        )
        queries.look_later(order, pause, str(problem) or "no answer")
        return None
    metrics.OUTCOMES.labels("order", to.lower()).inc()
    return to


def _linger(order: Order) -> Status:
    """Take a step, and stay with it as long as what is on its way usually takes."""
    started = time.monotonic()
    while True:
        try:
            return steps.take(order)
        except places.NotYet:
            waited = time.monotonic() - started
            if waited > _LINGER_SECONDS or order.waits > _LINGER_SECONDS:
                raise
        gevent.sleep(rules.look_again(waited))
        current = queries.find(order.booking_id)
        if current is None or current.turn != order.turn:
            raise places.Superseded
        order = current


def _wait(order: Order, reason: str) -> None:
    if order.waits < settings().event_provider_patience:
        queries.look_later(order, rules.look_again(order.waits))
        return
    # A lane has stopped, or hangs on something: an alarm and a pause, not more calls.
    log.error(
        "provider brings nothing",
        extra={"booking_id": order.booking_id, "status": order.status, "seconds": order.waits},
    )
    queries.look_later(order, max(rules.pause(order.attempts), 5.0), reason)


def seconds_to_wait(booking_id: int) -> int:
    """About how long it takes until the order of a booking holds its places."""
    return 1 + queries.ahead(booking_id, _MOST_AHEAD) // _ORDERS_A_SECOND


def wait_until_decided(booking_id: int, seconds: float) -> bool:
    """Wait until an order is no longer being asked for; False: it is still, after so many seconds.

    Raises Unavailable, Busy when the database cannot be asked.
    """
    return waiting.until_decided(booking_id, seconds)


def _has_exactly(connection: db.Connection, booking_id: int, wanted: Sequence[Wanted]) -> bool:
    rows = place_queries.places(booking_id, connection)
    present = {row.place_id for row in rows if row.status not in _LEAVING}
    return present == {one.place_id for one in wanted}


def _is_ready(connection: db.Connection, booking_id: int) -> bool:
    rows = place_queries.places(booking_id, connection)
    return all(row.status in _CONTENT for row in rows if row.status not in _GONE)


def _locked(connection: db.Connection, booking_id: int) -> Order:
    order = queries.lock(connection, booking_id)
    if order is None:
        raise LookupError("The order has just been made.")
    return order


def _advance(connection: db.Connection, order: Order, to: Status) -> Status:
    status = rules.advance(order.status, to=to)
    is_due = status not in rules.WITHOUT_DUTY
    queries.set_status(connection, order.booking_id, status, is_due=is_due)
    if is_due:
        wake(connection, JOB)
    return status
