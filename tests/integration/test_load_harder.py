"""The harder scenarios against a small service that keeps the contract, or breaks it on request."""

import csv
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

from loadtest import authenticate, giveback, mixed, rush, sellout, stage
from loadtest.account_file import COLUMNS
from loadtest.options import parse_options
from loadtest.outcome import Outcome
from loadtest.sales import Sales
from tests.conftest import Caller, Event
from tests.integration.load_fake import BUYERS, Given, Reply, Service, serving
from tests.integration.serving import gunicorn

RUNS_IN = {
    "authenticate": authenticate,
    "sellout": sellout,
    "giveback": giveback,
    "rush": rush,
    "mixed": mixed,
}
OPTIONS = {
    "authenticate": "--duration 2s",
    "sellout": "--users 4 --duration 20s --select-ms 4000",
    "giveback": "--scale 0.3 --duration 3s",
    "rush": "--rate 60 --others-rate 40 --duration 3s",
    "mixed": "--rate 120 --duration 3s",
}
TWICE = "no seat is in two bookings"
REFLECTED = "every acknowledged seat is in its booking"
GONE = "what was given back is gone"
UNEXPLAINED = "nobody holds a seat that was not given"
SUMS = "the sums of the analytics are those of the bookings"
CHECKS = "every check holds"
CONFLICTS = "conflicts ≤ 2% of all selections"
SELECT = "p95 of select ≤ 4000 ms"
SOLD = "exactly 1000 seats are sold"
RATIO = "p95 of others under the rush over idle ≤ 1.5"
BOOKED = "booking: ≥ 99% of all arrivals served, p95 < 3 s"
GAVE_BACK = "giving back: ≥ 99% of all arrivals served, p95 < 3 s"
SIGNED_IN = "authentication: ≥ 99% of all arrivals served, p95 < 1 s"


@pytest.fixture(scope="session")
def account_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accounts that the small service knows, one of them closed."""
    path = tmp_path_factory.mktemp("accounts") / "users.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "email", "password_plain", "is_active"])
        writer.writerow([0, "closed@example.org", "closed", "false"])
        writer.writerows([n, *account, "true"] for n, account in enumerate(BUYERS.items(), 1))
    return path


@pytest.fixture
def play(account_file: Path) -> Callable[..., Outcome]:
    """Plays a scenario, shortly."""

    def played(scenario: str, service: Service, *more: str) -> Outcome:
        with serving(service) as host:
            arguments = [scenario, "--host", host, "--accounts", str(account_file)]
            options = [*arguments, "--processes", "1", *OPTIONS[scenario].split(), *more]
            return RUNS_IN[scenario].run(parse_options(options))

    return played


def failures(outcome: Outcome) -> set[str]:
    """The gates that did not pass, but for the generator's own: the service is in its process."""
    return {
        gate.name
        for gate in outcome.gates
        if not gate.passed and not gate.name.startswith("the generator kept")
    }


class Shop(Service):
    """A thousand seats, so that it can be sold out in a test."""

    seats = range(1, 1_001)


@pytest.mark.parametrize("scenario", ["authenticate", "giveback", "mixed"])
def test_a_service_that_keeps_the_contract_passes(
    scenario: str, play: Callable[..., Outcome]
) -> None:
    service = Service()
    outcome = play(scenario, service)
    assert failures(outcome) == set(), outcome.gates
    assert isinstance(outcome.seen, Sales)
    assert outcome.seen.arrivals == sum(kind.came for kind in outcome.seen.kinds.values()) > 100
    assert service.requests["POST /api/reset"] == (scenario != "authenticate")


def test_everything_is_sold_and_no_seat_more(play: Callable[..., Outcome]) -> None:
    service = Shop()
    outcome = play("sellout", service)
    assert failures(outcome) == set(), outcome.gates
    assert len(service.held) == len(outcome.seen.holds) == 1_000
    # Four to a booking.
    assert 250 <= service.requests["POST /api/bookings"] <= 280


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_part_of_the_seats_is_sold_exactly(processes: str, play: Callable[..., Outcome]) -> None:
    service = Shop()
    outcome = play("sellout", service, "--scale", "0.153", "--processes", processes)
    assert failures(outcome) == set(), outcome.gates
    assert len(service.held) == 153 if processes == "1" else 154
    assert len(outcome.seen.cores) == int(processes)


