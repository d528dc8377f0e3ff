"""What the driver's errors mean."""

from __future__ import annotations

import logging

import psycopg
from psycopg import errors as pg

from app.kernel import errors

log = logging.getLogger(__name__)


def translated(error: psycopg.Error) -> Exception:
    """What a driver's error means to a caller; driver text stays in the log."""
    if isinstance(error, (pg.LockNotAvailable, pg.DeadlockDetected, pg.SerializationFailure)):
        return errors.Busy()
    if isinstance(error, pg.QueryCanceled):
        return errors.Busy("Запрос к базе данных не успел выполниться.")
    if isinstance(error, (psycopg.OperationalError, pg.ReadOnlySqlTransaction)):
        log.warning("database unavailable", extra={"error": str(error).strip()})
        return errors.Unavailable("База данных недоступна.")
    return error


def server_left(error: psycopg.Error) -> bool:
    """Whether the server has gone, or takes no writes any more."""
    if isinstance(error, (pg.ReadOnlySqlTransaction, pg.AdminShutdown, pg.CrashShutdown)):
        return True
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None
