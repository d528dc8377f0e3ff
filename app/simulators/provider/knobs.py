"""The knobs that make the provider slow, forgetful or broken."""

import time
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from app.simulators.common import knobs as common
from app.simulators.common.knobs import Count, Fault, Seconds
from app.simulators.common.modes import Mode

_TIMED = ("down_seconds", "standstill_seconds")


class CallKnobs(Struct, forbid_unknown_fields=True, kw_only=True):
    """What can go wrong with one call."""

    # Before the deed. Calls that wait meet: at 10 ms they race as often as at the real provider.
    latency_ms: Count = 0
    answer_latency_ms: Count = 0  # After the deed: the answer is late.
    slow: Fault = field(default_factory=Fault)  # A call waits for slow_ms more before the deed.
    slow_ms: Count = 3000
    fail: Fault = field(default_factory=Fault)  # Nothing is done.
    fail_status: Literal[403, 404, 409, 422, 429, 500, 502, 503, 504] = 503
    drop: Fault = field(default_factory=Fault)  # The deed is done, the connection is cut.


class WriteKnobs(CallKnobs, forbid_unknown_fields=True, kw_only=True):
    """What can go wrong with a call that changes an order or a place."""

    # 500 when somebody else changed the same between arrival and deed; nothing is done.
    race: Fault = field(default_factory=Fault)


class LaneKnobs(Struct, forbid_unknown_fields=True, kw_only=True):
    """How messages travel through a lane."""

    per_second: Annotated[float, Meta(gt=0, le=1_000_000)] = 100.0
    delay_ms: Annotated[int, Meta(ge=0, le=600_000)] = 20  # Before a message can arrive.
    order: Literal["revision", "arrival"] = "revision"  # Which one goes first.
    stopped: bool = False
    lost: Fault = field(default_factory=Fault)  # A message never has an effect.
    # places: a select comes twice, which stops the lane as coded and does nothing as documented.
    # orders: an added place comes twice, so places_count stays one too high.
    doubled: Fault = field(default_factory=Fault)


class Knobs(Struct, forbid_unknown_fields=True, kw_only=True):
    """All knobs; down is 503 to everything but the simulator's own pages."""

    down: bool = False
    down_seconds: Seconds = 0.0  # Down from now on for so long; counts down.
    standstill_seconds: Seconds = 0.0  # Both lanes stand from now on for so long; counts down.
    cancel_stops: Fault = field(default_factory=Fault)  # Cancel with places stops the order lane.
    start: CallKnobs = field(default_factory=CallKnobs)
    order: CallKnobs = field(default_factory=CallKnobs)
    submit: WriteKnobs = field(default_factory=WriteKnobs)
    confirm: WriteKnobs = field(default_factory=WriteKnobs)
    cancel: WriteKnobs = field(default_factory=WriteKnobs)
    places: CallKnobs = field(default_factory=CallKnobs)
    place: CallKnobs = field(default_factory=CallKnobs)
    select: WriteKnobs = field(default_factory=WriteKnobs)
    release: WriteKnobs = field(default_factory=WriteKnobs)
    create: CallKnobs = field(default_factory=CallKnobs)
    place_lane: LaneKnobs = field(default_factory=LaneKnobs)
    order_lane: LaneKnobs = field(default_factory=LaneKnobs)


def knobs_of(mode: Mode, *, is_loaded: bool) -> Knobs:
    """Return the knobs as measured at the real provider, or with nothing but its pace."""
    if mode is Mode.DOCUMENTED:
        return Knobs()
    return Knobs(
        submit=WriteKnobs(race=Fault(chance=0.5)),
        confirm=WriteKnobs(race=Fault(chance=0.5)),
        cancel=WriteKnobs(race=Fault(chance=0.5)),
        select=WriteKnobs(race=Fault(chance=0.28)),
        release=WriteKnobs(race=Fault(chance=0.75)),
        cancel_stops=Fault(chance=0.0 if is_loaded else 1 / 22),
    )


class Panel(common.Panel[Knobs]):
    """Holds the provider's knobs, and the clocks of those that end by themselves."""

    def __init__(self, *, seed: int, knobs: Knobs) -> None:
        super().__init__(seed=seed, knobs=knobs)
        self._until = dict.fromkeys(_TIMED, 0.0)
        self._start_clocks(_TIMED)

    def turn(self, change: dict[str, Any], *, strict: bool = True) -> None:
        """Lay a partial table over the knobs; raise msgspec.ValidationError on a wrong one."""
        super().turn(change, strict=strict)
        self._start_clocks([name for name in _TIMED if name in change])

    def reset(self) -> None:
        """Put every knob back to where it was at the start, and stop the clocks."""
        super().reset()
        self._until = dict.fromkeys(_TIMED, 0.0)

    def show(self) -> dict[str, Any]:
        """Return the table of all knobs as they are now."""
        return super().show() | {name: round(self._left(name), 1) for name in _TIMED}

    @property
    def is_down(self) -> bool:
        """Tell whether the provider plays dead."""
        return self.knobs.down or self._left("down_seconds") > 0

    @property
    def is_at_standstill(self) -> bool:
        """Tell whether both lanes stand."""
        return self._left("standstill_seconds") > 0

    def _start_clocks(self, names: Any) -> None:
        for name in names:
            self._until[name] = time.monotonic() + getattr(self.knobs, name)

    def _left(self, name: str) -> float:
        return max(0.0, self._until[name] - time.monotonic())
