"""The sums of the three ledgers side by side."""

from __future__ import annotations

from loadtest.chaos.facts import Facts

Row = tuple[str, int | None, int | None, int | None]


def table(facts: Facts) -> list[Row]:
    """The sums that have to agree: what, ours, the gateway's, the provider's."""
    sold = [line for line in facts.lines if line.status == "SOLD"]
    paid, there = facts.payments, facts.gateway
    ours = {order.order_id for order in facts.orders if order.order_id}
    held = [order for order in facts.provider_orders if order.order_id in ours]
    hall = {seat.id for seat in facts.seats if seat.place_id}
    by_place = {seat.place_id: seat.id for seat in facts.seats}
    confirmed = {p for order in held if order.status == "CONFIRMED" for p in order.places}
    price = {line.seat_id: line.price_minor for line in sold}
    fees = sum(p.fee for p in paid)
    kept = sum(p.captured - p.refunded for p in there)
    foreign = [p for p in facts.provider_places if p.order_id in facts.foreign]
    given_away = [seat for seat in facts.seats if seat.holder_kind == "PROVIDER"]
    return [
        ("money kept, tiyn", sum(p.charge - p.refund for p in paid), kept, None),
        ("of it for seats sold, tiyn", sum(line.price_minor for line in sold), kept - fees, None),
        ("of it for the hall, tiyn", sum(line.price_minor for line in sold if line.seat_id in hall),
         None, sum(price.get(by_place[p], 0) for p in confirmed)),
        ("fees kept, tiyn", fees, None, None),
        ("captured and paid back, tiyn", None, sum(p.refunded for p in there), None),
        ("places ours for good", len(
            {p.place_id for p in facts.places if p.status == "BOUGHT"}), None, len(confirmed)),
        ("of them sold now", sum(line.seat_id in hall for line in sold), None,
         sum(by_place[p] in price for p in confirmed)),
        ("places in orders that we gave up", 0, None,
         sum(len(order.places) for order in held if order.status != "CONFIRMED")),
        ("places of others (ours: those that we met)", len(given_away), None, len(foreign)),
    ]  # fmt: skip
