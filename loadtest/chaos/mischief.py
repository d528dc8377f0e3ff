"""What breaks, how long, and when: five lanes of trouble, each by its own dice of the seed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import gevent
import psycopg
import urllib3
from gevent.event import Event

from loadtest.chaos.knobs import gateway_knobs, provider_knobs
from loadtest.chaos.memory import Memory
from loadtest.chaos.programs import Program
from loadtest.chaos.world import World


@dataclass(slots=True)
class Trouble:
    """One thing that was done; seconds since the start of the run."""

    lane: str
    kind: str
    label: str
    begin: float
    end: float
    is_kill: bool = False


Prank = Callable[[random.Random], None]
_RETRIED = 0.3
_LONG_FORM = 600.0
"""From so many seconds on a run has two resets; in a short one nothing would be left to look at."""


class Mischief:
    """Makes trouble until it is told to stop, then puts everything back."""

    def __init__(self, world: World, memory: Memory, began: float) -> None:
        self.world, self.memory, self.began = world, memory, began
        self.done: list[Trouble] = []
        self._stop = Event()
        self._lanes: list[gevent.Greenlet] = []

    def start(self) -> None:
        """Begin in all lanes."""
        pranks = {
            "workers": (2.5, 6.0, self._workers()),
            "web": (5.0, 10.0, self._web()),
            "database": (8.0, 16.0, self._database()),
            "gateway": (1.5, 4.5, self._simulator("gateway")),
            "provider": (1.5, 4.5, self._simulator("provider")),
        }
        if (seconds := self.world.plan.seconds) >= _LONG_FORM:
            pranks["reset"] = (0.3 * seconds, 0.4 * seconds, [(1, self._reset)])
        self._lanes = [gevent.spawn(self._run, lane, *how) for lane, how in pranks.items()]

    def finish(self) -> None:
        """Stop, and have everything run and behave again."""
        self._stop.set()
        gevent.joinall(self._lanes, raise_error=True)
        for name in self.world.simulators:
            self.world.behave(name)

    def _run(
        self, lane: str, shortest: float, longest: float, pranks: list[tuple[int, Prank]]
    ) -> None:
        dice = random.Random(f"{self.world.plan.seed}:{lane}")
        weights = [weight for weight, _ in pranks]
        while not self._stop.wait(dice.uniform(shortest, longest)):
            dice.choices([prank for _, prank in pranks], weights)[0](dice)

    @contextmanager
    def _noted(self, lane: str, kind: str, label: str, *, is_kill: bool = False) -> Iterator[None]:
        trouble = Trouble(lane, kind, label, self._now(), 0.0, is_kill)
        self.done.append(trouble)
        try:
            yield
        finally:
            trouble.end = self._now()

    def _now(self) -> float:
        return round(time.monotonic() - self.began, 2)

    def _wait(self, seconds: float) -> None:
        self._stop.wait(seconds)

    # Our own processes.

    def _workers(self) -> list[tuple[int, Prank]]:
        def kill(dice: random.Random) -> None:
            worker = dice.choice(self.world.workers)
            with self._noted("workers", "kill -9 a worker", worker.name, is_kill=True):
                worker.kill()
                self._wait(dice.uniform(0.2, 2.0))
                worker.start()

        def restart(dice: random.Random) -> None:
            worker = dice.choice(self.world.workers)
            with self._noted("workers", "restart a worker", worker.name, is_kill=True):
                worker.end()
                worker.start()

        def freeze(dice: random.Random) -> None:
            worker = dice.choice(self.world.workers)
            # Above 30 s every lease that it has runs out, and it wakes as a zombie.
            seconds = dice.choice((3.0, 6.0, 12.0, 33.0))
            self._freeze("workers", worker, seconds)

        return [(5, kill), (2, restart), (3, freeze)]

    def _freeze(self, lane: str, program: Program, seconds: float) -> None:
        with self._noted(lane, "freeze a worker", f"{program.name} {seconds:.0f} s", is_kill=True):
            program.pause()
            self._wait(seconds)
            program.resume()

    def _web(self) -> list[tuple[int, Prank]]:
        def kill(dice: random.Random) -> None:
            with suppress(ProcessLookupError, IndexError):
                pid = dice.choice(self.world.web_workers())
                with self._noted("web", "kill -9 a gunicorn worker", str(pid), is_kill=True):
                    os.kill(pid, signal.SIGKILL)
                    self._wait(1.0)

        def freeze(dice: random.Random) -> None:
            seconds = dice.uniform(2.0, 6.0)
            with suppress(ProcessLookupError, IndexError):
                pid = dice.choice(self.world.web_workers())
                with self._noted(
                    "web", "freeze a gunicorn worker", f"{seconds:.0f} s", is_kill=True
                ):
                    os.kill(pid, signal.SIGSTOP)
                    self._wait(seconds)
                    os.kill(pid, signal.SIGCONT)

        return [(3, kill), (2, freeze)]

    def _database(self) -> list[tuple[int, Prank]]:
        def terminate(dice: random.Random) -> None:
            share = dice.choice((0.3, 1.0))
            with (
                self._noted("database", "end backends", f"{share:.0%}", is_kill=True),
                suppress(psycopg.Error),
                self.world.connect() as sql,
            ):
                sql.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name LIKE 'biletter%%' AND random() < %s",
                    [share],
                )

        def crash(dice: random.Random) -> None:
            with self._noted("database", "crash PostgreSQL", "immediate stop", is_kill=True):
                self.world.database.crash()
                self._wait(dice.uniform(0.1, 1.5))
                self.world.database.start()

        return [(2, terminate), (2, crash)]

    def _reset(self, _dice: random.Random) -> None:
        with self._noted("reset", "POST /api/reset", "everything erased"):
            self.memory.excuse_all()
            with suppress(urllib3.exceptions.HTTPError):
                self.world.http.request("POST", f"{self.world.service}/api/reset", timeout=40)
            self.memory.excuse_all()

    # The two outside services.

    def _simulator(self, name: str) -> list[tuple[int, Prank]]:
        def kill(dice: random.Random) -> None:
            # A kill stops the coded provider's lane for good; there it ends in an orderly way.
            is_fatal = name == "provider" and self.world.plan.mode == "coded"
            kind = f"restart the {name}" if is_fatal else f"kill -9 the {name}"
            program = self.world.simulators[name]
            with self._noted(name, kind, "", is_kill=True):
                if is_fatal:
                    program.end()
                else:
                    program.kill()
                self._wait(dice.uniform(0.1, 0.8))
                self.world.start_simulator(name)

        def turn(dice: random.Random) -> None:
            label, knobs = (gateway_knobs if name == "gateway" else provider_knobs)(dice)
            with self._noted(name, f"{name} knobs", label):
                self._turn(name, knobs)
                self._wait(dice.uniform(2.0, 7.0))
                self._behave(name)

        return [(1, kill), (7, turn)]

    def _turn(self, name: str, knobs: dict[str, Any]) -> None:
        with suppress(urllib3.exceptions.HTTPError):
            self.world.turn(name, knobs)

    def _behave(self, name: str) -> None:
        while True:
            with suppress(urllib3.exceptions.HTTPError):
                return self.world.behave(name)
            gevent.sleep(_RETRIED)
