"""What the provider remembers: orders, places that somebody touched, and messages under way."""

from enum import StrEnum

from msgspec import Struct, field

from app.simulators.provider.rules import Status


class Kind(StrEnum):
    """What a message tells."""

    CREATED = "created"
    SELECTED = "selected"
    RELEASED = "released"
    STARTED = "started"
    ADDED = "added"
    REMOVED = "removed"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


PLACE_KINDS = frozenset({Kind.CREATED, Kind.SELECTED, Kind.RELEASED})


class Message(Struct, kw_only=True):
    """Travels through a lane; has an effect when it arrives."""

    seq: int
    kind: Kind
    revision: int  # Of its order or place.
    at: int  # When it was written, epoch ms.
    order_id: str = ""
    place_id: str = ""
    is_fatal: bool = False  # Stops the lane.
    comes_twice: bool = False


class Shown(Struct, kw_only=True):
    """An order as a reader sees it."""

    status: Status
    updated_at: int
    places_count: int


class Order(Struct, kw_only=True):
    """An order as writes see it; a cancelled one keeps its places until they are released."""

    id: str
    status: Status
    started_at: int
    revision: int = 0
    places: set[str] = field(default_factory=set)
    unattached: set[str] = field(default_factory=set)  # Selected, not yet its own.
    stranded: set[str] = field(default_factory=set)  # Unattached when the order changed.
    shown: Shown | None = None


class Place(Struct, kw_only=True):
    """A place that somebody touched, as writes see it."""

    id: str
    row: int
    seat: int
    revision: int = 0
    order_id: str | None = None
    was_released: bool = False
    is_added: bool = False  # Not of the venue that was there at the start.
    is_shown: bool = True
    is_free: bool = True  # As a reader sees it.
