"""What happens when a message arrives."""

from collections.abc import Callable

from app.simulators.common.modes import Mode
from app.simulators.provider.knobs import Panel
from app.simulators.provider.lanes import LaneStoppedError
from app.simulators.provider.records import PLACE_KINDS, Kind, Message, Order, Place, Shown
from app.simulators.provider.rules import Status
from app.simulators.provider.state import State


class Effects:
    """Carries messages over into what readers see, and into what follows from them."""

    def __init__(self, *, state: State, panel: Panel, mode: Mode) -> None:
        self._state = state
        self._panel = panel
        self._mode = mode
        self._handlers: dict[Kind, Callable[[Message], None]] = {
            Kind.CREATED: self._show_place,
            Kind.SELECTED: self._attach,
            Kind.RELEASED: self._free,
            Kind.STARTED: self._show_order,
            Kind.ADDED: self._count_up,
            Kind.REMOVED: self._count_down,
            Kind.SUBMITTED: self._show_status,
            Kind.CONFIRMED: self._show_status,
            Kind.CANCELLED: self._give_back,
        }

    def deliver(self, message: Message) -> bool:
        """Apply a message and tell whether it comes again; raise LaneStoppedError if it cannot."""
        if message.is_fatal:
            raise LaneStoppedError
        knobs = self._panel.knobs
        lane = knobs.place_lane if message.kind in PLACE_KINDS else knobs.order_lane
        with self._state.transaction():
            if not self._panel.strikes(lane.lost):
                self._handlers[message.kind](message)
            if message.comes_twice:
                message.comes_twice = False
                self._state.keep(message)
                return True
            self._state.drop(message)
            return False

    def _show_place(self, message: Message) -> None:
        place = self._place(message)
        place.is_shown = True
        self._state.save_place(place)

    def _attach(self, message: Message) -> None:
        place, order = self._place(message), self._state.orders[message.order_id]
        is_again = place.id in order.places
        if self._mode is Mode.CODED and (is_again or place.id in order.stranded):
            raise LaneStoppedError
        if is_again:
            return
        order.unattached.discard(place.id)
        if order.status is Status.STARTED:
            order.places.add(place.id)
            order.revision += 1
            place.is_free = False
            self._state.save_place(place)
            self._state.send(
                Kind.ADDED,
                revision=order.revision,
                order_id=order.id,
                place_id=place.id,
                comes_twice=self._panel.strikes(self._panel.knobs.order_lane.doubled),
            )
        else:
            self._release(place)
        self._state.save_order(order)

    def _free(self, message: Message) -> None:
        place = self._place(message)
        place.is_free = True
        self._state.save_place(place)

    def _show_order(self, message: Message) -> None:
        order = self._state.orders[message.order_id]
        order.shown = Shown(status=Status.STARTED, updated_at=message.at, places_count=0)
        self._state.save_order(order)

    def _count_up(self, message: Message) -> None:
        self._count(message, 1)

    def _count_down(self, message: Message) -> None:
        self._count(message, -1)
        self._release(self._place(message))

    def _show_status(self, message: Message) -> None:
        order = self._state.orders[message.order_id]
        if order.shown is not None:
            order.shown.status = Status(message.kind.upper())
            order.shown.updated_at = message.at
            self._state.save_order(order)

    def _give_back(self, message: Message) -> None:
        order = self._state.orders[message.order_id]
        for place_id in sorted(order.places):
            place = self._state.find_place(place_id)
            if place is not None:
                self._release(place)
        order.places.clear()
        self._state.save_order(order)
        self._show_status(message)

    def _count(self, message: Message, step: int) -> None:
        order: Order = self._state.orders[message.order_id]
        if order.shown is not None:  # As an UPDATE that finds no row: its start was lost.
            order.shown.places_count += step
            order.shown.updated_at = message.at
            self._state.save_order(order)

    def _release(self, place: Place) -> None:
        place.order_id = None
        place.was_released = True
        place.revision += 1
        self._state.save_place(place)
        self._state.send(Kind.RELEASED, revision=place.revision, place_id=place.id)

    def _place(self, message: Message) -> Place:
        place = self._state.find_place(message.place_id)
        assert place is not None, message  # noqa: S101  Nothing ever takes a place away.
        return place
