"""The words of seats."""

from __future__ import annotations

from array import array
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


class SeatRow(NamedTuple):
    """The seats of a row in the order of their numbers: of each column a value for each seat."""

    row: int
    seat_ids: array[int]
    numbers: array[int]
    prices_minor: array[int]
    zone_ids: array[int]
    versions: array[int]
    held_until: array[float]
    """As in a change."""
    statuses: str
    """F, R or S for each seat: how its status begins."""
