"""The words of operations: work that waits for a person, and differences with the outside."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec


class WorkKind(StrEnum):
    """What the workers could not do; the id is that of the refund, message, booking or payment."""

    REFUND = "refund"
    MESSAGE = "message"
    ORDER = "order"
    """An order at the event provider; it has the id of its booking."""
    PAYMENT = "payment"
    """An undecided payment; it has the order id under which the gateway knows it."""


class Work(msgspec.Struct, frozen=True):
    """One thing that waits for a person."""

    kind: WorkKind
    id: int
    status: str
    since: datetime
    attempts: int
    last_error: str
    next_try: datetime | None
    """None: nobody tries until a person says so."""
    booking_id: int | None
    amount_minor: int | None
    currency: str | None
    about: str


class WorkList(msgspec.Struct, frozen=True):
    """All of it is counted; the oldest are listed."""

    counts: dict[WorkKind, int]
    items: list[Work]


class WorkItem(msgspec.Struct, frozen=True):
    """Everything that is stored about one thing, and about the booking that it belongs to."""

    kind: WorkKind
    id: int
    row: dict[str, Any]
    records: dict[str, list[dict[str, Any]]]


class Part(StrEnum):
    """What a reconciliation compares."""

    OWN = "own"
    """Our tables with each other."""
    GATEWAY = "gateway"
    PLACES = "places"
    ORDERS = "orders"


class DifferenceKind(StrEnum):
    """What does not agree. The subject is the id of the first noun of the name."""

    SEAT_WITHOUT_LINE = "seat_without_line"
    LINE_WITHOUT_SEAT = "line_without_seat"
    LINE_UNPAID = "line_unpaid"
    SEAT_NOT_BOUGHT = "seat_not_bought"
    PAYMENT_UNBALANCED = "payment_unbalanced"
    REFUND_NOT_IN_LEDGER = "refund_not_in_ledger"
    BOOKING_WITHOUT_PAYMENT = "booking_without_payment"
    PAYMENT_WITHOUT_BOOKING = "payment_without_booking"
    ORDER_WITHOUT_BOOKING = "order_without_booking"

    PAYMENT_UNPAID_THERE = "payment_unpaid_there"
    PAYMENT_OF_OTHER_SUM = "payment_of_other_sum"
    PAYMENT_UNCLAIMED = "payment_unclaimed"
    """The gateway has money to which we have no claim."""
    PAYMENT_NOT_RETURNED = "payment_not_returned"
    PAYMENT_NOT_FOLLOWED = "payment_not_followed"
    """The gateway has decided, and we have not heard of it."""
    PAYMENT_UNKNOWN_THERE = "payment_unknown_there"

    SEAT_SOLD_ELSEWHERE = "seat_sold_elsewhere"
    SEAT_FREE_ELSEWHERE = "seat_free_elsewhere"
    PLACE_NOT_OURS = "place_not_ours"
    PLACE_NOT_FREED = "place_not_freed"

    ORDER_STATUS = "order_status"
    ORDER_PLACES = "order_places"


class Finding(NamedTuple):
    """A difference as one look has found it."""

    kind: DifferenceKind
    subject: str
    ours: str
    theirs: str


class Difference(NamedTuple):
    """A difference as it is stored."""

    id: int
    kind: str
    subject: str
    ours: str
    theirs: str
    first_seen: datetime
    last_seen: datetime
    healed_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str
    note: str
    closed_at: datetime | None


class Run(NamedTuple):
    """A part's turn: where it goes on, and from when on what is decided is of interest."""

    part: Part
    began: datetime
    position: int
    since: datetime


class Outcome(NamedTuple):
    """What came of one part of a reconciliation."""

    part: Part
    examined: int = 0
    found: int = 0
    """Differences, suspicions among them."""
    healed: int = 0
    error: str = ""
