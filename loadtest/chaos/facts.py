"""What the three ledgers say at the end, as plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Seat(NamedTuple):
    """A seat of ours."""

    id: int
    status: str
    holder_kind: str | None
    holder_id: int | None
    place_id: str | None


class Booking(NamedTuple):
    """A booking; those that a reset has erased are missing."""

    id: int
    account: str
    status: str


class Line(NamedTuple):
    """A seat of a booking."""

    id: int
    booking_id: int
    seat_id: int
    status: str
    price_minor: int


class Payment(NamedTuple):
    """One attempt to pay, with what our ledger says about its order."""

    order_id: int
    booking_id: int
    status: str
    amount_minor: int
    line_ids: tuple[int, ...]
    charge: int = 0
    refund_due: int = 0
    fee: int = 0
    refund: int = 0


class Refund(NamedTuple):
    """A duty to pay back."""

    id: int
    order_id: int
    status: str
    amount_minor: int
    last_error: str = ""


class Order(NamedTuple):
    """Our side of an order at the provider."""

    booking_id: int
    order_id: str | None
    status: str
    last_error: str = ""


class Place(NamedTuple):
    """What we believe about a place of an order of ours."""

    booking_id: int
    place_id: str
    status: str


class GatewayPayment(NamedTuple):
    """A payment in the gateway's own ledger; sums in tiyn."""

    order_id: int
    status: str
    amount: int
    captured: int
    refunded: int


class ProviderOrder(NamedTuple):
    """An order in the provider's own ledger."""

    order_id: str
    status: str
    places: frozenset[str]


class ProviderPlace(NamedTuple):
    """A place that an order has at the provider, or that does not look free."""

    place_id: str
    order_id: str | None
    is_free: bool


class Difference(NamedTuple):
    """One disagreement."""

    kind: str
    subject: str
    detail: str


@dataclass(slots=True)
class Facts:
    """Everything that is compared."""

    seats: list[Seat] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    gateway: list[GatewayPayment] = field(default_factory=list)
    provider_orders: list[ProviderOrder] = field(default_factory=list)
    provider_places: list[ProviderPlace] = field(default_factory=list)
    stuck_lanes: list[str] = field(default_factory=list)
    foreign: dict[str, set[str]] = field(default_factory=dict)
    """Orders at the provider that are the foreign customer's, and the places that it was given."""
    listed: dict[str, dict[int, frozenset[int]]] = field(default_factory=dict)
    """By account what GET /api/bookings shows: the seats of each booking."""
    shown: dict[int, str] = field(default_factory=dict)
    """By seat what GET /api/seats shows."""
    waiting_messages: int = 0
    dead_messages: int = 0
    notices_due: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By topic and booking or order: how often a user should have been told."""
    notices: Counter[tuple[str, int]] = field(default_factory=Counter)
