"""What a run hands over to whoever prints or keeps it."""

from dataclasses import dataclass, field
from typing import Any

from loadtest.gates import Gate
from loadtest.record import Record
from loadtest.schedule import Schedule
from loadtest.traffic import Traffic

# Of visits that send several requests, or of buyers in a loop: there is no rate to compare with.
NO_SCHEDULE = Schedule(())


@dataclass(frozen=True, slots=True)
class Outcome:
    """The gates of a run, and what it saw: traffic, or a record of a few users."""

    gates: list[Gate]
    seen: Traffic | Record
    schedule: Schedule = NO_SCHEDULE
    notes: list[str] = field(default_factory=list)
    """What else is worth knowing, in sentences."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What this scenario alone has to say, by the name under which the report keeps it."""
