"""The words of notifications."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec


class Text(NamedTuple):
    """What a user reads."""

    title: str
    text: str


class InboxEntry(msgspec.Struct, frozen=True):
    """An entry of a user's inbox."""

    id: int
    topic: str
    title: str
    text: str
    booking_id: int | None
    created_at: datetime
    """When it happened, which may be before it came into the inbox."""
    read_at: datetime | None
