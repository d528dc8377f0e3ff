"""Rounds of a benchmark: many connections in a loop, and what they cost the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from loadtest import wire
from loadtest.servers import Target, cpu_seconds

BUYERS = 32


class Sample(NamedTuple):
    """One round of one row."""

    done: int
    missed: int
    seconds: float
    cpu: float
    """Seconds of CPU that the server processes used."""


Step = Callable[[wire.Line], Awaitable[bool]]


def drive(target: Target, seconds: float, steps: list[Step]) -> Sample:
    """Run each step in a loop on a connection of its own; a step says whether it succeeded."""

    async def loop(step: Step, until: float) -> tuple[int, int]:
        line = await wire.connect("127.0.0.1", target.port)
        done = missed = 0
        while time.perf_counter() < until:
            if await step(line):
                done += 1
            else:
                missed += 1
        line.close()
        return done, missed

    async def everybody() -> Sample:
        cpu, began = cpu_seconds(target.process), time.perf_counter()
        counts = await asyncio.gather(*(loop(step, began + seconds) for step in steps))
        took = time.perf_counter() - began
        return Sample(
            sum(c[0] for c in counts),
            sum(c[1] for c in counts),
            took,
            cpu_seconds(target.process) - cpu,
        )

    return asyncio.run(everybody())


def same(raw: bytes, wanted: int) -> list[Step]:
    """Everybody repeats one request."""

    async def step(line: wire.Line) -> bool:
        status, _ = await line.send(raw)
        return status == wanted

    return [step] * BUYERS


def different(raws: list[bytes]) -> list[Step]:
    """Everybody repeats a request of its own."""
    return [step for raw in raws for step in same(raw, 200)[:1]]
