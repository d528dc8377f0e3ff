"""Lines that say how long it has taken so far, and what is done."""

from __future__ import annotations

import sys
import time

_begin = time.monotonic()


def say(what: str) -> None:
    """Print one line: seconds since the command began, and what is done."""
    print(f"{time.monotonic() - _begin:6.1f} s  {what}", file=sys.stderr, flush=True)
