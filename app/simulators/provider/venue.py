"""The places as readers see them: in memory, ordered by row and seat."""

from bisect import insort
from hashlib import sha1
from uuid import UUID

from msgspec import Struct

_NAMESPACE = UUID("8e0f4d6a-6f0b-4c0e-9a57-3f1f2f6f3b11").bytes


class SeenPlace(Struct, gc=False):
    """A place as a reader sees it."""

    id: str
    row: int
    seat: int
    is_free: bool = True


class Venue:
    """A hall of rows, and whatever places were added to it."""

    def __init__(self, *, rows: int, seats_per_row: int) -> None:
        self._ordered = [
            SeenPlace(_place_id(row, seat), row, seat)
            for row in range(1, rows + 1)
            for seat in range(1, seats_per_row + 1)
        ]
        self._by_id = {place.id: place for place in self._ordered}

    def __len__(self) -> int:
        return len(self._ordered)

    def find(self, place_id: str) -> SeenPlace | None:
        """Return the place with this id."""
        return self._by_id.get(place_id)

    def page(self, number: int, size: int) -> list[SeenPlace]:
        """Return a page of places; the first is number 1."""
        start = (number - 1) * size
        return self._ordered[start : start + size]

    def show(self, place: SeenPlace) -> None:
        """Let readers see one more place."""
        self._by_id[place.id] = place
        insort(self._ordered, place, key=lambda other: (other.row, other.seat))


def _place_id(row: int, seat: int) -> str:
    # uuid5, written out: a hundred thousand of uuid's own take a second longer.
    digits = sha1(_NAMESPACE + b"%d:%d" % (row, seat), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
