"""The scenario of a failure against a small service that breaks on request."""

from pathlib import Path

import gevent
import pytest

from loadtest import failover, losses
from loadtest.accounts import BOOKING_ACCOUNTS
from loadtest.options import parse_options
from loadtest.outcome import Outcome
from tests.integration.load_fake import Given, Reply, Service, serving

QUICK = ["--users", "6", "--readers", "2", "--pause-ms", "50", "--recovery", "3s"]
BACK = "the service answers within 3 s after the load"
THERE = "every acknowledged booking is there"
REFLECTED = "every acknowledged seat is in its booking"
TWICE = "no seat is in two bookings"
GONE = "what was given back is gone"
SUMS = "the sums of the analytics are those of the bookings"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits after the load."""
    monkeypatch.setattr(failover, "AFTER_SECONDS", 0.2)
    monkeypatch.setattr(losses, "PAUSE_SECONDS", 0.05)


def play(host: str, *more: str) -> Outcome:
    """Play the scenario, shortly."""
    return failover.run(parse_options(["failover", "--host", host, *QUICK, *more]))


def failures(outcome: Outcome) -> set[str]:
    """The gates that did not pass, but for the generator's own: the service is in its process."""
    return {
        gate.name
        for gate in outcome.gates
        if not gate.passed and not gate.name.startswith("the generator kept")
    }


class Breaks(Service):
    """A service that is broken as long as a file is there."""

    def __init__(self, flag: Path) -> None:
        super().__init__()
        self.flag = flag

    def fault(self, seconds: float = 1) -> tuple[str, ...]:
        """The options of a fault that lasts so long."""
        command = f"touch {self.flag}; sleep {seconds}; rm {self.flag}; echo mended"
        return ("--fault", command, "--fault-at", "1s", "--duration", "3s")


class StandsStill(Breaks):
    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        while self.flag.exists():
            gevent.sleep(0.01)
        return super().answer(call, email, given)


class HoldsUpBuyers(Breaks):
    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        while self.flag.exists() and not call.startswith("GET"):
            gevent.sleep(0.01)
        return super().answer(call, email, given)


class IsBusy(Breaks):
    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        return (503, {}) if self.flag.exists() else super().answer(call, email, given)


def test_without_a_fault_nothing_fails() -> None:
    service = Service()
    with serving(service) as host:
        outcome = play(host, "--duration", "2s", "--failed", "0")
    found = outcome.figures["failover"]
    assert failures(outcome) == set(), outcome.gates
    assert len(service.owners) == (
        found["acknowledged"]["bookings"] - found["acknowledged"]["cancellations"]
    )
    assert min(found["acknowledged"].values()) > 0
    assert min(one["served"] for one in found["reads"]["by_kind"].values()) > 0
    assert (found["lost"], found["doubled"], found["unknown"]) == (0, 0, 0)
    assert found["failed"] == {"total": 0, "by_ending": {}, "by_kind": {}}


@pytest.mark.parametrize("broken", [StandsStill, IsBusy])
def test_a_service_that_is_away_for_a_second_leaves_a_gap_of_about_a_second(
    broken: type[Breaks], tmp_path: Path
) -> None:
    service = broken(tmp_path / "broken")
    limits = ("--writes-seconds", "0.7", "--reads-seconds", "60", "--failed", "0")
    with serving(service) as host:
        outcome = play(host, *service.fault(), *limits)
    found = outcome.figures["failover"]
    expected = {"writes: none for ≤ 0.7 s"}
    if broken is IsBusy:
        assert found["failed"]["by_ending"].keys() == {"503"}
        expected.add("failed requests ≤ 0")
    assert failures(outcome) == expected, outcome.gates
    for what in ("writes", "reads"):
        assert 0.8 < found[what]["longest_gap_seconds"] < 3
        assert -0.5 < found[what]["began_after_fault_seconds"] < 1
        assert found[what]["longest_gap_before_seconds"] < 1
    assert (found["lost"], found["doubled"], found["unknown"]) == (0, 0, 0)
    assert found["deeds"][0]["output"] == "mended"


def test_who_gives_up_waiting_does_not_know_the_outcome_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    service = HoldsUpBuyers(tmp_path / "broken")
    with serving(service) as host:
        outcome = play(host, *service.fault(2), "--deadline", "1s")
    found = outcome.figures["failover"]
    assert failures(outcome) == set(), outcome.gates
    assert found["unknown"] == found["failed"]["by_ending"]["timed out"] > 0
    assert found["reads"]["longest_gap_seconds"] < 1.5 < found["writes"]["longest_gap_seconds"]


