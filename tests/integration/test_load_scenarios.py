"""The load scenarios against a small service that keeps the contract, or breaks it on request."""

import base64
import subprocess
import sys
from typing import Any

import pytest

from loadtest import authorization, booking
from loadtest.accounts import BOOKING_ACCOUNTS
from loadtest.gates import Gate
from loadtest.options import parse_options
from loadtest.record import Record
from loadtest.stage import CannotStartError, probe
from tests.integration.load_fake import PASSWORDS, Given, Reply, Service, serving

QUICK = booking.Pace(settle=0.01, shortest_pause=0.0, longest_pause=0.02)
BUYERS = sum(not account.is_misspelt for account in BOOKING_ACCOUNTS)


def play_booking(
    service: Service, *, rounds: int = 4, hold_seconds: float = 900, pace: booking.Pace = QUICK
) -> tuple[Record, list[Gate]]:
    """Play the booking scenario without its long pauses."""
    with serving(service) as host:
        return booking.run(
            host, seconds=30, users=10, rounds=rounds, hold_seconds=hold_seconds, pace=pace
        )


def failures(gates: list[Gate]) -> set[str]:
    """The names of the gates that did not pass."""
    return {gate.name for gate in gates if not gate.passed}


def test_a_service_that_keeps_the_contract_passes_the_booking_scenario() -> None:
    service = Service()
    record, gates = play_booking(service)
    assert failures(gates) == set()
    assert len(gates) == 8
    assert (record.failed, record.refused_rounds) == (0, 12)
    assert record.attempts == BUYERS * 4
    assert record.success == service.requests["GET /api/bookings"] - 10
    assert service.requests["POST /api/bookings"] == 40


def test_the_reset_comes_first_and_without_authorization() -> None:
    service = Service()
    play_booking(service, rounds=1)
    call, headers = service.headers[0]
    assert call == "POST /api/reset"
    assert "HTTP_AUTHORIZATION" not in headers
    assert all("HTTP_AUTHORIZATION" in headers for _, headers in service.headers[1:])


def test_each_user_keeps_one_connection_even_when_it_is_refused() -> None:
    service = Service()
    play_booking(service)
    # Ten users, one for the reset, one for the verification.
    assert len(service.connections) == 12


def test_no_round_begins_after_the_duration() -> None:
    service = Service()
    with serving(service) as host:
        record, gates = booking.run(
            host, seconds=1, users=10, rounds=1000, hold_seconds=900, pace=booking.Pace(0.1, 0.5, 1)
        )
    assert failures(gates) == set()
    assert 1 <= record.elapsed < 3
    assert BUYERS <= record.attempts <= BUYERS * 3


class SellsTwice(Service):
    def list_seats(self, _email: str, _given: Given) -> Reply:
        return 200, [self.show(7, "FREE")]

    def select(self, _email: str, given: Given) -> Reply:
        return self.hold(given)


class ListsASeatInTwoBookings(Service):
    def seats_of(self, booking_id: int) -> list[dict[str, int]]:
        return [*super().seats_of(booking_id), {"id": 999}]


class ForgetsAnAcknowledgedSeat(Service):
    def select(self, _email: str, _given: Given) -> Reply:
        return 200, {}


class LosesOldBookings(Service):
    def list_bookings(self, email: str, given: Given) -> Reply:
        return 200, super().list_bookings(email, given)[1][-1:]


class AnswersConflicts(Service):
    def select(self, email: str, given: Given) -> Reply:
        return (419, {}) if given["booking_id"] % 4 == 0 else super().select(email, given)


class AnswersAConflictAs409(Service):
    def select(self, email: str, given: Given) -> Reply:
        return (409, {}) if given["booking_id"] % 4 == 0 else super().select(email, given)


class ListsSoldSeats(Service):
    def list_seats(self, email: str, given: Given) -> Reply:
        return 200, [*super().list_seats(email, given)[1][:4], self.show(1000, "SOLD")]


class ListsASeatTwice(Service):
    def list_seats(self, email: str, given: Given) -> Reply:
        return 200, super().list_seats(email, given)[1][:1] * 2


