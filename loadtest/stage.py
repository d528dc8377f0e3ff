"""Runs virtual users with Locust, and speaks to the service before and after them."""

import time

from locust import FastHttpUser, User
from locust.env import Environment

from loadtest import trust
from loadtest.accounts import Account
from loadtest.client import TIMEOUT_SECONDS, Answer, Caller, calling
from loadtest.gates import Gate, reset_gate
from loadtest.record import Record
from loadtest.verify import Listing, read_bookings

EVENT_ID = 1
# The longest that a round already begun can take: its calls, each at its timeout.
LAST_ROUND_SECONDS = 8 * TIMEOUT_SECONDS
SEAT_FIELDS = {"id", "row", "number", "status", "price"}
EVENT_FIELDS = {"id", "title"}


class CannotStartError(Exception):
    """The load must not start; the message is the sentence for the operator."""


class Visitor(FastHttpUser):
    """A virtual user with one connection of its own."""

    abstract = True
    network_timeout = TIMEOUT_SECONDS
    connection_timeout = TIMEOUT_SECONDS
    max_redirects = 0
    concurrency = 1
    ssl_context_factory = staticmethod(trust.context)

    def __init__(self, environment: Environment) -> None:
        self.insecure = trust.TRUST.ca is None
        super().__init__(environment)

    def on_stop(self) -> None:
        """Close the connection."""
        self.client.client.close()


def probe(host: str) -> None:
    """Make sure that the host is this service, with one harmless request for seats."""
    require_list(host, f"/api/seats?event_id={EVENT_ID}&pageSize=5", "seats", SEAT_FIELDS)


def probe_events(host: str) -> None:
    """Make sure that the host is this service, with one harmless request for events."""
    require_list(host, "/api/events?page=1&pageSize=20", "events", EVENT_FIELDS)


def require_list(host: str, path: str, what: str, fields: set[str]) -> None:
    """Make sure that a path lists at least one thing with these fields."""
    with calling(host, Record()) as caller:
        answer = caller.call("GET", path)
    if answer.status == 0:
        raise CannotStartError(f"{host} cannot be reached: {answer.text}.")
    if answer.status != 200 or not lists(answer, fields):
        raise CannotStartError(
            f"{host} is not this service, or not ready: GET {path} answered"
            f" {answer.status} and no list of {what}, so nothing else was sent."
        )


def lists(answer: Answer, fields: set[str]) -> bool:
    """Whether the answer lists at least one thing, each with these fields."""
    return (
        isinstance(answer.data, list)
        and bool(answer.data)
        and all(isinstance(one, dict) and one.keys() >= fields for one in answer.data)
    )


def probe_account(host: str, account: Account) -> None:
    """Make sure that the service knows an account, with one harmless request for its bookings."""
    status = list_bookings(host, [account])[0].status
    if status != 200:
        raise CannotStartError(
            f"{host} answers {status} to {account.email}: it has other accounts, or is not ready,"
            " so nothing else was sent."
        )


def reset(host: str) -> Gate:
    """Set everything free, and return whether that went as it must."""
    with calling(host, Record()) as caller:
        answer = caller.call("POST", "/api/reset")
    return reset_gate(answer.status, answer.received - answer.sent)


def find_events(host: str, most: int) -> tuple[int, ...]:
    """Return at most so many events with free seats, other than the one that everybody wants."""
    found: list[int] = []
    with calling(host, Record()) as caller:
        answer = caller.call("GET", "/api/events?page=1&pageSize=20")
        for event in answer.data if lists(answer, EVENT_FIELDS) else ():
            if event["id"] != EVENT_ID and len(found) < most:
                path = f"/api/seats?event_id={event['id']}&status=FREE&pageSize=5"
                if lists(caller.call("GET", path), SEAT_FIELDS):
                    found.append(event["id"])
    return tuple(found)


def play(user_class: type[User], host: str, users: int, seconds: float, record: Record) -> None:
    """Start all users at once and wait until each has ended by itself."""
    user_class.host = host
    environment = Environment(user_classes=[user_class])
    environment.events.user_error.add_listener(
        lambda exception, **_: record.errors.append(repr(exception))
    )
    runner = environment.create_local_runner()
    started = time.monotonic()
    try:
        for _ in range(users):
            # As the runner's spawn_users does, which counts all users again each time.
            user_class(environment).start(runner.user_greenlets)
        runner.user_greenlets.join(timeout=seconds + LAST_ROUND_SECONDS)
        record.elapsed = time.monotonic() - started
        if runner.user_count:
            record.errors.append(f"{runner.user_count} users did not come to an end")
    finally:
        runner.quit()
    if runner.cpu_warning_emitted:
        record.notes.append("The generator was short of CPU: times are longer than the service's.")


def list_bookings(host: str, accounts: list[Account]) -> list[Listing]:
    """Ask for the bookings of each account, with its true password."""
    with calling(host, Record()) as caller:
        return [list_own(caller, account) for account in accounts]


def list_own(caller: Caller, account: Account) -> Listing:
    """Ask for the bookings of one account."""
    answer = caller.call("GET", "/api/bookings", authorization=account.true_authorization)
    bookings = read_bookings(answer.data) if answer.status == 200 else None
    return Listing(account, answer.status, bookings, answer.sent, answer.received)
