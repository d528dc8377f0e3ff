"""The words of the catalogue."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Event(msgspec.Struct):
    """What a list of events shows of one."""

    id: int
    title: str


class Page(NamedTuple):
    """A page of the catalogue, ready to be sent."""

    json: bytes
    fingerprint: str
    """Another one for other bytes."""
