"""The client of the event provider. Only reads are repeated here.

A 409 may be the echo of our own call whose answer got lost, and a 500 a race that somebody else
won: after either the caller reads back before it decides.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from app.kernel import outside
from app.kernel.config import settings

T = TypeVar("T")

OutcomeUnknown = outside.OutcomeUnknown
Refused = outside.Refused

_API = "/api/partners/v1"
_NOT_FOUND = 404
_CLIENT_ERROR = 400

SERVICE = outside.Outside(
    "event_provider",
    url=lambda: settings().event_provider_url,
    deadline=lambda: settings().event_provider_deadline,
    # At five calls a place, what comes back within 100 ms each is more than its lanes carry.
    most=20,
    # Its answer to a lost race and to an unknown id.
    usual=frozenset({500}),
)


class OrderStatus(StrEnum):
    """How far an order is at the provider; CONFIRMED and CANCELLED are final."""

    STARTED = "STARTED"
    SUBMITTED = "SUBMITTED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


class OrderSeen(NamedTuple):
    """An order as the provider shows it, which lags behind what it has accepted."""

    status: OrderStatus
    places_count: int


class Place(NamedTuple):
    """A place as the provider shows it, which lags behind what it has accepted."""

    id: UUID
    row: int
    seat: int
    is_free: bool


class _Started(msgspec.Struct):
    order_id: UUID


class _Order(msgspec.Struct):
    id: UUID
    status: OrderStatus
    places_count: Annotated[int, msgspec.Meta(ge=0)]


class _Place(msgspec.Struct):
    id: UUID
    row: int
    seat: int
    is_free: bool


def start_order() -> UUID:
    """Start an order; each call starts another one. Raises Refused, OutcomeUnknown."""
    return SERVICE.call("start", "POST", f"{_API}/orders", _reader("start", _Started)).order_id


def find_order(order_id: UUID) -> OrderSeen | None:
    """An order, None as long as it does not show. Raises Refused, OutcomeUnknown."""
    found = _find("order", f"{_API}/orders/{order_id}", _Order, order_id)
    return None if found is None else OrderSeen(found.status, found.places_count)


def submit(order_id: UUID) -> None:
    """Close an order that has places. Raises Refused, OutcomeUnknown."""
    _change("submit", f"{_API}/orders/{order_id}/submit")


def confirm(order_id: UUID) -> None:
    """Make a submitted order final. Raises Refused, OutcomeUnknown."""
    _change("confirm", f"{_API}/orders/{order_id}/confirm")


def cancel(order_id: UUID) -> None:
    """Give an order up; with places in it this can stop the provider. Raises as confirm."""
    _change("cancel", f"{_API}/orders/{order_id}/cancel")


def select(place_id: UUID, order_id: UUID) -> None:
    """Take a place for a started order. Raises Refused, OutcomeUnknown."""
    _change("select", f"{_API}/places/{place_id}/select", {"order_id": str(order_id)})


def release(place_id: UUID) -> None:
    """Free a place, whichever started order has it. Raises Refused, OutcomeUnknown."""
    _change("release", f"{_API}/places/{place_id}/release")


def find_place(place_id: UUID) -> Place | None:
    """A place, None when it does not show. Raises Refused, OutcomeUnknown."""
    found = _find("place", f"{_API}/places/{place_id}", _Place, place_id)
    return None if found is None else _place(found)


def list_places(page: int, size: int = 1000) -> list[Place]:
    """A page, counted from 1, by row and seat; empty past the end. Raises as find_place."""
    found = SERVICE.call(
        "places",
        "GET",
        f"{_API}/places?page={page}&pageSize={size}",
        _reader("places", list[_Place]),
        is_repeatable=True,
    )
    return [_place(one) for one in found]


def _change(call: str, path: str, body: dict[str, str] | None = None) -> None:
    SERVICE.call(call, "PATCH", path, partial(_require_consent, call), body=body)


S = TypeVar("S", _Order, _Place)


def _find(call: str, path: str, kind: type[S], wanted: UUID) -> S | None:
    read = _reader(call, kind)

    def read_or_none(status: int, body: bytes) -> S | None:
        if status == _NOT_FOUND:
            return None
        found = read(status, body)
        if found.id != wanted:
            raise outside.Unreadable(f"{call} answered about {found.id}", status=status)
        return found

    return SERVICE.call(call, "GET", path, read_or_none, is_repeatable=True)


def _reader(call: str, kind: type[T]) -> Callable[[int, bytes], T]:
    def read(status: int, body: bytes) -> T:
        _require_consent(call, status, body)
        return msgspec.json.decode(body, type=kind)

    return read


def _require_consent(call: str, status: int, _body: bytes) -> None:
    if status >= _CLIENT_ERROR:
        raise Refused(f"{call} answered {status}", status=status)


def _place(found: _Place) -> Place:
    return Place(found.id, found.row, found.seat, found.is_free)
