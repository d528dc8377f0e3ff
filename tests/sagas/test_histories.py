"""Random histories of buyers, clocks, faults and kills, and what holds in all of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import Caller
from tests.sagas.conftest import IS_LONG
from tests.sagas.histories import Histories
from tests.sagas.venue import Venue

_EXAMPLES = int(os.environ.get("SAGAS_EXAMPLES", "30"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits within a call: whatever is on its way is looked for at the next turn."""
    from app.checkout import initiating
    from app.provider import service

    monkeypatch.setattr(initiating, "_WAIT_SECONDS", 0)
    monkeypatch.setattr(service, "_LINGER_SECONDS", 0)


@pytest.mark.usefixtures("impatient")
def test_no_history_breaks_an_invariant_or_leaves_anything_open(
    venue: Venue, new_user: Callable[[], Caller]
) -> None:
    people = [new_user(), new_user()]
    given = {"venue": venue, "people": people, "played": 0, "ends": Counter()}
    machine = type("Histories", (Histories,), given)
    kills = venue.forks.kills
    phases = [Phase.generate, *([Phase.shrink] if IS_LONG else [])]
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=_EXAMPLES,
                stateful_step_count=50 if IS_LONG else 30,
                deadline=None,
                database=None,
                derandomize=not IS_LONG,
                print_blob=True,
                phases=phases,
                # Every step talks to a database and two services, so a history takes its time.
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
    finally:
        print(f"{machine.played} histories, {venue.forks.kills - kills} kills")  # noqa: T201
        print(dict(sorted(machine.ends.items())))  # noqa: T201
