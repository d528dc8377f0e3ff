"""Everything the provider knows, in memory and on disk at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.simulators.provider.records import Kind, Message, Order, Place
from app.simulators.provider.store import Store
from app.simulators.provider.venue import SeenPlace, Venue


class State:
    """Orders, places and the way to the lanes; changes happen inside `transaction`."""

    def __init__(self, *, store: Store, rows: int, seats_per_row: int) -> None:
        self._store = store
        self._size = (rows, seats_per_row)
        self.send_on: Callable[[Message], None] = lambda _: None
        self.load()

    def load(self) -> None:
        """Read everything from disk."""
        rows, seats_per_row = self._size
        self.venue = Venue(rows=rows, seats_per_row=seats_per_row)
        self.orders = {order.id: order for order in self._store.orders()}
        self._places = {place.id: place for place in self._store.places()}
        for place in self._places.values():
            self._show(place)
        self.pending = self._store.messages()
        self._last_seq = self.pending[-1].seq if self.pending else 0
        self._changed: dict[str, float] = {}

    def forget(self) -> None:
        """Go back to the venue of the start, with every place free and no orders."""
        self._store.forget()
        self.load()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside happen as a whole; whoever refuses does so before it changes."""
        with self._store.transaction():
            yield

    def find_place(self, place_id: str) -> Place | None:
        """Return a place as writes see it."""
        touched = self._places.get(place_id)
        if touched is not None:
            return touched
        seen = self.venue.find(place_id)
        return Place(id=seen.id, row=seen.row, seat=seen.seat) if seen else None

    def touched_places(self) -> list[Place]:
        """Return every place that was ever added or selected."""
        return list(self._places.values())

    def save_order(self, order: Order) -> None:
        """Keep a changed order."""
        self.orders[order.id] = order
        self._store.save_order(order)

    def save_place(self, place: Place) -> None:
        """Keep a changed place, and show it to readers as it is to be seen."""
        self._places[place.id] = place
        self._store.save_place(place)
        self._show(place)

    def revise(self, subject: Order | Place) -> int:
        """Count one more change of an order or a place by a call, and return its number."""
        subject.revision += 1
        self._changed[subject.id] = time.monotonic()
        return subject.revision

    def changed_since(self, subject_id: str, moment: float) -> bool:
        """Tell whether a call changed an order or a place after a moment of the monotonic clock."""
        return self._changed.get(subject_id, 0.0) > moment

    def send(
        self,
        kind: Kind,
        *,
        revision: int,
        order_id: str = "",
        place_id: str = "",
        is_fatal: bool = False,
        comes_twice: bool = False,
    ) -> Message:
        """Send the message of a change on its way, and return it."""
        self._last_seq += 1
        message = Message(
            seq=self._last_seq,
            kind=kind,
            revision=revision,
            at=time.time_ns() // 1_000_000,
            order_id=order_id,
            place_id=place_id,
            is_fatal=is_fatal,
            comes_twice=comes_twice,
        )
        self._store.save_message(message)
        self.send_on(message)
        return message

    def keep(self, message: Message) -> None:
        """Keep a message that is to come again."""
        self._store.save_message(message)

    def drop(self, message: Message) -> None:
        """Forget a message that arrived."""
        self._store.drop_message(message)

    def _show(self, place: Place) -> None:
        if not place.is_shown:
            return
        seen = self.venue.find(place.id)
        if seen is None:
            self.venue.show(SeenPlace(place.id, place.row, place.seat, place.is_free))
        else:
            seen.is_free = place.is_free
