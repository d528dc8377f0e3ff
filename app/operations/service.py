"""Work that waits for a person: list it, look at all of it, have it tried again, give it up."""

from __future__ import annotations

from app.kernel import db, errors, relay
from app.kernel.auth import Principal
from app.operations import queries
from app.operations.models import WorkItem, WorkKind, WorkList
from app.payments import service as payments
from app.payments.models import RefundStatus
from app.provider import service as provider

_ROLE = "admin"
_LISTED = 500
WITHOUT_DUTY = sorted(provider.WITHOUT_DUTY)
_STUCK: db.Params = {
    "without_duty": WITHOUT_DUTY,
    "order_tries": provider.STUCK_AFTER,
    "payment_tries": 8,
    "stalled": 600.0,
}


def require_operator(user: Principal) -> str:
    """Who acts, as the audit log names it. Raises Forbidden for all but operators."""
    if _ROLE not in user.roles:
        raise errors.Forbidden
    return f"operator:{user.user_id}"


def list_work() -> WorkList:
    """What waits for a person: how much of each kind, and the oldest."""
    with queries.looking() as connection:
        return WorkList(
            queries.count(connection, _STUCK), queries.work(connection, _STUCK, _LISTED)
        )


def count_work() -> dict[WorkKind, int]:
    """How much of each kind waits for a person."""
    with queries.looking() as connection:
        return queries.count(connection, _STUCK)


def inspect(kind: WorkKind, item_id: int) -> WorkItem:
    """Everything that is stored about one, whether or not it waits. Raises NotFound."""
    found = queries.find(kind, item_id)
    if found is None:
        raise errors.NotFound(f"Такого ({kind} {item_id}) нет.", code=f"{kind}_not_found")
    row, booking_id = found
    return WorkItem(kind, item_id, row, queries.records(booking_id) if booking_id else {})


def retry(kind: WorkKind, item_id: int, *, actor: str) -> None:
    """Have a worker try now, as if for the first time.

    Raises NotFound, Conflict when there is nothing to try, Busy. A part of a payment that may have
    been paid back is not tried from here: one who has looked at the gateway decides, by hand.
    """
    if kind is WorkKind.REFUND:
        if payments.find_refund(item_id).status is RefundStatus.UNCLEAR:
            raise errors.Conflict(
                "Часть денег могла уже вернуться. Проверьте это у шлюза, затем: "
                f"python -m app.admin refunds paid|retry {item_id}.",
                code="refund_unclear",
            )
        payments.retry_refund(item_id, actor=actor)
    elif kind is WorkKind.ORDER:
        provider.retry(item_id, actor=actor)
    elif kind is WorkKind.PAYMENT:
        payments.retry(item_id, actor=actor)
    else:
        relay.retry_message(item_id, actor)


def discard(message_id: int, *, actor: str, note: str) -> None:
    """Give up a message that could not be delivered. Raises NotFound, Conflict, Busy."""
    relay.discard_message(message_id, actor, note)
