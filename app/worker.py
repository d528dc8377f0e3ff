"""The worker process: everything that happens without a request. Any number of them may run.

`python -m app.worker` ends bookings whose hold ran out, asks the gateway about payments that are
undecided, pays refunds back, delivers messages, and compares it all with the services outside.
Nothing here is needed for a hold to end: a seat whose hold ran out is free at once. A job looks
every so often, and at once when it is woken.
"""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402 - after the patch, as everything here
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from typing import NamedTuple  # noqa: E402

import gevent  # noqa: E402
from gevent.event import Event  # noqa: E402

from app.bookings import service as bookings  # noqa: E402
from app.checkout import places  # noqa: E402
from app.checkout import service as checkout  # noqa: E402
from app.kernel import config, db, errors, logs, metrics, relay  # noqa: E402
from app.kernel.wake import Listener  # noqa: E402
from app.notifications import service as notifications  # noqa: E402
from app.operations import reconciling  # noqa: E402
from app.operations.telling import Domain  # noqa: E402
from app.payments import refunds  # noqa: E402
from app.payments import service as payments  # noqa: E402
from app.provider import service as provider  # noqa: E402
from app.server import scraped  # noqa: E402

log = logging.getLogger(__name__)

_PAUSE_AFTER_FAULT = 5.0
_LOOK_SECONDS = 0.5


class Job(NamedTuple):
    """Work that is done again and again; it returns how much of it there was."""

    name: str
    """What it is woken by, see `app.kernel.wake`."""
    work: Callable[[], int]
    seconds: float


def jobs() -> list[Job]:
    """What this worker does, and how often it looks without being woken."""
    return [
        Job("expiry", bookings.expire_due, config.settings().expiry_seconds),
        Job(payments.JOB, checkout.settle_due, _LOOK_SECONDS),
        Job(provider.JOB, places.advance_due, _LOOK_SECONDS),
        Job(refunds.JOB, refunds.pay_due, _LOOK_SECONDS),
        Job(relay.JOB, deliver_messages, _LOOK_SECONDS),
        Job(reconciling.JOB, reconciling.run_due, config.settings().reconcile_seconds),
    ]


def consumers() -> relay.Consumers:
    """Who wants which messages."""
    return {topic: [notifications.store] for topic in notifications.TOPICS}


def deliver_messages() -> int:
    """Deliver a batch; one that is nearly empty is not worth another look at once."""
    return relay.deliver(consumers()) // relay.CALLS


def repeat(job: Job, woken: Event, stop: Event) -> None:
    """Do a job until told to stop; one that found work looks again at once."""
    while not stop.is_set():
        woken.clear()  # Before the work, so that what comes meanwhile is looked at afterwards.
        try:
            found = take_turn(job)
        except errors.Problem as problem:
            log.warning("job has to wait", extra={"job": job.name, "error": problem.code})
            stop.wait(_PAUSE_AFTER_FAULT)
        except Exception:
            log.exception("job failed", extra={"job": job.name})
            stop.wait(_PAUSE_AFTER_FAULT)
        else:
            woken.wait(0 if found else job.seconds)


def take_turn(job: Job) -> int:
    """Do a job once, and count that."""
    began, outcome = time.monotonic(), "failed"
    try:
        found = job.work()
        outcome = "done"
        metrics.JOB_LAST_SUCCESS.labels(job.name).set_to_current_time()
    finally:
        metrics.JOB_RUNS.labels(job.name, outcome).inc()
        metrics.JOB_SECONDS.labels(job.name).observe(time.monotonic() - began)
    return found


def finish_work() -> None:
    """Wait for everything that this process has taken up."""
    places.finish_work()
    checkout.finish_work()
    refunds.finish_work()


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    try:
        settings = config.settings()
    except config.SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    logs.configure(settings.log_level)
    todo = jobs()
    listener = Listener(job.name for job in todo)
    stop = Event()

    def end() -> None:
        stop.set()
        listener.wake_all()

    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, end)
    listening = [gevent.spawn(listener.run)]
    if settings.metrics_bind:
        tell = partial(metrics.exposition, Domain())
        listening.append(gevent.spawn(scraped.serve, settings.metrics_bind, tell))
    running = [gevent.spawn(repeat, job, listener.events[job.name], stop) for job in todo]
    gevent.joinall(running)
    finish_work()
    gevent.killall(listening)
    db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
