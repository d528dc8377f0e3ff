"""The words of the event provider's orders and places, as we keep them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Status(StrEnum):
    """What we are about with an order; a name in -ING waits for a call to succeed."""

    WANTED = "WANTED"
    """The buyer went to pay: the provider is asked for the places, one after the other."""
    REFUSED = "REFUSED"
    """Somebody else has a place; the booking has to learn of it."""
    HELD = "HELD"
    """The provider's order holds every place that was wanted."""
    SUBMITTING = "SUBMITTING"
    """The payment is authorised."""
    SUBMITTED = "SUBMITTED"
    CONFIRMING = "CONFIRMING"
    """The money has been taken."""
    CONFIRMED = "CONFIRMED"
    """Final there: the places are ours for good, whatever becomes of the booking."""
    RETURNING = "RETURNING"
    RETURNED = "RETURNED"
    CANCELLING = "CANCELLING"
    """Submitted, but the money could not be taken."""
    CANCELLED = "CANCELLED"


class PlaceStatus(StrEnum):
    WANTED = "WANTED"
    ASKED = "ASKED"
    """Asked for, and the answer is not known: in it or not, the order's count tells."""
    SELECTED = "SELECTED"
    """In the order."""
    BOUGHT = "BOUGHT"
    """In an order that is confirmed: it needs no asking any more, whoever sits there."""
    REFUSED = "REFUSED"
    SURPLUS = "SURPLUS"
    """In the order, but the booking has lost it."""
    RELEASING = "RELEASING"
    """A release was sent, and the answer is not known."""
    FREED = "FREED"


class Order(NamedTuple):
    """Our side of an order."""

    booking_id: int
    order_id: UUID | None
    status: Status
    turn: int
    attempts: int
    waits: float
    """Seconds since the last step that got somewhere."""


class Wanted(NamedTuple):
    """A seat of ours, and the place of the provider that it stands for."""

    seat_id: int
    place_id: UUID


class PlaceRow(NamedTuple):
    """A place of an order."""

    seat_id: int
    place_id: UUID
    status: PlaceStatus
    waits: float
    """Seconds that it has been in this status; one in doubt, that we have watched it, the provider
    answering all the time."""
    is_bought: bool
    """Some order of ours that has it is confirmed."""
    is_elsewhere: bool
    """Another order of ours asks for it or has it."""
    was_elsewhere: bool
    """Another order of ours gave it back a moment ago."""