class ListsTooMany(Service):
    def list_seats(self, email: str, given: Given) -> Reply:
        return super().list_seats(email, given | {"pageSize": 6})


class ListsNothing(Service):
    def list_seats(self, _email: str, _given: Given) -> Reply:
        return 200, []


class PricesAreNumbers(Service):
    def show(self, seat_id: int, status: str) -> dict[str, Any]:
        return super().show(seat_id, status) | {"price": 40000}


class CreatesWith200(Service):
    def create_booking(self, email: str, given: Given) -> Reply:
        return 200, super().create_booking(email, given)[1]


class IdsAreStrings(Service):
    def create_booking(self, email: str, given: Given) -> Reply:
        return 201, {"id": str(super().create_booking(email, given)[1]["id"])}


class BooksAnotherEvent(Service):
    def list_bookings(self, email: str, given: Given) -> Reply:
        return 200, [one | {"event_id": 2} for one in super().list_bookings(email, given)[1]]


class ListsBreak(Service):
    def list_bookings(self, email: str, given: Given) -> Reply:
        return (
            (503, {}) if email == BOOKING_ACCOUNTS[1].email else super().list_bookings(email, given)
        )


class AcceptsWrongPasswords(Service):
    def login(self, environ: dict[str, Any]) -> str | None:
        credentials = base64.b64decode(environ.get("HTTP_AUTHORIZATION", "")[6:]).decode()
        return credentials.partition(":")[0] or None


class RefusesTheColon(Service):
    def login(self, environ: dict[str, Any]) -> str | None:
        email = super().login(environ)
        return None if email is None or ":" in PASSWORDS[email] else email


class CannotReset(Service):
    def reset(self, _email: str, _given: Given) -> Reply:
        return 404, {}


CHECKS = "every check holds"
SHARE = "successful bookings ≥ 95%"
TWICE = "no seat is in two bookings"
REFLECTED = "every acknowledged seat is in its booking"
READABLE = "the bookings of every account can be read"


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (SellsTwice, {TWICE, CHECKS, REFLECTED}),
        (ListsASeatInTwoBookings, {TWICE}),
        (ForgetsAnAcknowledgedSeat, {CHECKS, REFLECTED}),
        (LosesOldBookings, {REFLECTED}),
        (AnswersConflicts, {SHARE}),
        (AnswersAConflictAs409, {SHARE, CHECKS}),
        (ListsSoldSeats, {CHECKS}),
        (ListsASeatTwice, {CHECKS}),
        (ListsTooMany, {CHECKS}),
        (ListsNothing, {SHARE, CHECKS}),
        (PricesAreNumbers, {CHECKS}),
        (CreatesWith200, {SHARE, CHECKS}),
        (IdsAreStrings, {SHARE, CHECKS}),
        (BooksAnotherEvent, {CHECKS}),
        (ListsBreak, {CHECKS, READABLE, REFLECTED}),
        (AcceptsWrongPasswords, {CHECKS, "a refused account holds nothing"}),
        (RefusesTheColon, {CHECKS, READABLE, REFLECTED}),
        (CannotReset, {"reset answers 200 or 204 within 30 s"}),
    ],
)
def test_a_broken_service_fails_the_gates_that_concern_it(
    broken: type[Service], expected: set[str]
) -> None:
    _, gates = play_booking(broken())
    assert failures(gates) == expected


def test_nothing_is_sent_after_a_reset_that_failed() -> None:
    service = CannotReset()
    play_booking(service)
    assert service.requests == {"POST /api/reset": 1}


class HoldsShortly(Service):
    hold_seconds = 1.0
    seats = range(1, 31)


# At most 22 of the 30 seats are held at a time.
SLOWER = booking.Pace(settle=0.02, shortest_pause=0.3, longest_pause=0.4)


def test_a_run_longer_than_the_hold_passes_though_seats_are_sold_again() -> None:
    record, gates = play_booking(HoldsShortly(), rounds=8, hold_seconds=1.0, pace=SLOWER)
    assert record.success > len(HoldsShortly.seats)
    assert failures(gates) - {SHARE} == set()


