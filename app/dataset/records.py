"""The rows of the dataset, as its files carry them.

Times of accounts are UTC. Events say the time on the wall of the venue, without a zone.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple


class User(NamedTuple):
    """A line of users.csv, but for the password itself, which goes nowhere."""

    user_id: int
    email: str
    password_hash: str
    """SHA-256 in hex, 64 digits."""
    first_name: str
    surname: str
    birthday: date | None
    registered_at: datetime
    is_active: bool
    last_logged_in: datetime | None


class Event(NamedTuple):
    """An object of events.json or of events_archive.json."""

    id: int
    title: str
    description: str
    type: str
    datetime_start: datetime
    provider: str
