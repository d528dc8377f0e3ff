"""The audit of the chaos run finds every kind of difference, and none where there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from loadtest.chaos import sums
from loadtest.chaos.audit import audit
from loadtest.chaos.facts import (
    Booking,
    Facts,
    GatewayPayment,
    Line,
    Order,
    Payment,
    Place,
    ProviderOrder,
    ProviderPlace,
    Refund,
    Seat,
)
from loadtest.chaos.memory import Memory, Promise

BUYER, OTHER = "buyer", "other"


def agreeing() -> tuple[Facts, Memory]:
    """One booking of two seats, one of them given back with a fee; one seat that is foreign."""
    facts = Facts(
        seats=[
            Seat(1, "SOLD", "BOOKING", 10, "p1"),
            Seat(2, "FREE", None, None, "p2"),
            Seat(3, "SOLD", "PROVIDER", 0, "p3"),
            Seat(4, "FREE", None, None, None),
        ],
        bookings=[Booking(10, BUYER, "CONFIRMED"), Booking(11, OTHER, "CANCELLED")],
        lines=[
            Line(100, 10, 1, "SOLD", 1000),
            Line(101, 10, 2, "REFUNDED", 1000),
            Line(102, 11, 4, "CANCELLED", 500),
        ],
        payments=[
            Payment(7, 10, "COMPLETED", 2000, (100, 101), 2000, 850, 150, 850),
            Payment(8, 11, "REFUNDED", 500, (102,), 500, 500, 0, 500),
            Payment(9, 11, "VOIDED", 500, (102,)),
        ],
        refunds=[Refund(1, 7, "PAID", 850), Refund(2, 8, "PAID", 500)],
        orders=[Order(10, "o1", "CONFIRMED"), Order(11, "o2", "RETURNED")],
        places=[Place(10, "p1", "BOUGHT"), Place(10, "p2", "BOUGHT")],
        gateway=[
            GatewayPayment(7, "CONFIRMED", 2000, 2000, 850),
            GatewayPayment(8, "CANCELLED", 500, 0, 0),
        ],
        provider_orders=[
            ProviderOrder("o1", "CONFIRMED", frozenset({"p1", "p2"})),
            ProviderOrder("o2", "STARTED", frozenset()),
            ProviderOrder("f1", "CONFIRMED", frozenset({"p3"})),
            ProviderOrder("lost", "STARTED", frozenset()),
        ],
        provider_places=[
            ProviderPlace("p1", "o1", is_free=False),
            ProviderPlace("p2", "o1", is_free=False),
            ProviderPlace("p3", "f1", is_free=False),
        ],
        foreign={"f1": {"p3"}},
        listed={BUYER: {10: frozenset({1})}, OTHER: {}},
        shown={1: "SOLD", 2: "FREE", 3: "SOLD", 4: "FREE"},
        notices_due=Counter({("booking.confirmed", 10): 1}),
        notices=Counter({("booking.confirmed", 10): 1}),
    )
    memory = Memory()
    memory.book(
        Promise(
            *(BUYER, 10, 1, 0.0),
            confirmed=frozenset({1, 2}), given_back={2}, perhaps_given_back={2}, refund_minor=850,
        )
    )  # fmt: skip
    memory.book(Promise(OTHER, 11, 1, 0.0, is_cancelled=True, perhaps_cancelled=True))
    return facts, memory


def test_ledgers_that_agree_have_no_difference() -> None:
    assert audit(*agreeing()) == []


def test_the_sums_of_ledgers_that_agree_are_the_same_in_every_column() -> None:
    facts, _ = agreeing()
    compared = [columns for what, *columns in sums.table(facts) if "others" not in what]
    known = [{value for value in columns if value is not None} for columns in compared]
    assert all(len(values) == 1 for values in known)
    assert known[0] == {1150}


def replace(name: str, number: int, **fields: object) -> Callable[[Facts, Memory], None]:
    """Change one entry of a ledger."""

    def change(facts: Facts, _memory: Memory) -> None:
        entries = getattr(facts, name)
        entries[number] = entries[number]._replace(**fields)

    return change


def put(name: str, value: object) -> Callable[[Facts, Memory], None]:
    """Give the facts another value."""
    return lambda facts, _memory: setattr(facts, name, value)


def add(name: str, entry: object) -> Callable[[Facts, Memory], None]:
    """Add an entry to a ledger."""
    return lambda facts, _memory: getattr(facts, name).append(entry)


def promised(**fields: object) -> Callable[[Facts, Memory], None]:
    """Change what the first buyer was told."""

    def change(_facts: Facts, memory: Memory) -> None:
        for name, value in fields.items():
            setattr(memory.promises[10], name, value)

    return change


FOUND = {
    "sold without a booking": replace("bookings", 0, status="EXPIRED"),
    "sold without money": replace("payments", 0, line_ids=(101,)),
    "seat sold twice": add("lines", Line(103, 11, 1, "SOLD", 1000)),
    "seat and lines differ": replace("seats", 0, status="FREE", holder_kind=None),
    "seat still held": replace("seats", 1, status="RESERVED"),
    "confirmed without seats": replace("bookings", 1, status="CONFIRMED"),
    "booking still open": replace("bookings", 1, status="CONFIRMING"),
    "bookings shown differ": put("listed", {BUYER: {}, OTHER: {}}),
    "seat shown twice": put("listed", {BUYER: {10: frozenset({1})}, OTHER: {11: frozenset({1})}}),
    "seat shown wrong": put("shown", {1: "FREE"}),
    "seat given twice": lambda _facts, memory: memory.doubled.append("seat 1 was given twice"),
    "acknowledged seat missing": promised(given_back=set(), perhaps_given_back=set()),
    "seat not given back": promised(given_back={1, 2}),
    "cancelled booking lives": promised(is_cancelled=True),
    "refund missing": promised(refund_minor=851),
    "unknown payment at the gateway": add("gateway", GatewayPayment(99, "CONFIRMED", 5, 5, 0)),
    "payment statuses differ": replace("gateway", 0, status="AUTHORIZED"),
    "sums differ": replace("gateway", 0, refunded=851),
    "our ledger does not balance": replace("payments", 0, fee=149),
    "refund not paid": replace("refunds", 0, status="UNCLEAR"),
    "bought without knowing": put("places", [Place(10, "p1", "BOUGHT")]),
    "not bought there": add("places", Place(10, "p4", "BOUGHT")),
    "sold without a place": replace("provider_orders", 0, status="SUBMITTED"),
    "seat given away": put("foreign", {}),
    "foreign place freed": put("foreign", {"f1": {"p3", "p4"}}),
    "place of nobody": add("provider_places", ProviderPlace("p9", "o9", is_free=False)),
    "place left behind": add("provider_places", ProviderPlace("p9", "o2", is_free=False)),
    "place looks wrong": replace("provider_places", 0, is_free=True),
    "lane stopped": put("stuck_lanes", ["places"]),
    "order with a duty": replace("orders", 1, status="HELD"),
    "order unknown there": replace("orders", 1, order_id="o7"),
    "order still has places": replace("provider_orders", 1, places=frozenset({"p9"})),
    "messages waiting": put("waiting_messages", 1),
    "messages dead": put("dead_messages", 1),
    "notification missing": put("notices", Counter()),
    "notification too many": put("notices", Counter({("booking.confirmed", 10): 2})),
}


@pytest.mark.parametrize("kind", FOUND)
def test_each_kind_of_difference_is_found(kind: str) -> None:
    facts, memory = agreeing()
    FOUND[kind](facts, memory)
    assert kind in {difference.kind for difference in audit(facts, memory)}


def test_a_tiyn_that_was_refunded_but_not_paid_back_is_found() -> None:
    facts, memory = agreeing()
    replace("payments", 0, refund=849)(facts, memory)
    kinds = {difference.kind for difference in audit(facts, memory)}
    assert kinds == {"refund not paid", "sums differ", "refund missing"}


def test_what_a_reset_erased_is_excused() -> None:
    facts, memory = agreeing()
    promised(given_back=set(), perhaps_given_back=set(), refund_minor=0)(facts, memory)
    memory.excuse_all()
    assert audit(facts, memory) == []


def test_a_request_without_an_answer_may_have_had_its_effect_or_not() -> None:
    facts, memory = agreeing()
    promised(perhaps_given_back={1, 2}, perhaps_cancelled=True)(facts, memory)
    assert audit(facts, memory) == []


def test_a_seat_given_to_a_second_buyer_while_the_first_had_it_is_noticed() -> None:
    memory = Memory()
    first, second = Promise(BUYER, 1, 1, held_until=20.0), Promise(OTHER, 2, 1, held_until=30.0)
    for promise in (first, second):
        memory.book(promise)
    memory.hold(first, 5, now=1.0)
    memory.hold(second, 5, now=19.0)
    assert memory.doubled == ["seat 5 was given to booking 2 while booking 1 had it"]


@pytest.mark.parametrize(("now", "is_given_up"), [(21.0, False), (19.0, True)])
def test_a_hold_that_ran_out_or_was_given_up_is_no_longer_the_first_buyers(
    now: float, is_given_up: bool
) -> None:
    memory = Memory()
    first, second = Promise(BUYER, 1, 1, held_until=20.0), Promise(OTHER, 2, 1, held_until=30.0)
    memory.hold(first, 5, now=1.0)
    if is_given_up:
        first.held.discard(5)
    memory.hold(second, 5, now=now)
    assert memory.doubled == []


def test_a_seat_seen_paid_stays_its_buyers_until_he_gives_it_back() -> None:
    memory = Memory()
    first, second = Promise(BUYER, 1, 1, held_until=20.0), Promise(OTHER, 2, 1, held_until=300.0)
    memory.hold(first, 5, now=1.0)
    memory.confirm(first, [5])
    memory.hold(second, 5, now=100.0)
    assert len(memory.doubled) == 1
    first.perhaps_given_back.add(5)
    memory.hold(second, 5, now=101.0)
    assert len(memory.doubled) == 1
