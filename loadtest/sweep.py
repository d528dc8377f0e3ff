"""`make sweep`: how long searches take that no cache knows, one at a time, through the API.

It starts a service of its own on the data of `make run`, whose caches forget at once. First the
searches of the load profile; then words that one row in ten to one in a million has, the
first page and the fiftieth, with a day and without.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from loadtest import wire
from loadtest.record import percentile
from loadtest.search import ARCHIVE_DAY, QUERIES
from loadtest.servers import FORGETFUL, start_service, stop

# Words of the generated dataset, by the share of archived events that have them.
WORDS = {
    "1 in 10": "Ясноборск",
    "1 in 100": "Ветролюбово",
    "1 in 1,000": "Синегорьевск",
    "1 in 10,000": "Тихозерье",
    "1 in 100,000": "Златополянск",
    "1 in 1,000,000": "Камнеломово",
}
PROFILE_MS, SWEEP_MS = 15.0, 100.0


class Shape(NamedTuple):
    """What is asked for."""

    name: str
    query: str
    page: int
    day: str


class Times(NamedTuple):
    """Milliseconds of one shape, the first request apart."""

    first: float
    others: list[float]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make sweep")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=40, help="of each shape; 40")
    arguments = parser.parse_args()
    service = start_service(arguments.data_dir, **FORGETFUL)
    try:
        took = asyncio.run(measure(service.port, arguments.samples))
    finally:
        stop(service)
    profile = [report(shape, took[shape]) for shape in profile_shapes()]
    print()
    sweep = [report(shape, took[shape]) for shape in sweep_shapes()]
    ok = max(profile) <= PROFILE_MS and max(sweep) <= SWEEP_MS
    print(
        f"\nworst p95: {max(profile):.1f} ms of the profile (goal {PROFILE_MS:.0f}),"
        f" {max(sweep):.1f} ms of the sweep (goal {SWEEP_MS:.0f}):"
        f" {'reached' if ok else 'MISSED'}"
    )
    return 0 if ok else 1


def profile_shapes() -> list[Shape]:
    """The twelve searches of the load profile."""
    return [Shape(query, query, 1, day) for day in ("", str(ARCHIVE_DAY)) for query in QUERIES]


def sweep_shapes() -> list[Shape]:
    """Words from frequent to rare, near and far pages, a day or all of them."""
    return [
        Shape(share, word, page, day)
        for day, page, (share, word) in product(("", str(ARCHIVE_DAY)), (1, 50), WORDS.items())
    ]


async def measure(port: int, samples: int) -> dict[Shape, Times]:
    """Ask for each shape so many times, all shapes in turn."""
    line = await wire.connect("127.0.0.1", port)
    shapes = [*profile_shapes(), *sweep_shapes()]
    took: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    for _ in range(samples + 1):
        for shape in shapes:
            path = f"/api/events?query={quote(shape.query)}&page={shape.page}&pageSize=20"
            request = wire.request("GET", path + (f"&date={shape.day}" if shape.day else ""))
            sent = time.perf_counter()
            status, body = await line.send(request)
            took[shape].append((time.perf_counter() - sent) * 1000)
            if status != 200:
                raise SystemExit(f"{path} answered {status}: {body.decode()}")
    line.close()
    return {shape: Times(times[0], times[1:]) for shape, times in took.items()}


def report(shape: Shape, times: Times) -> float:
    """Print a line, and return the 95th percentile."""
    name = f"{shape.name}, page {shape.page}{', a day' if shape.day else ''}"
    middle, most = percentile(times.others, 0.5), percentile(times.others, 0.95)
    print(
        f"{name:<46} p50 {middle:6.1f}  p95 {most:6.1f}  max {max(times.others):6.1f}"
        f"  first {times.first:6.1f} ms"
    )
    return most


if __name__ == "__main__":
    sys.exit(main())
