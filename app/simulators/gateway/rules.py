"""States, tokens, cards and error codes of the payment gateway."""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from app.simulators.common.modes import Mode

CONFIRMABLE_FOR = timedelta(minutes=15)
CONFIRMABLE_AMOUNT = 50_000_000  # Tiyn; a larger amount is confirmed by leaving it out.
CURRENCIES = frozenset({"KZT", "USD", "EUR", "RUB"})
APPROVAL_RATE = 0.9  # Of Luhn-valid numbers that are no test card.


class Status(StrEnum):
    """The states a payment is seen in."""

    NEW = "NEW"
    FORM_SHOWED = "FORM_SHOWED"
    AUTHORIZED = "AUTHORIZED"
    REJECTED = "REJECTED"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    EXPIRED = "EXPIRED"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.NEW: frozenset({Status.FORM_SHOWED, Status.CANCELLED, Status.EXPIRED}),
    Status.FORM_SHOWED: frozenset(
        {Status.AUTHORIZED, Status.REJECTED, Status.CANCELLED, Status.EXPIRED}
    ),
    Status.AUTHORIZED: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.REFUNDED}),
    Status.REJECTED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.REFUNDED: frozenset(),
    Status.EXPIRED: frozenset(),
}

FINAL = frozenset(
    {Status.CONFIRMED, Status.REJECTED, Status.CANCELLED, Status.REFUNDED, Status.EXPIRED}
)
PAID = frozenset({Status.AUTHORIZED, Status.CONFIRMED, Status.REFUNDED})

ANNOUNCED: dict[Mode, frozenset[Status]] = {
    Mode.CODED: frozenset({Status.FORM_SHOWED, Status.AUTHORIZED, Status.REJECTED}),
    Mode.DOCUMENTED: frozenset(Status) - {Status.REFUNDED},
}

_CODE_FAMILIES = {"init": "1", "check": "1", "confirm": "2", "cancel": "3"}


class Refusal(Exception):
    """The gateway's no: an HTTP status, the gateway's error code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class IllegalStepError(Exception):
    """The payment cannot go from its state to the wanted one."""


class CardOutcome(StrEnum):
    """What the bank says of a card."""

    APPROVED = "approved"
    DECLINED = "declined"
    NO_FUNDS = "no_funds"
    BY_CHANCE = "by_chance"


TEST_CARDS: dict[str, CardOutcome] = {
    "4111111111111111": CardOutcome.APPROVED,
    "4000000000000002": CardOutcome.DECLINED,
    "4000000000000119": CardOutcome.NO_FUNDS,
}


def advance(status: Status, *, to: Status) -> Status:
    """Return the next state, or raise IllegalStepError."""
    if to not in TRANSITIONS[status]:
        raise IllegalStepError(f"A payment in {status} cannot become {to}.")
    return to


def token(*values: str | int | None) -> str:
    """Sign the values of a call, given in the order the contract names; None is left out."""
    text = "".join(str(value) for value in values if value is not None)
    return hashlib.sha256(text.encode()).hexdigest()


def fault_code(call: str, status: int) -> str:
    """Return the error code the gateway would send with an HTTP status on a call."""
    if status == 402:  # noqa: PLR2004  The statuses of this function are its table.
        return "1007"
    if status < 500:  # noqa: PLR2004  As above.
        return f"{_CODE_FAMILIES.get(call, '1')}{status}"
    return "9999" if status == 500 else "9998"  # noqa: PLR2004  As above.


def is_luhn_valid(number: str) -> bool:
    """Tell whether a card number of 13 to 19 digits carries the right check digit."""
    if not re.fullmatch(r"[0-9]{13,19}", number):
        return False
    odd = [int(digit) for digit in number[-1::-2]]
    even = [sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2]]
    return (sum(odd) + sum(even)) % 10 == 0


def is_valid_expiry(text: str, today: date) -> bool:
    """Tell whether MM/YY names a month that has not passed."""
    match = re.fullmatch(r"(0[1-9]|1[0-2])/([0-9]{2})", text)
    if match is None:
        return False
    return (2000 + int(match[2]), int(match[1])) >= (today.year, today.month)


def judge_card(number: str) -> CardOutcome:
    """Say what becomes of a payment with this card number."""
    return TEST_CARDS.get(number, CardOutcome.BY_CHANCE)


def iso(moment: datetime) -> str:
    """Write a moment as the gateway does, in UTC with a trailing Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
