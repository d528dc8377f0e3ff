"""The crash matrix: whoever dies wherever, the end is the same as if nobody had.

A scenario is played once by a process that lives. Then it is played by as many processes as that
one passed points, each with a booking of its own, and each dies at another point: really, by
SIGKILL. Afterwards buyers who got no answer ask again, time passes, other workers go on; and all
bookings have to be where that of the living one is, with the gateway and the provider agreeing.
"""

from __future__ import annotations

import os

import pytest

from app.notifications.service import TOPICS
from tests.sagas.audit import differences
from tests.sagas.conftest import IS_LONG
from tests.sagas.forks import telling
from tests.sagas.scenarios import SCENARIOS, Scenario
from tests.sagas.states import State, states
from tests.sagas.venue import Venue

_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
_ROUNDS = int(os.environ.get("SAGAS_ROUNDS", "1"))


def crash_everywhere(venue: Venue, scenario: Scenario, *, sabotage: str = "") -> list[str]:
    """Kill the deed at each of its points; returns in what the ends differ from the control's."""
    [control] = scenario.prepare(venue, 1)
    points = _do(venue, scenario, control, sabotage=sabotage)
    if not scenario.afterwards:
        assert _end(venue, control) == scenario.ends, f"not gone all the way: {points}"
    chosen = range(len(points)) if IS_LONG else telling(points)
    victims = scenario.prepare(venue, len(chosen))
    died_at = {}
    for die_at, victim in zip(chosen, victims, strict=True):
        passed = _do(venue, scenario, victim, die_at=die_at, sabotage=sabotage)
        died_at[victim] = f"{die_at}, {passed[-1]}"
    venue.pass_time()
    if scenario.afterwards:
        scenario.afterwards(venue, [control, *victims])
    venue.rest()
    expected, *found = states(venue, [control, *victims])
    assert (expected.booking, expected.payments, expected.order) == scenario.ends, expected
    return differences(venue) + [
        f"killed at {died_at[victim]}: {_changes(expected, state)}"
        for victim, state in zip(victims, found, strict=True)
        if not scenario.is_same(expected, state)
    ]


def _do(
    venue: Venue, scenario: Scenario, booking: int, *, die_at: int = -1, sabotage: str = ""
) -> list[str]:
    beside = venue.working() if scenario.has_workers_beside else venue.alone(booking)
    with beside:
        fate = venue.run(
            scenario.deed,
            *scenario.arguments(venue, booking),
            die_at=die_at,
            every_statement=IS_LONG,
            sabotage=sabotage,
        )
    # Where one had to look again for what was on its way, another had not, and lives.
    assert fate.killed == (0 <= die_at < len(fate.points)), fate
    return fate.points


def _changes(expected: State, found: State) -> str:
    return "; ".join(
        f"{name} is {is_}, not {was}"
        for name, was, is_ in zip(State._fields, expected, found, strict=True)
        if was != is_
    )


def _end(venue: Venue, booking: int) -> tuple[str, list[str], str]:
    found = venue.sql.execute("SELECT status FROM bookings WHERE id = %s", [booking]).fetchone()
    return found[0] if found else "erased", venue.payments(booking), venue.order(booking)


@pytest.mark.parametrize("round_number", range(_ROUNDS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_process_that_dies_anywhere_changes_nothing_in_the_end(
    venue: Venue, scenario: Scenario, round_number: int
) -> None:
    assert crash_everywhere(venue, scenario) == [], f"round {round_number}"
    print(f"{venue.forks.kills} kills survived")  # noqa: T201 - the long form shows it


def test_messages_reach_their_inbox_once_wherever_the_relay_dies(venue: Venue) -> None:
    venue.sold(1)
    count = "SELECT count(*) FROM outbox"
    # The topics that a user is told about; those of the others are just deleted.
    told = venue.sql.execute(
        "SELECT count(*) FROM outbox WHERE topic = ANY(%s)", [sorted(TOPICS)]
    ).fetchone()
    inbox = "SELECT count(*) FROM notifications WHERE event_id = %s OR user_id = %s"
    owner = [venue.event.id, venue.buyer.user_id]
    waiting = venue.sql.execute(count).fetchone()
    fate = venue.run("take_turn", "messages", die_at=0, every_statement=True)
    assert fate.killed
    assert venue.sql.execute(count).fetchone() == waiting
    die_at = 1
    while fate.killed:
        fate = venue.run("take_turn", "messages", die_at=die_at, every_statement=True)
        die_at += 1
    assert die_at > 3
    assert venue.sql.execute(count).fetchone() == (0,)
    assert venue.sql.execute(inbox, owner).fetchone() == told


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ("select_before_it_is_stored", "a worker asks for the places"),
        ("paid_before_it_is_asked_for", "all of the money goes back"),
        ("asked_before_it_is_stored", "a part of the money goes back"),
    ],
)
def test_control_steps_in_another_order_do_not_survive_a_crash(
    venue: Venue, order: str, name: str
) -> None:
    assert crash_everywhere(venue, _BY_NAME[name], sabotage=order)
