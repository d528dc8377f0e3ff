"""Requests that wait until their orders hold their places: one question for all of them."""

from __future__ import annotations

import gevent
from gevent.event import AsyncResult

from app.kernel import errors
from app.provider import queries
from app.provider.models import Status

_LOOK_SECONDS = 0.03
_UNDER_WAY = (Status.WANTED, Status.REFUSED)

_waiting: dict[AsyncResult, int] = {}
_looking: list[gevent.Greenlet] = []


def until_decided(booking_id: int, seconds: float) -> bool:
    """Wait until an order is no longer being asked for; False: it is still, after so many seconds.

    Raises Unavailable, Busy when the database cannot be asked.
    """
    result = AsyncResult()
    _waiting[result] = booking_id
    if not _looking:
        _looking.append(gevent.spawn(_look))
    try:
        result.get(timeout=seconds)
    except gevent.Timeout:
        return False
    finally:
        _waiting.pop(result, None)
    return True


def _look() -> None:
    try:
        while _waiting:
            gevent.sleep(_LOOK_SECONDS)
            wanted = dict(_waiting)
            try:
                found = queries.statuses([*set(wanted.values())])
            except errors.Problem as problem:
                for result in wanted:
                    result.set_exception(problem)
                    _waiting.pop(result, None)
                continue
            for result, booking_id in wanted.items():
                if found.get(booking_id) not in _UNDER_WAY:
                    result.set(None)
                    _waiting.pop(result, None)
    finally:
        _looking.clear()
