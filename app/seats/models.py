"""The words of seats."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class SeatStatus(StrEnum):
    FREE = "FREE"
    RESERVED = "RESERVED"
    SOLD = "SOLD"


class Change(NamedTuple):
    """What a seat has become. A higher version of the same seat is the newer one."""

    event_id: int
    seat_id: int
    version: int
    status: SeatStatus
    held_until: float
    """Seconds since 1970 by the database's clock; 0 where the seat is not held."""


class Place(NamedTuple):
    """What of a seat never changes while it is on sale."""

    seat_id: int
    row: int
    number: int
    price_minor: int
    zone_id: int