class ShowsAllTheSame(Shop):
    def list_seats(self, email: str, given: Given) -> Reply:
        self.listed = 0
        return super().list_seats(email, given)


class SellsTwice(ShowsAllTheSame):
    def select(self, _email: str, given: Given) -> Reply:
        gevent.sleep(0.001)
        return self.hold(given)


class LosesABooking(Shop):
    def list_bookings(self, email: str, given: Given) -> Reply:
        return 200, super().list_bookings(email, given)[1][1:]


class ForgetsASeat(Shop):
    def select(self, email: str, given: Given) -> Reply:
        return (200, {}) if given["seat_id"] == 500 else super().select(email, given)


class SelectsSlowly(Shop):
    def select(self, email: str, given: Given) -> Reply:
        gevent.sleep(0.05)
        return super().select(email, given)


class RefusesToBook(Shop):
    def create_booking(self, _email: str, _given: Given) -> Reply:
        return 503, {}


class GivesMore(Shop):
    def select(self, email: str, given: Given) -> Reply:
        if given["seat_id"] == 400 and self.holder(900) is None:
            self.hold(given | {"seat_id": 900})
        return super().select(email, given)


class CountsWrongly(Shop):
    def analytics(self, email: str, given: Given) -> Reply:
        sums = super().analytics(email, given)[1]
        return 200, sums | {"bookings_count": sums["bookings_count"] + 1}


class EarnsWithoutASale(Shop):
    def analytics(self, email: str, given: Given) -> Reply:
        return 200, super().analytics(email, given)[1] | {"total_revenue": "5.00"}


@pytest.mark.parametrize(
    ("broken", "expected", "more"),
    [
        (ShowsAllTheSame, {CONFLICTS}, ()),
        (SellsTwice, {TWICE, REFLECTED}, ()),
        (LosesABooking, {REFLECTED, SUMS}, ()),
        (ForgetsASeat, {SOLD, REFLECTED, TWICE}, ("--duration", "4s")),
        (SelectsSlowly, {"p95 of select ≤ 40 ms"}, ("--select-ms", "40", "--scale", "0.2")),
        (RefusesToBook, {SOLD, CONFLICTS, SELECT}, ("--duration", "1s")),
        (GivesMore, {SOLD, UNEXPLAINED}, ()),
        (CountsWrongly, {SUMS}, ()),
        (EarnsWithoutASale, {SUMS}, ()),
    ],
)
def test_a_broken_sale_fails_the_gates_that_concern_it(
    broken: type[Service], expected: set[str], more: tuple[str, ...], play: Callable[..., Outcome]
) -> None:
    outcome = play("sellout", broken(), *more)
    assert failures(outcome) == expected, outcome.gates


class KeepsCancelledBookings(Service):
    def cancel(self, email: str, given: Given) -> Reply:
        return (200 if self.owners[given["booking_id"]] == email else 403), {}


class CancelsSlowly(Service):
    def cancel(self, email: str, given: Given) -> Reply:
        gevent.sleep(3.1)
        return super().cancel(email, given)


class RefusesSome(Service):
    def create_booking(self, email: str, given: Given) -> Reply:
        if self.requests["POST /api/bookings"] % 20 == 0:
            return 503, {}
        return super().create_booking(email, given)


class ForgetsASale(Service):
    def select(self, email: str, given: Given) -> Reply:
        return (200, {}) if given["booking_id"] == 100 else super().select(email, given)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (KeepsCancelledBookings, {GONE}),
        (CancelsSlowly, {GAVE_BACK}),
        (RefusesSome, {BOOKED}),
        (ForgetsASale, {REFLECTED}),
    ],
)
def test_a_service_that_breaks_when_giving_back_fails(
    broken: type[Service], expected: set[str], play: Callable[..., Outcome]
) -> None:
    outcome = play("giveback", broken())
    assert failures(outcome) - {GAVE_BACK} == expected - {GAVE_BACK}, outcome.gates
    assert GAVE_BACK not in expected or GAVE_BACK in failures(outcome)


