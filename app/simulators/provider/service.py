"""What the provider decides at once; the effects travel through its lanes."""

import time
import uuid

from app.simulators.common.modes import Mode
from app.simulators.provider import rules
from app.simulators.provider.effects import Effects
from app.simulators.provider.knobs import Panel, WriteKnobs
from app.simulators.provider.lanes import Lane
from app.simulators.provider.records import PLACE_KINDS, Kind, Message, Order, Place
from app.simulators.provider.rules import Refusal, Status
from app.simulators.provider.state import State
from app.simulators.provider.venue import SeenPlace


class Provider:
    """The event provider of one venue.

    `arrived` is when a call came, on the monotonic clock: what it wants to change may have been
    changed by another one since.
    """

    def __init__(self, *, state: State, panel: Panel, mode: Mode) -> None:
        self.state = state
        self.panel = panel
        self.mode = mode
        deliver = Effects(state=state, panel=panel, mode=mode).deliver
        self.place_lane = Lane(panel=panel, knobs=lambda: panel.knobs.place_lane, deliver=deliver)
        self.order_lane = Lane(panel=panel, knobs=lambda: panel.knobs.order_lane, deliver=deliver)
        state.send_on = self._send_on
        for message in state.pending:
            self._send_on(message)

    def start_order(self) -> Order:
        """Start an order; each call starts another one."""
        order = Order(
            id=str(uuid.uuid4()), status=Status.STARTED, started_at=time.time_ns() // 1_000_000
        )
        with self.state.transaction():
            self.state.save_order(order)
            self.state.send(Kind.STARTED, revision=0, order_id=order.id)
        return order

    def find_order(self, order_id: str) -> Order | None:
        """Return an order that readers see already."""
        order = self.state.orders.get(order_id)
        return order if order is not None and order.shown is not None else None

    def submit(self, order_id: str, arrived: float) -> None:
        """Submit an order that has places."""
        order = self._meet_order(order_id, arrived, self.panel.knobs.submit)
        status = rules.advance(order.status, to=Status.SUBMITTED)
        if not order.places:
            raise Refusal(409)
        self._change(order, status, Kind.SUBMITTED)

    def confirm(self, order_id: str, arrived: float) -> None:
        """Confirm a submitted order."""
        order = self._meet_order(order_id, arrived, self.panel.knobs.confirm)
        status = rules.advance(order.status, to=Status.CONFIRMED)
        self._change(order, status, Kind.CONFIRMED)

    def cancel(self, order_id: str, arrived: float) -> None:
        """Cancel an order; its places become free once the order lane has brought it."""
        order = self._meet_order(order_id, arrived, self.panel.knobs.cancel)
        status = rules.advance(order.status, to=Status.CANCELLED)
        self._change(order, status, Kind.CANCELLED, is_fatal=self._is_fatal_cancel(order))

    def list_places(self, number: int, size: int) -> list[SeenPlace]:
        """Return a page of places by row and seat."""
        return self.state.venue.page(number, size)

    def find_seen_place(self, place_id: str) -> SeenPlace | None:
        """Return a place that readers see already."""
        return self.state.venue.find(place_id)

    def select(self, place_id: str, order_id: str, arrived: float) -> None:
        """Give a place to an order; it is the order's once the place lane has brought it."""
        place = self.state.find_place(place_id)
        order = self.state.orders.get(order_id)
        if place is None or order is None:
            raise rules.unknown(self.mode)
        self._meet(place.id, arrived, self.panel.knobs.select)
        if place.order_id is not None or order.status is not Status.STARTED:
            raise Refusal(409)
        with self.state.transaction():
            place.order_id = order.id
            revision = self.state.revise(place)
            order.unattached.add(place.id)
            self.state.save_place(place)
            self.state.save_order(order)
            self.state.send(
                Kind.SELECTED,
                revision=revision,
                order_id=order.id,
                place_id=place.id,
                comes_twice=self.panel.strikes(self.panel.knobs.place_lane.doubled),
            )

    def release(self, place_id: str, arrived: float) -> None:
        """Take a place from the order that has it; it becomes free after both lanes."""
        place = self.state.find_place(place_id)
        if place is None:
            raise rules.unknown(self.mode)
        if place.order_id is None:
            raise rules.already_free(self.mode)
        order = self.state.orders[place.order_id]
        self._meet(order.id, arrived, self.panel.knobs.release)
        if order.status is not Status.STARTED or place.id not in order.places:
            raise Refusal(409)
        with self.state.transaction():
            order.places.remove(place.id)
            revision = self.state.revise(order)
            self._strand(order)
            self.state.save_order(order)
            self.state.send(Kind.REMOVED, revision=revision, order_id=order.id, place_id=place.id)

    def create_place(self, row: int, seat: int) -> Place:
        """Add a place, even one that there is."""
        place = Place(id=str(uuid.uuid4()), row=row, seat=seat, is_added=True, is_shown=False)
        with self.state.transaction():
            self.state.save_place(place)
            self.state.send(Kind.CREATED, revision=0, place_id=place.id)
        return place

    def start_over(self) -> None:
        """Forget every order, every message and every place that was added."""
        self.place_lane.forget()
        self.order_lane.forget()
        self.state.forget()

    def _meet_order(self, order_id: str, arrived: float, knobs: WriteKnobs) -> Order:
        order = self.state.orders.get(order_id)
        if order is None:
            raise rules.unknown(self.mode)
        self._meet(order.id, arrived, knobs)
        return order

    def _meet(self, subject_id: str, arrived: float, knobs: WriteKnobs) -> None:
        if self.state.changed_since(subject_id, arrived) and self.panel.strikes(knobs.race):
            raise Refusal(500)

    def _change(self, order: Order, status: Status, kind: Kind, *, is_fatal: bool = False) -> None:
        with self.state.transaction():
            order.status = status
            revision = self.state.revise(order)
            self._strand(order)
            self.state.save_order(order)
            self.state.send(kind, revision=revision, order_id=order.id, is_fatal=is_fatal)

    def _strand(self, order: Order) -> None:
        # As coded, a select that arrives after such a change stops the place lane.
        if self.mode is Mode.CODED:
            order.stranded |= order.unattached

    def _is_fatal_cancel(self, order: Order) -> bool:
        if not order.places:
            return False
        places = [self.state.find_place(place_id) for place_id in order.places]
        is_risky = (
            self.mode is Mode.CODED
            and len(self.state.venue) >= rules.LOADED_VENUE
            and len(places) >= rules.RISKY_CANCEL
            and any(place is not None and place.was_released for place in places)
        )
        return is_risky or self.panel.strikes(self.panel.knobs.cancel_stops)

    def _send_on(self, message: Message) -> None:
        lane = self.place_lane if message.kind in PLACE_KINDS else self.order_lane
        lane.put(message)
