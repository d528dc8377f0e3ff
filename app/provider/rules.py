"""The steps of an order at the event provider: which may follow which, and when to look again.

| We are | the provider's order is | and there is to do |
|---|---|---|
| WANTED | none, or STARTED | start it; select place after place; wait until it counts them all |
| REFUSED | STARTED | the booking loses the places that somebody else has, keeps the rest |
| HELD | STARTED, with all places | nothing; the buyer pays, or the hold ends |
| SUBMITTING | STARTED | submit |
| SUBMITTED | SUBMITTED | nothing; the money is taken, or cannot be |
| CONFIRMING | SUBMITTED | confirm, for ever: the money has been taken |
| CONFIRMED | CONFIRMED, final | nothing; its places are ours to sell again |
| RETURNING | STARTED | release place after place |
| CANCELLING | SUBMITTED | cancel, which alone can end a submitted order |

Source: the provider's documentation and behaviour. A status code is decided at once, effects
travel; so 409 and 500 are read back before anything is concluded from them, and calls that change
one order go one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.kernel import errors
from app.provider.models import Status

_S = Status

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    # To itself: the buyer has changed the seats.
    _S.WANTED: frozenset({_S.WANTED, _S.HELD, _S.REFUSED, _S.RETURNING}),
    _S.REFUSED: frozenset({_S.HELD, _S.RETURNING}),
    _S.HELD: frozenset({_S.WANTED, _S.SUBMITTING, _S.RETURNING}),
    _S.SUBMITTING: frozenset({_S.SUBMITTED, _S.CANCELLING}),
    _S.SUBMITTED: frozenset({_S.CONFIRMING, _S.CANCELLING}),
    _S.CONFIRMING: frozenset({_S.CONFIRMED}),
    _S.CONFIRMED: frozenset(),
    # A submit whose answer was lost had succeeded after all.
    _S.RETURNING: frozenset({_S.RETURNED, _S.CANCELLING}),
    _S.RETURNED: frozenset(),
    # It turned out that the order had never been submitted.
    _S.CANCELLING: frozenset({_S.CANCELLED, _S.RETURNING}),
    _S.CANCELLED: frozenset(),
}

WITHOUT_DUTY = frozenset({_S.HELD, _S.SUBMITTED, _S.CONFIRMED, _S.RETURNED, _S.CANCELLED})
"""Nothing is to be called until somebody changes the order."""

UNPAID = frozenset({_S.WANTED, _S.REFUSED, _S.HELD})
"""The booking may still change or end, and its order with it."""

STUCK_AFTER = 8
"""After so many failed tries somebody should look."""
_FIRST_LOOK, _LONGEST_LOOK = 0.03, 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 300.0


def advance(status: Status, *, to: Status) -> Status:
    """The new status. Raises Conflict when the step is not in the table."""
    if to not in TRANSITIONS[status]:
        raise errors.Conflict(
            f"Заказ в состоянии {status} не может стать {to}.", code="illegal_transition"
        )
    return to


def look_again(waits: float) -> float:
    """Seconds until the next look at something that is on its way since `waits` seconds."""
    return min(_LONGEST_LOOK, max(_FIRST_LOOK, waits / 4))


def pause(attempts: int) -> float:
    """Seconds until a failed call is tried again; they double."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempts, 30))