class RefusesAnAccountInTen(Service):
    def list_bookings(self, email: str, given: Given) -> Reply:
        return (503, {}) if "5@" in email else super().list_bookings(email, given)


class SignsInSlowly(Service):
    def list_bookings(self, email: str, given: Given) -> Reply:
        if self.requests["GET /api/bookings"] > 1:
            gevent.sleep(1.1)
        return super().list_bookings(email, given)


@pytest.mark.parametrize("broken", [RefusesAnAccountInTen, SignsInSlowly])
def test_who_cannot_sign_in_quickly_fails_the_gate(
    broken: type[Service], play: Callable[..., Outcome]
) -> None:
    service = broken()
    assert failures(play("authenticate", service)) >= {SIGNED_IN}
    assert service.requests == {"GET /api/seats": 1, "GET /api/bookings": 168}


class SlowsDownInARush(Service):
    """Every call waits for the one before it, as behind a single lock."""

    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        self.busy = max(getattr(self, "busy", 0), 0) + (given.get("event_id") == 1)
        gevent.sleep(0.05 if self.busy > 50 else 0.005)
        return super().answer(call, email, given)


class IsAsSlowAsEver(Service):
    """So slow that what else this machine does makes no half as much again."""

    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        gevent.sleep(0.15)
        return super().answer(call, email, given)


def test_others_must_not_suffer_from_a_rush(play: Callable[..., Outcome]) -> None:
    assert failures(play("rush", SlowsDownInARush())) == {RATIO}
    assert failures(play("rush", IsAsSlowAsEver())) == set()


class CannotReset(Shop):
    def reset(self, _email: str, _given: Given) -> Reply:
        return 404, {}


@pytest.mark.parametrize("scenario", ["sellout", "giveback", "rush", "mixed"])
def test_nothing_is_bought_after_a_reset_that_failed(
    scenario: str, play: Callable[..., Outcome]
) -> None:
    service = CannotReset()
    outcome = play(scenario, service)
    assert failures(outcome) == {"reset answers 200 or 204 within 30 s"}
    assert service.requests["POST /api/bookings"] == 0


@pytest.fixture
def event_one(new_event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch) -> Event:
    """An event with seats, which the scenarios take for the one that everybody wants."""
    event = new_event(seats=2_000)
    for module in (stage, *RUNS_IN.values()):
        monkeypatch.setattr(module, "EVENT_ID", event.id, raising=False)
    return event


@pytest.mark.parametrize("scenario", ["sellout", "mixed"])
def test_the_real_service_passes(
    scenario: str,
    environment: dict[str, str],
    event_one: Event,
    new_user: Callable[[], Caller],
    tmp_path: Path,
) -> None:
    path = tmp_path / "users.csv"
    headers = [new_user().authorization or "" for _ in range(10)]
    pairs = [b64decode(header.removeprefix("Basic ")).decode().split(":") for header in headers]
    path.write_text("".join(f"{email},{word}\n" for email, word in [COLUMNS, *pairs]))
    with gunicorn(environment, tmp_path, workers=2) as service:
        host = f"http://127.0.0.1:{service.port}"
        # In this process, where the event is another one.
        arguments = [scenario, "--host", host, "--accounts", str(path), "--processes", "1"]
        options = parse_options([*arguments, *OPTIONS[scenario].split()])
        outcome = RUNS_IN[scenario].run(options)
    # Everybody wants the last seats of a hall, and this one has few others.
    assert failures(outcome) <= {CONFLICTS}, outcome.gates
    assert isinstance(outcome.seen, Sales)
    assert (
        len(outcome.seen.holds) == len(event_one.seats)
        if scenario == "sellout"
        else outcome.seen.holds
    )