class LosesABooking(Breaks):
    """What was there when it broke is gone."""

    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        if self.flag.exists() and len(self.owners) > 5:
            for booking_id in list(self.owners)[:3]:
                del self.owners[booking_id]
            self.held = {seat: held for seat, held in self.held.items() if held[0] in self.owners}
            self.flag.unlink()
        return super().answer(call, email, given)

    def fault(self, _seconds: float = 0) -> tuple[str, ...]:
        return ("--fault", f"touch {self.flag}", "--fault-at", "1s", "--duration", "2s")


class GivesSeatsTwice(Breaks):
    def list_seats(self, email: str, given: Given) -> Reply:
        self.listed = 0
        return super().list_seats(email, given)

    def select(self, _email: str, given: Given) -> Reply:
        gevent.sleep(0.002)
        return self.hold(given)

    def fault(self, _seconds: float = 0) -> tuple[str, ...]:
        return ("--duration", "2s")


class ForgetsCancellations(Breaks):
    def cancel(self, email: str, given: Given) -> Reply:
        return (200 if self.owners[given["booking_id"]] == email else 403), {}

    def fault(self, _seconds: float = 0) -> tuple[str, ...]:
        return ("--duration", "2s")


@pytest.mark.parametrize(
    ("broken", "expected", "count"),
    [
        (LosesABooking, {THERE, REFLECTED}, "lost_bookings"),
        (GivesSeatsTwice, {TWICE, REFLECTED}, "doubled"),
        (ForgetsCancellations, {GONE}, "lost_cancellations"),
    ],
)
def test_what_was_acknowledged_and_is_not_kept_fails(
    broken: type[Breaks], expected: set[str], count: str, tmp_path: Path
) -> None:
    service = broken(tmp_path / "broken")
    with serving(service) as host:
        outcome = play(host, *service.fault())
    assert failures(outcome) == expected, outcome.gates
    assert outcome.figures["failover"][count] > 0


class IsGone(Service):
    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        gone = self.requests["POST /api/bookings"] > 20
        return (503, {}) if gone else super().answer(call, email, given)


def test_of_a_service_that_does_not_come_back_nothing_is_known() -> None:
    with serving(IsGone()) as host:
        outcome = play(host, "--duration", "2s", "--recovery", "1s")
    assert {THERE, REFLECTED, BACK.replace("3", "1")} <= failures(outcome)
    found = outcome.figures["failover"]
    assert (found["lost"], found["doubled"]) == (None, None)


class HasNoReset(Service):
    """Which has a booking of one of the accounts, that ends during the run."""

    def __init__(self) -> None:
        super().__init__()
        booking_id = self.create_booking(BOOKING_ACCOUNTS[0].email, {"event_id": 1})[1]["id"]
        self.hold({"booking_id": booking_id, "seat_id": 19_999})
        self.old = booking_id

    def reset(self, _email: str, _given: Given) -> Reply:
        return 404, {}

    def create_booking(self, email: str, given: Given) -> Reply:
        if hasattr(self, "old"):
            self.owners.pop(self.old, None)
        return super().create_booking(email, given)


@pytest.mark.parametrize("more", [(), ("--no-reset",)])
def test_a_service_without_a_reset_is_taken_as_it_is(more: tuple[str, ...]) -> None:
    service = HasNoReset()
    with serving(service) as host:
        outcome = play(host, "--duration", "2s", *more)
    assert failures(outcome) == set(), outcome.gates
    assert SUMS not in {gate.name for gate in outcome.gates}
    assert service.requests["POST /api/reset"] == (not more)
    assert outcome.figures["failover"]["lost"] == 0


def test_the_crowd_goes_on_until_a_command_has_ended_and_a_bad_one_fails() -> None:
    with serving(Service()) as host:
        outcome = play(
            host,
            *("--fault", "sleep 2; echo broken >&2; exit 3", "--fault-at", "1s"),
            *("--mend", "echo $((40 + 2))", "--mend-at", "2s", "--duration", "3s"),
        )
    assert failures(outcome) == {"the command of the fault ends with code 0"}, outcome.gates
    fault, mend = outcome.figures["failover"]["deeds"]
    assert (fault["code"], fault["output"], mend["code"], mend["output"]) == (3, "broken", 0, "42")
    assert outcome.seen.record.elapsed > fault["at_seconds"] + fault["lasted_seconds"]
