"""The test's side of the fork server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Self

NEVER = -1
JOBS = ("expiry", "payments", "orders", "refunds")
"""The worker's jobs that sagas consist of."""
NOTHING = ", of nothing"
"""Ends the name of a point where a statement or a transaction has changed no row."""
_LOOKS = (" order", " place", "PaymentCheck/check")


class Fate(NamedTuple):
    """What became of a child process."""

    killed: bool
    points: list[str]
    """The points that it passed; killed, it died at the last one."""
    backends: list[int]
    """The database's processes that served it; they notice its death a moment later."""
    said: str | None
    """What its deed answered, or the code of its error."""
    error: str | None
    """An error that is none of the service's own."""


def telling(points: list[str]) -> list[int]:
    """Which points are worth dying at: those around something new that has changed anything."""
    found = []
    for number, name in enumerate(points):
        after = points[number + 1] if name.startswith("before") and number + 1 < len(points) else ""
        is_repeated = number > 1 and name == points[number - 2] and name.endswith(_LOOKS)
        if not name.endswith(NOTHING) and not after.endswith(NOTHING) and not is_repeated:
            found.append(number)
    return found


class ForkServer:
    """Starts the server, and counts the kills."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.kills = 0
        self._environment = os.environ | environment
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sagas.fork_server"],
            cwd=Path(__file__).parents[2], env=self._environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def run(
        self,
        deed: str,
        *args: Any,
        die_at: int = NEVER,
        settings: dict[str, str],
        every_statement: bool = False,
        sabotage: str = "",
    ) -> Fate:
        """Have a process do a deed and die at one of its points, counted from 0."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "deed": deed, "args": args, "die_at": die_at, "settings": settings,
            "every_statement": every_statement, "sabotage": sabotage,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        fate = Fate(**json.loads(self._process.stdout.readline()))
        assert fate.error is None, fate
        self.kills += fate.killed
        return fate
