"""States of an order, and which errors the provider answers in which mode."""

from enum import StrEnum

from app.simulators.common.modes import Mode


class Status(StrEnum):
    """The states of an order."""

    STARTED = "STARTED"
    SUBMITTED = "SUBMITTED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.STARTED: frozenset({Status.SUBMITTED, Status.CANCELLED}),
    Status.SUBMITTED: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset(),
    Status.CANCELLED: frozenset(),
}

MAX_PAGE_SIZE = 1000
LOADED_VENUE = 10_000  # Places; from here on a venue counts as loaded.
RISKY_CANCEL = 3  # Places of an order whose cancel can stop the order lane of a loaded venue.


class Refusal(Exception):
    """The provider's no: an HTTP status, and the plain text that some of them carry."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(f"{status} {text}".rstrip())
        self.status = status
        self.text = text


def advance(status: Status, *, to: Status) -> Status:
    """Return the next state, or raise Refusal."""
    if to not in TRANSITIONS[status]:
        raise Refusal(409)
    return to


def unknown(mode: Mode) -> Refusal:
    """Refuse to change what is not there."""
    return Refusal(404 if mode is Mode.DOCUMENTED else 500)


def malformed(mode: Mode) -> Refusal:
    """Refuse an id or a number that is none."""
    return Refusal(422 if mode is Mode.DOCUMENTED else 500, "Malformed value.")


def already_free(mode: Mode) -> Refusal:
    """Refuse to release a place that nobody has."""
    return Refusal(409 if mode is Mode.DOCUMENTED else 500)
