"""What the gateway's ledger and the provider's have to say about ours. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.chaos.facts import Difference, Facts, Payment

_AGREED: dict[str, set[str | None]] = {
    "COMPLETED": {"CONFIRMED"},
    "FAILED": {"REJECTED", "CANCELLED", "EXPIRED"},
    # The gateway never heard of it, and is asked for ever, ever more rarely.
    "VOIDED": {None},
    # A part that an event's policy keeps stays captured.
    "REFUNDED": {"CANCELLED", "REFUNDED", "CONFIRMED"},
}


def money(facts: Facts) -> Iterator[Difference]:
    """For each order the gateway has what we have, and there is no money that we do not know."""
    ours = {payment.order_id: payment for payment in facts.payments}
    theirs = {payment.order_id: payment for payment in facts.gateway}
    prices = {line.id: line.price_minor for line in facts.lines if line.status == "SOLD"}
    for order_id in theirs.keys() - ours.keys():
        seen = theirs[order_id]
        detail = f"{seen.status}, {seen.captured} taken"
        yield Difference("unknown payment at the gateway", f"order {order_id}", detail)
    for order_id, payment in ours.items():
        subject = f"order {order_id}"
        found = theirs.get(order_id)
        status = found.status if found else None
        if status not in _AGREED.get(payment.status, set()):
            yield Difference(
                "payment statuses differ", subject, f"{payment.status}, there {status}"
            )
        kept = found.captured - found.refunded if found else 0
        if payment.charge - payment.refund != kept:
            detail = f"we keep {payment.charge - payment.refund}, the gateway {kept}"
            yield Difference("sums differ", subject, detail)
        yield from _balance(payment, sum(prices.get(line, 0) for line in payment.line_ids))


def _balance(payment: Payment, sold: int) -> Iterator[Difference]:
    """Of each order: what came is what goes back, what a policy keeps, and what is sold."""
    given = payment.refund_due + payment.fee + (sold if payment.status == "COMPLETED" else 0)
    if payment.charge != given:
        detail = f"{payment.charge} came, {given} is sold, kept or to go back"
        yield Difference("our ledger does not balance", f"order {payment.order_id}", detail)
    if payment.refund != payment.refund_due:
        detail = f"{payment.refund_due} due, {payment.refund} paid back"
        yield Difference("refund not paid", f"order {payment.order_id}", detail)


def refunds(facts: Facts) -> Iterator[Difference]:
    """Every refund has been paid."""
    for refund in facts.refunds:
        if refund.status != "PAID":
            detail = f"{refund.status} {refund.amount_minor}: {refund.last_error}"
            yield Difference("refund not paid", f"refund {refund.id}", detail)


def places(facts: Facts) -> Iterator[Difference]:
    """The provider's confirmed places are our bought ones, and nobody unknown has a place."""
    bought = {place.place_id for place in facts.places if place.status == "BOUGHT"}
    known = {order.order_id for order in facts.orders if order.order_id}
    confirmed = {
        place for order in facts.provider_orders
        if order.status == "CONFIRMED" and order.order_id in known for place in order.places
    }  # fmt: skip
    for place_id in confirmed - bought:
        yield Difference("bought without knowing", f"place {place_id}", "confirmed there only")
    for place_id in bought - confirmed:
        yield Difference("not bought there", f"place {place_id}", "BOUGHT, not confirmed there")
    ours_sold = {
        seat.place_id for seat in facts.seats
        if seat.place_id and seat.status == "SOLD" and seat.holder_kind == "BOOKING"
    }  # fmt: skip
    for place_id in ours_sold - confirmed:
        yield Difference("sold without a place", f"place {place_id}", "sold, not confirmed there")
    foreign = {p.place_id for p in facts.provider_places if p.order_id in facts.foreign}
    for seat in facts.seats:
        if seat.holder_kind == "PROVIDER" and seat.place_id not in foreign:
            detail = "SOLD to somebody else, whom the provider does not have"
            yield Difference(
                "seat given away", f"seat {seat.id}", f"place {seat.place_id}: {detail}"
            )
    for place in facts.provider_places:
        subject = f"place {place.place_id}"
        if place.order_id is not None and place.order_id not in known | facts.foreign.keys():
            yield Difference("place of nobody", subject, f"order {place.order_id}")
        elif place.order_id in known and place.place_id not in confirmed:
            yield Difference("place left behind", subject, f"in order {place.order_id} of ours")
        if (place.order_id is None) != place.is_free:
            yield Difference("place looks wrong", subject, f"free: {place.is_free}")
    yield from (Difference("lane stopped", lane, "for good") for lane in facts.stuck_lanes)


def foreign_places(facts: Facts) -> Iterator[Difference]:
    """What the foreign customer was given it still has: a release names no order."""
    there = {order.order_id: order.places for order in facts.provider_orders}
    for order_id, given in facts.foreign.items():
        for place_id in given - there.get(order_id, frozenset()):
            detail = f"given to the foreign order {order_id}, which has it no more"
            yield Difference("foreign place freed", f"place {place_id}", detail)


def orders(facts: Facts) -> Iterator[Difference]:
    """Each order of ours is at its end, and where the provider says it is."""
    theirs = {order.order_id: order for order in facts.provider_orders}
    for order in facts.orders:
        subject = f"order of booking {order.booking_id}"
        if order.status not in {"CONFIRMED", "RETURNED", "CANCELLED"}:
            yield Difference("order with a duty", subject, f"{order.status} {order.last_error}")
        found = theirs.get(order.order_id or "")
        if order.order_id and found is None:
            yield Difference("order unknown there", subject, order.order_id)
        elif found and found.places and order.status in {"RETURNED", "CANCELLED"}:
            detail = f"{order.status}, there {found.status} with {len(found.places)} places"
            yield Difference("order still has places", subject, detail)


def messages(facts: Facts) -> Iterator[Difference]:
    """Every message was delivered, and every user told what he has to know, once."""
    if facts.waiting_messages:
        yield Difference("messages waiting", "outbox", str(facts.waiting_messages))
    if facts.dead_messages:
        yield Difference("messages dead", "outbox", str(facts.dead_messages))
    for (topic, about), count in sorted((facts.notices_due - facts.notices).items()):
        yield Difference("notification missing", f"{topic} {about}", f"{count} times")
    for (topic, about), count in sorted((facts.notices - facts.notices_due).items()):
        yield Difference("notification too many", f"{topic} {about}", f"{count} times")
