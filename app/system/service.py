"""What concerns the service as a whole: is it ready, and the reset for the load generator."""

from __future__ import annotations

import logging
import time

from app.bookings import service as bookings
from app.events import service as events
from app.kernel import db, errors, shared
from app.migrations import runner
from app.payments import service as payments
from app.provider import service as provider
from app.seats import service as seats

log = logging.getLogger(__name__)

_RESET_SECONDS = 25.0
_REVISION = "SELECT version_num FROM alembic_version"


def obstacles() -> dict[str, str]:
    """Why this process should get no traffic now: what it needs, and what is wrong with it."""
    if shared.is_draining():
        return {"process": "draining"}
    try:
        row = db.one(_REVISION)
    except errors.Busy:
        return {}  # A rush must not take hosts out one after the other.
    except Exception as error:  # noqa: BLE001 - whatever it is, it is why we are not ready
        return {"database": error.__class__.__name__}
    # A newer schema is one that the next release brought, and every schema fits the release before.
    if row is None or row[0] < runner.head():
        return {"migrations": f"at {row[0] if row else 'nothing'}, wanted {runner.head()}"}
    return {}


def reset() -> int:
    """Put all seats and bookings back to the start; returns how many seats were not free.

    Buyers who are in the middle of a booking wait for it or find it gone, nothing survives half.
    Payments stay, with their order ids: what was paid is owed back. Raises Busy.
    """
    give_up_at = time.monotonic() + _RESET_SECONDS
    while True:
        try:
            with db.transaction() as connection:
                bookings.erase_all(connection)
                freed = seats.free_all_seats(connection)
                payments.orphan_all(connection)
                provider.reconsider_all(connection)
            break
        except errors.Busy:
            if time.monotonic() > give_up_at:
                raise
    seats.seats_changed()
    events.forget_pages()
    log.info("reset", extra={"seats_freed": freed})
    return freed
