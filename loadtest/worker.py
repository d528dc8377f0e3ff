"""A worker of a run in several processes: plays the part that its master gives it, and ends."""

import os
import pickle
import socket
import sys
import time
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.fileobject import FileObject
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest import master
from loadtest.fleet import require_files
from loadtest.live import LIVE
from loadtest.plan import Plan
from loadtest.stage import CannotStartError
from loadtest.trust import TRUST


def run(host: str, port: int, processes: int) -> int:
    """Work for the master there, with so many processes, until it has what they saw."""
    try:
        socket.getaddrinfo(host, port)
    except OSError as error:
        print(f"The master's host {host} is not known: {error.strerror}.", file=sys.stderr)
        return 2
    workers = [master.start_worker(host, port) for _ in range(processes)]
    try:
        return max(worker.wait() for worker in workers)
    finally:
        master.end_workers(workers)


def main() -> int:
    """Play one part; this process ends when its standard input does."""
    host, port = sys.argv[1], int(sys.argv[2])
    gevent.spawn(end_with_parent)
    try:
        runner = Environment().create_worker_runner(host, port)
    except ConnectionError:
        print(f"No master answers at {host}:{port}.", file=sys.stderr)
        return 2
    gevent.spawn(play, runner)
    # It ends when the master says so, or has not been heard of for a minute.
    runner.greenlet.join()
    return 0


def end_with_parent() -> None:
    """End this process when the one that has started it is gone."""
    FileObject(sys.stdin.buffer.fileno(), "rb", closefd=False).read()
    os._exit(1)


def play(runner: WorkerRunner) -> None:
    """Play the part that the master sends, and tell it what was seen."""
    plans: AsyncResult[bytes] = AsyncResult()
    starts: AsyncResult[float] = AsyncResult()

    def tell_time(**_: Any) -> None:
        runner.send_message(master.CLOCK, time.monotonic())

    def begin() -> float:
        runner.send_message(master.READY)
        return starts.get()

    runner.register_message(master.CLOCK, tell_time)
    runner.register_message(master.PLAN, lambda msg, **_: plans.set(msg.data))
    runner.register_message(master.START, lambda msg, **_: starts.set(msg.data))
    runner.send_message(master.HERE)
    # As any worker of Locust, this one does what its master says.
    plan: Plan = pickle.loads(plans.get())
    TRUST.ca = plan.ca
    if plan.is_shown:
        runner.environment.events.report_to_master.add_listener(LIVE.tell)
    try:
        require_files(plan.users)
        seen = plan.act(plan, begin)
    except CannotStartError as reason:
        runner.send_message(master.FAILED, str(reason))
    except OSError as error:
        runner.send_message(master.FAILED, f"{plan.host}: {error}")
    except Exception as error:
        runner.send_message(master.FAILED, repr(error))
        raise
    else:
        runner.send_message(master.SEEN, pickle.dumps(seen))


if __name__ == "__main__":
    sys.exit(main())
