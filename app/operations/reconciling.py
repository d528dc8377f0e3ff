"""Reconciliation: our tables with each other, with the payment gateway and the event provider.

What differs becomes a row in `differences`: healed where `rules.py` has a rule, else for a person.
Nothing here is needed for the service to work, and nothing here waits for a seat that a buyer has
locked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import gevent
import psycopg

from app.kernel import db, errors
from app.kernel.config import settings
from app.kernel.outside import OutcomeUnknown, Refused
from app.operations import differences, gateway_check, own_checks, provider_check
from app.operations.models import Outcome, Part, Run

log = logging.getLogger(__name__)

JOB = "reconciliation"
"""The name of the worker's job."""

_LOCK = 7_206_583_075
_TRY_LOCK = "SELECT pg_try_advisory_lock(%(lock)s)"
_SHARE = 0.9
"""Of the time between two runs: with several workers only one of them compares in it."""


def run_due() -> int:
    """Compare everything, if no worker has of late; no work is ever left for another look."""
    seconds = differences.seconds_since_last()
    if seconds is not None and seconds < _SHARE * settings().reconcile_seconds:
        return 0
    try:
        run()
    except errors.Conflict:
        log.info("another process reconciles")
    return 0


def run() -> list[Outcome]:
    """Compare everything now. Raises Conflict when another process does, Unavailable, Busy."""
    with _alone():
        return [compare(part) for part in Part]


def compare(part: Part) -> Outcome:
    """Compare one part; a service outside that cannot be asked leaves the rest for the next run."""
    begun = differences.begin(part)
    position: int | None = None
    try:
        outcome, position = _PARTS[part](begun)
    except (Refused, OutcomeUnknown, errors.Problem) as problem:
        outcome = Outcome(part, error=str(problem) or "no answer")
    differences.end(outcome, position)
    log.info("reconciled", extra=dict(outcome._asdict()))
    return outcome


def _compare_own(begun: Run) -> tuple[Outcome, int]:
    found = own_checks.check_all()
    findings = [one for kind in found.values() for one in kind]
    with db.transaction() as connection:
        differences.record(connection, findings, patience=0)
        complete = [kind for kind, some in found.items() if own_checks.is_all(some)]
        differences.close_unseen(connection, complete, begun.began)
    return Outcome(begun.part, len(found), len(findings)), 0


_PARTS: Mapping[Part, Callable[[Run], tuple[Outcome, int]]] = {
    Part.OWN: _compare_own,
    Part.GATEWAY: gateway_check.compare,
    Part.PLACES: provider_check.compare_places,
    Part.ORDERS: provider_check.compare_orders,
}


@contextmanager
def _alone() -> Iterator[None]:
    """Be the only process that reconciles; the lock ends with its connection, whatever happens.

    Of its own, because a run takes longer than any use of the pool may.
    """
    try:
        connection = db.connect("biletter-reconciliation")
    except psycopg.Error as error:
        raise db.translated(error) from error
    try:
        with gevent.Timeout(settings().database_deadline, errors.Unavailable()):
            row = connection.execute(_TRY_LOCK, {"lock": _LOCK}).fetchone()
        if not row or not row[0]:
            raise errors.Conflict("Сверка уже идёт.", code="reconciling")
        yield
    finally:
        connection.close()
