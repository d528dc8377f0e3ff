"""Plays a search in one generator process or several, which share its rate and start together."""

import os
import pickle
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from math import ceil
from typing import IO, Self

import gevent
from gevent.fileobject import FileObject

from loadtest import crew
from loadtest.connection import Connection, look_up
from loadtest.search import MIXES, Plan
from loadtest.stage import CannotStartError
from loadtest.traffic import Traffic

# Files that are open besides the connections.
SPARE_FILES = 64
HEAD_START_SECONDS = 0.1
# For so long the service may stall at the highest rate before more users are needed. Connecting
# costs more than sending, so a generator that did it at full rate would fall behind by that alone.
STANDBY_SECONDS = 0.1


def play(plan: Plan, processes: int) -> Traffic:
    """Play a plan to its end and return what all processes saw."""
    users = -(-plan.users // processes)
    require_files(users)
    if not plan.schedule.count:
        raise CannotStartError("At this rate, scale and duration there is nothing to send.")
    if processes == 1:
        return play_part(plan, soon)
    parts = [replace(plan, users=users, part=part, parts=processes) for part in range(processes)]
    with ExitStack() as stack:
        children = [stack.enter_context(Child(part)) for part in parts]
        for child in children:
            child.wait_until_ready()
        # CLOCK_MONOTONIC is the same for all processes of a machine.
        start = soon()
        for child in children:
            child.begin(start)
        whole = Traffic()
        for child in children:
            whole.add(child.finish())
    return whole


def soon() -> float:
    """Return the monotonic second in which to start."""
    return time.monotonic() + HEAD_START_SECONDS


def play_part(plan: Plan, begin: Callable[[], float]) -> Traffic:
    """Play one part of a plan in this process, from the monotonic second that is told."""
    address = look_up(plan.host)
    requests = MIXES[plan.mix](address, random.Random(plan.part))
    return crew.play(
        plan.schedule.moments(plan.part, plan.parts),
        requests,
        lambda: Connection(address),
        begin,
        users=plan.users,
        standby=ceil(plan.schedule.peak / plan.parts * STANDBY_SECONDS),
    )


def require_files(users: int) -> None:
    """Make sure that a process may open a connection for each of its users."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = users + SPARE_FILES
    if resource.RLIM_INFINITY not in (soft, hard) and hard < needed:
        raise CannotStartError(
            f"{users} virtual users in a process need {needed} open files and {hard} are allowed:"
            " use a smaller --users or more --processes."
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Child:
    """A generator process; it ends when its standard input does."""

    def __init__(self, plan: Plan) -> None:
        self._part = plan.part
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.fleet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._send(plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait()

    def wait_until_ready(self) -> None:
        """Wait until the process has loaded everything."""
        if self._receive() is None:
            raise CannotStartError(f"Generator process {self._part} did not start.")

    def begin(self, start: float) -> None:
        """Let it start at this monotonic second."""
        self._send(start)

    def finish(self) -> Traffic:
        """Wait for the end and return what it saw."""
        received = self._receive()
        if isinstance(received, Traffic):
            return received
        lost = Traffic()
        lost.record.errors.append(f"generator process {self._part} was lost with all it saw")
        return lost

    def _send(self, value: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(value, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # It has ended; what is received from it says so.

    def _receive(self) -> object:
        assert self._process.stdout is not None
        try:
            return pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):
            return None


def main() -> None:
    """Play the part that a parent process asks for, and send it what was seen."""
    commands: IO[bytes] = FileObject(sys.stdin.buffer.fileno(), "rb", closefd=False)
    results = sys.stdout.buffer

    def begin() -> float:
        pickle.dump("ready", results)
        results.flush()
        start: float = pickle.load(commands)
        gevent.spawn(end_with_parent, commands)
        return start

    try:
        plan: Plan = pickle.load(commands)
        require_files(plan.users)
        pickle.dump(play_part(plan, begin), results)
        results.flush()
    except (EOFError, KeyboardInterrupt):
        return


def end_with_parent(commands: IO[bytes]) -> None:
    """End this process when whoever sends it commands is gone."""
    commands.read()
    os._exit(1)


if __name__ == "__main__":
    main()