def test_holds_that_end_early_fail() -> None:
    _, gates = play_booking(HoldsShortly(), rounds=8, hold_seconds=900, pace=SLOWER)
    assert failures(gates) >= {TWICE, REFLECTED}


class OffersHeldSeats(Service):
    def list_seats(self, email: str, given: Given) -> Reply:
        held = [self.show(seat_id, "FREE") for seat_id in self.held][:1]
        return 200, [*super().list_seats(email, given)[1][:4], *held]


def test_seats_listed_though_held_are_reported_and_no_failure_by_themselves() -> None:
    record, gates = play_booking(OffersHeldSeats())
    assert record.stale_seats > 0
    assert any("listed as FREE though held" in note for note in record.notes)
    assert failures(gates) == set()


def play_authorization(service: Service) -> tuple[Record, list[Gate]]:
    """Play the authorization scenario."""
    with serving(service) as host:
        return authorization.run(host, seconds=30)


def test_a_service_that_keeps_the_contract_passes_the_authorization_scenario() -> None:
    record, gates = play_authorization(Service())
    assert failures(gates) == set()
    assert record.requests == 42
    assert sum(check.passed for check in record.checks.values()) == 48


class CreatesWith200Too(CreatesWith200):
    """In this scenario the generator takes 200 for 201."""


class LetsOthersRelease(Service):
    def release(self, _email: str, given: Given) -> Reply:
        self.held.pop(given["seat_id"], None)
        return 200, {}


class LetsOthersCancel(Service):
    def cancel(self, _email: str, given: Given) -> Reply:
        self.owners.pop(given["booking_id"], None)
        return 200, {}


class HidesFreeSeats(Service):
    def list_seats(self, _email: str, _given: Given) -> Reply:
        return 200, [self.show(seat_id, "SOLD") for seat_id in range(1, 21)]


class KeepsCancelledBookings(Service):
    def cancel(self, email: str, given: Given) -> Reply:
        return (200 if self.owners[given["booking_id"]] == email else 403), {}


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (CreatesWith200Too, set()),
        (LetsOthersRelease, {CHECKS}),
        (LetsOthersCancel, {CHECKS}),
        (HidesFreeSeats, {CHECKS, "42 requests"}),
        (IdsAreStrings, {"42 requests"}),
        (KeepsCancelledBookings, {"a cancelled booking is gone"}),
        (ListsASeatInTwoBookings, set()),
    ],
)
def test_a_broken_service_fails_the_authorization_scenario(
    broken: type[Service], expected: set[str]
) -> None:
    _, gates = play_authorization(broken())
    assert failures(gates) == expected


class Another(Service):
    def list_seats(self, _email: str, _given: Given) -> Reply:
        return 200, {"seats": []}


@pytest.mark.parametrize("stranger", [Another, ListsNothing])
def test_another_service_gets_nothing_but_the_probe(stranger: type[Service]) -> None:
    service = stranger()
    with serving(service) as host, pytest.raises(CannotStartError, match="nothing else was sent"):
        probe(host)
    assert service.requests == {"GET /api/seats": 1}


def test_the_command_line_tells_success_failure_and_no_start_apart() -> None:
    def run(host: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "loadtest", "authorization", "--host", host]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    with serving(Service()) as host:
        code, printed, complaint = run(host)
        assert (code, complaint) == (0, "")
        assert "GATES" in printed
    with serving(LetsOthersRelease()) as host:
        code, printed, complaint = run(host)
        assert (code, complaint) == (1, "")
        assert "FAIL  every check holds" in printed
    code, printed, complaint = run(host)
    assert (code, printed) == (2, "")
    assert complaint.startswith(f"{host} cannot be reached")
    assert complaint.count("\n") == 1


def test_the_defaults_are_those_of_the_profile() -> None:
    options = parse_options(["booking", "--host", "http://127.0.0.1:1/"])
    assert (options.users, options.rounds, options.hold_seconds) == (10, 1000, 900)
    assert booking.Pace() == booking.Pace(0.5, 0.5, 2.5)
