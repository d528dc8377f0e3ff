"""Do the three ledgers agree, and is everything there that was acknowledged? Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from loadtest.chaos.facts import Difference, Facts
from loadtest.chaos.memory import Memory, Promise
from loadtest.chaos.outside_audit import foreign_places, messages, money, orders, places, refunds


def audit(facts: Facts, memory: Memory) -> list[Difference]:
    """Return every disagreement; none means that the ledgers agree to the tiyn."""
    checks = (
        *(lines(facts), seats(facts), bookings(facts), shown_bookings(facts), shown_seats(facts)),
        promises(facts, memory),
        *(money(facts), refunds(facts), places(facts), foreign_places(facts), orders(facts)),
        messages(facts),
    )
    return [difference for check in checks for difference in check]


def lines(facts: Facts) -> Iterator[Difference]:
    """Every SOLD line is of a CONFIRMED booking, paid, and the only one of its seat."""
    status = {booking.id: booking.status for booking in facts.bookings}
    paid = {
        line for payment in facts.payments if payment.status == "COMPLETED"
        for line in payment.line_ids
    }  # fmt: skip
    for line in facts.lines:
        if line.status != "SOLD":
            continue
        where = f"seat {line.seat_id} of booking {line.booking_id}"
        if status.get(line.booking_id) != "CONFIRMED":
            detail = f"the booking is {status.get(line.booking_id, 'gone')}"
            yield Difference("sold without a booking", where, detail)
        if line.id not in paid:
            yield Difference("sold without money", where, "no completed payment has the line")
    for seat_id, holders in _holders(facts).items():
        if len(holders) > 1:
            yield Difference("seat sold twice", f"seat {seat_id}", f"to bookings {holders}")


def seats(facts: Facts) -> Iterator[Difference]:
    """A seat is SOLD exactly when a SOLD line has it, and else it is free."""
    holders = _holders(facts)
    for seat in facts.seats:
        expected = holders.get(seat.id, [])
        is_sold = seat.status == "SOLD" and seat.holder_kind == "BOOKING"
        if is_sold != bool(expected) or (is_sold and seat.holder_id not in expected):
            held = f"the seat is {seat.status} for {seat.holder_kind} {seat.holder_id}"
            yield Difference("seat and lines differ", f"seat {seat.id}", f"{held}, sold {expected}")
        if seat.status == "RESERVED":
            yield Difference("seat still held", f"seat {seat.id}", f"by {seat.holder_id}")


def bookings(facts: Facts) -> Iterator[Difference]:
    """Every booking is over, or CONFIRMED and has seats."""
    sold = _sold(facts)
    for booking in facts.bookings:
        if booking.status == "CONFIRMED" and not sold.get(booking.id):
            yield Difference("confirmed without seats", f"booking {booking.id}", "no SOLD line")
        if booking.status in {"CREATED", "PAYMENT_INITIATED", "CONFIRMING"}:
            yield Difference("booking still open", f"booking {booking.id}", booking.status)


def shown_bookings(facts: Facts) -> Iterator[Difference]:
    """GET /api/bookings shows what the database has, and nobody's seat to two accounts."""
    sold = _sold(facts)
    expected: dict[str, dict[int, frozenset[int]]] = {account: {} for account in facts.listed}
    for booking in facts.bookings:
        if booking.status == "CONFIRMED" and booking.account in expected:
            expected[booking.account][booking.id] = frozenset(sold.get(booking.id, ()))
    owners: defaultdict[int, list[str]] = defaultdict(list)
    for account, listed in facts.listed.items():
        if odd := listed.items() ^ expected[account].items():
            yield Difference("bookings shown differ", account, str(sorted(odd, key=str)[:3]))
        for booking_id, seat_ids in listed.items():
            for seat_id in seat_ids:
                owners[seat_id].append(f"{account} in {booking_id}")
    for seat_id, shown_to in owners.items():
        if len(shown_to) > 1:
            yield Difference("seat shown twice", f"seat {seat_id}", " and ".join(shown_to))


def shown_seats(facts: Facts) -> Iterator[Difference]:
    """GET /api/seats shows what the database has."""
    for seat in facts.seats:
        if (status := facts.shown.get(seat.id, seat.status)) != seat.status:
            detail = f"shown as {status}, is {seat.status}"
            yield Difference("seat shown wrong", f"seat {seat.id}", detail)


def promises(facts: Facts, memory: Memory) -> Iterator[Difference]:
    """What was acknowledged is there, unless its buyer gave it back."""
    for text in memory.doubled:
        yield Difference("seat given twice", text.partition(" was")[0], text)
    status = {booking.id: booking.status for booking in facts.bookings}
    sold = _sold(facts)
    back: Counter[int] = Counter()
    for payment in facts.payments:
        back[payment.booking_id] += payment.refund
    for promise in memory.promises.values():
        yield from _broken(
            promise, status.get(promise.booking_id), sold.get(promise.booking_id, set())
        )
        if back[promise.booking_id] < promise.refund_minor:
            detail = f"{promise.refund_minor} agreed, {back[promise.booking_id]} paid back"
            yield Difference("refund missing", f"booking {promise.booking_id}", detail)


def _broken(promise: Promise, status: str | None, sold: set[int]) -> Iterator[Difference]:
    subject = f"booking {promise.booking_id}"
    if promise.is_excused:
        return
    if missing := promise.kept - sold:
        yield Difference("acknowledged seat missing", subject, f"{sorted(missing)}, {status}")
    if kept := promise.given_back & sold:
        yield Difference("seat not given back", subject, f"{sorted(kept)}")
    if promise.is_cancelled and status not in {"CANCELLED", "EXPIRED"}:
        yield Difference("cancelled booking lives", subject, str(status))


def _sold(facts: Facts) -> dict[int, set[int]]:
    """The sold seats by booking."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for line in facts.lines:
        if line.status == "SOLD":
            found[line.booking_id].add(line.seat_id)
    return found


def _holders(facts: Facts) -> dict[int, list[int]]:
    """The bookings that have a sold line, by seat."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for line in facts.lines:
        if line.status == "SOLD":
            found[line.seat_id].append(line.booking_id)
    return found
