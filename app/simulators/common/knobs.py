"""What the knobs of every simulator are made of, and the dice behind them."""

import random
import threading
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

Chance = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0, le=600)]

K = TypeVar("K", bound=Struct)


class Fault(Struct, forbid_unknown_fields=True, kw_only=True):
    """Strikes the next so many times, and after that with a chance."""

    times: Count = 0
    chance: Chance = 0.0


class Panel(Generic[K]):
    """Holds the knobs and the one source of chance of a simulator."""

    def __init__(self, *, seed: int, knobs: K) -> None:
        self._initial = msgspec.to_builtins(knobs)
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311  Runs must repeat; nothing is secret.
        self.knobs = knobs

    def turn(self, change: dict[str, Any], *, strict: bool = True) -> None:
        """Lay a partial table over the knobs; raise msgspec.ValidationError on a wrong one."""
        with self._lock:
            self.knobs = overlay(self.knobs, change, strict=strict)

    def reset(self) -> None:
        """Put every knob back to where it was at the start."""
        with self._lock:
            self.knobs = msgspec.convert(self._initial, type(self.knobs))

    def show(self) -> dict[str, Any]:
        """Return the table of all knobs as they are now."""
        table: dict[str, Any] = msgspec.to_builtins(self.knobs)
        return table

    def strikes(self, fault: Fault) -> bool:
        """Throw the dice for a fault and use up one of its times."""
        with self._lock:
            if fault.times > 0:
                fault.times -= 1
                return True
            return fault.chance > 0 and self._random.random() < fault.chance


def overlay(knobs: K, change: dict[str, Any], *, strict: bool = True) -> K:
    """Return knobs with a partial table laid over them."""
    return msgspec.convert(_lay(msgspec.to_builtins(knobs), change), type(knobs), strict=strict)


def _lay(table: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = dict(table)
    for name, value in change.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            result[name] = _lay(old, value)
        else:
            result[name] = value
    return result
