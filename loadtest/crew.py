"""An open model: arrivals come when they are scheduled, and virtual users are found for them."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import gevent
from gevent.queue import SimpleQueue
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from loadtest.client import TIMEOUT_SECONDS
from loadtest.page import CHECKS, Request, judge, seen
from loadtest.traffic import LATE_SECONDS, Traffic

PATIENCE_SECONDS = 0.5
"""How long an arrival waits for a virtual user when all that may be are at work."""


@dataclass(slots=True)
class Arrival:
    """A request that is due; seconds are monotonic."""

    due: float
    request: Request
    is_late: bool
    """Whether it has been counted as late already."""
    is_crowded: bool = False
    """Whether all virtual users that may be were at work when it came."""


class Line(Protocol):
    """What a virtual user makes its requests over."""

    repeated: int

    def open(self) -> None:
        """Connect, if the service lets us."""

    def fetch(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body; status 0 and the reason when no answer came."""

    def close(self) -> None:
        """Close the connection."""


def play(
    moments: Iterable[float],
    requests: Iterator[Request],
    connect: Callable[[], Line],
    begin: Callable[[], float],
    *,
    users: int,
    standby: int,
) -> Traffic:
    """Send a request at each moment, in seconds after the start, with at most so many users.

    Those on standby are connected before `begin` is called, which tells the start.
    """
    traffic = Traffic()

    class CrewMember(Member):
        crew = Crew(traffic, connect)

    environment = Environment(user_classes=[CrewMember])
    environment.events.user_error.add_listener(
        lambda exception, **_: traffic.record.errors.append(repr(exception))
    )
    runner = environment.create_local_runner()
    crew = CrewMember.crew

    def hire(wanted: int) -> None:
        for _ in range(min(wanted, users - traffic.users)):
            # As the runner's spawn_users does, which counts all users again each time.
            CrewMember(environment).start(runner.user_greenlets)
            traffic.users += 1

    try:
        hire(standby)
        while crew.idle < runner.user_count:
            gevent.sleep(0.01)
        crew.start = begin()
        cpu = time.process_time()
        admit_all(moments, requests, crew, hire, users)
        crew.dismiss()
        runner.user_greenlets.join(timeout=2 * TIMEOUT_SECONDS)
        traffic.record.elapsed = time.monotonic() - crew.start
        if runner.user_count:
            traffic.record.errors.append(f"{runner.user_count} users did not come to an end")
    finally:
        runner.quit()
    traffic.cores.append((time.process_time() - cpu) / traffic.record.elapsed)
    return traffic


def admit_all(
    moments: Iterable[float],
    requests: Iterator[Request],
    crew: "Crew",
    hire: Callable[[int], None],
    users: int,
) -> None:
    """Admit every arrival at its time, and have as many users as that takes."""
    for moment in moments:
        due = crew.start + moment
        now = time.monotonic()
        if now < due:
            hire(len(crew.waiting))
            gevent.sleep(due - now)
            now = time.monotonic()
            crew.drop_overdue(now)
        crew.admit(
            due, next(requests), now, is_full=len(crew.waiting) >= users - crew.traffic.users
        )
    while crew.waiting:
        hire(len(crew.waiting))
        gevent.sleep(0.01)
        crew.drop_overdue(time.monotonic())


class Crew:
    """The virtual users of one process, and the arrivals that wait for one of them."""

    def __init__(self, traffic: Traffic, connect: Callable[[], Line]) -> None:
        self.traffic = traffic
        self.connect = connect
        self.start = 0.0
        self.waiting: deque[Arrival] = deque()
        # The one that was busy last is taken first, so that no more connections than needed live.
        self._idle: list[SimpleQueue[Arrival | None]] = []
        self._is_over = False

    @property
    def idle(self) -> int:
        """How many users are ready for an arrival."""
        return len(self._idle)

    def admit(self, due: float, request: Request, now: float, *, is_full: bool) -> None:
        """Give an arrival to an idle user, or let it wait for one."""
        self.traffic.arrivals += 1
        arrival = Arrival(due, request, is_late=now - due > LATE_SECONDS)
        self.traffic.late_by_generator += arrival.is_late
        if self._idle:
            self._idle.pop().put(arrival)
        else:
            arrival.is_crowded = is_full
            self.waiting.append(arrival)

    def drop_overdue(self, now: float) -> None:
        """Give up arrivals that have waited too long for a user when all were at work."""
        while (
            self.waiting
            and self.waiting[0].is_crowded
            and now - self.waiting[0].due > PATIENCE_SECONDS
        ):
            self.waiting.popleft()
            self.traffic.dropped += 1

    def next_arrival(self, inbox: "SimpleQueue[Arrival | None]") -> Arrival | None:
        """Return the next arrival for a user, whose inbox this is; nothing when the run is over."""
        self.drop_overdue(time.monotonic())
        if self.waiting:
            return self.waiting.popleft()
        if self._is_over:
            return None
        self._idle.append(inbox)
        return inbox.get()

    def dismiss(self) -> None:
        """Let every user go home after what it is doing."""
        self._is_over = True
        for inbox in self._idle:
            inbox.put(None)

    def note_sent(self, arrival: Arrival, sent: float) -> None:
        """Count a request that is being sent."""
        delay = sent - arrival.due
        if delay > LATE_SECONDS and not arrival.is_late:
            if arrival.is_crowded:
                self.traffic.late_for_want_of_users += 1
            else:
                self.traffic.late_by_generator += 1
        self.traffic.delay.note(delay)
        self.traffic.sent[int(sent - self.start)] += 1

    def note_answer(self, arrival: Arrival, sent: float, status: int, body: bytes) -> None:
        """Count and check an answer that has just come."""
        received, traffic, request = time.monotonic(), self.traffic, arrival.request
        shape = traffic.shapes[request.shape]
        shape.seconds.note(received - arrival.due)
        shape.statuses[status] += 1
        traffic.from_send.note(received - sent)
        if 200 <= status < 400:
            traffic.answered[int(received - self.start)] += 1
        if status == 200:
            length, *held = judge(body, request.page_size)
            traffic.empty += length == 0
            for name, holds in zip(CHECKS, held, strict=True):
                traffic.record.check(name, holds, "" if holds else seen(request, body))


class Member(User):
    """A virtual user with one connection: waits for an arrival, sends it, waits again."""

    abstract = True
    crew: ClassVar[Crew]

    def on_start(self) -> None:
        """Connect."""
        self.inbox: SimpleQueue[Arrival | None] = SimpleQueue()
        self.line = self.crew.connect()
        self.line.open()

    def on_stop(self) -> None:
        """Close the connection."""
        self.crew.traffic.repeated += self.line.repeated
        self.line.close()

    @task
    def serve(self) -> None:
        """Send arrivals until the run is over."""
        while (arrival := self.crew.next_arrival(self.inbox)) is not None:
            sent = time.monotonic()
            self.crew.note_sent(arrival, sent)
            status, body = self.line.fetch(arrival.request.raw)
            self.crew.note_answer(arrival, sent, status, body)
        raise StopUser
