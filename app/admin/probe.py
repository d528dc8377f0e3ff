"""`probe`: what the synthetic buyer needs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any

import msgspec

from app.admin.work import operator
from app.operations import probe


def add_to(areas: Any) -> None:
    """Declare the command."""
    command = areas.add_parser(
        "probe",
        help="make the synthetic buyer's event and account",
        description="Make an event that is listed nowhere, and the account of PROBE_EMAIL and "
        "PROBE_PASSWORD, unless they are there; print their ids as JSON.",
    )
    command.set_defaults(run=_probe)


def _probe(_options: argparse.Namespace) -> Iterable[str]:
    email, password = (os.environ.get(name, "") for name in ("PROBE_EMAIL", "PROBE_PASSWORD"))
    made = probe.prepare(email, password, actor=operator())
    yield msgspec.json.encode(made._asdict()).decode()
