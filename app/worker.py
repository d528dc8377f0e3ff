"""The worker process: everything that happens without a request. Any number of them may run.

`python -m app.worker` ends bookings whose hold ran out, asks the gateway about payments that are
undecided, and pays refunds back. Nothing here is needed for a hold to end: a seat whose hold ran
out is free at once.
"""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402 - after the patch, as everything here
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import NamedTuple  # noqa: E402

import gevent  # noqa: E402
from gevent.event import Event  # noqa: E402

from app.bookings import service as bookings  # noqa: E402
from app.checkout import service as checkout  # noqa: E402
from app.kernel import config, db, errors, logs  # noqa: E402
from app.payments import refunds  # noqa: E402

log = logging.getLogger(__name__)

_PAUSE_AFTER_FAULT = 5.0
_LOOK_SECONDS = 0.5


class Job(NamedTuple):
    """Work that is done again and again; it returns how much of it there was."""

    work: Callable[[], int]
    seconds: float


def jobs() -> list[Job]:
    """What this worker does, and how often it looks."""
    return [
        Job(bookings.expire_due, config.settings().expiry_seconds),
        Job(checkout.settle_due, _LOOK_SECONDS),
        Job(refunds.pay_due, _LOOK_SECONDS),
    ]


def repeat(job: Job, stop: Event) -> None:
    """Do a job until told to stop; one that found work looks again at once."""
    pause = 0.0
    while not stop.wait(pause):
        try:
            pause = 0.0 if job.work() else job.seconds
        except errors.Problem as problem:
            log.warning("job has to wait", extra={"job": job.work.__name__, "error": problem.code})
            pause = _PAUSE_AFTER_FAULT
        except Exception:
            log.exception("job failed", extra={"job": job.work.__name__})
            pause = _PAUSE_AFTER_FAULT


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    try:
        settings = config.settings()
    except config.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    logs.configure(settings.log_level)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    running = [gevent.spawn(repeat, job, stop) for job in jobs()]
    gevent.joinall(running)
    db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
