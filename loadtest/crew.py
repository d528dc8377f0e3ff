"""An open model: arrivals come when they are scheduled, and virtual users are found for them."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import gevent
from gevent.queue import SimpleQueue
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from loadtest.client import TIMEOUT_SECONDS
from loadtest.talk import Line, Talk
from loadtest.traffic import LATE_SECONDS, Traffic

PATIENCE_SECONDS = 0.5
"""How long an arrival waits for a virtual user when all that may be are at work."""

# The longest that a visit already begun can take: its calls, each at its timeout.
LAST_VISIT_SECONDS = 8 * TIMEOUT_SECONDS


@dataclass(slots=True)
class Arrival:
    """A visit that is due; seconds are monotonic."""

    due: float
    visit: Any
    is_late: bool
    """Whether it has been counted as late already."""
    is_crowded: bool = False
    """Whether all virtual users that may be were at work when it came."""


# Does everything that one visit consists of; what it returns does not matter.
Serve = Callable[[Any, Talk], object]


def play(
    arrivals: Iterable[tuple[float, Any]],
    serve: Serve,
    connect: Callable[[], Line],
    begin: Callable[[], float],
    traffic: Traffic,
    *,
    users: int,
    standby: int,
) -> None:
    """Serve each visit at its second after the start, with at most so many users, and note it.

    Those on standby are connected before `begin` is called, which tells the start.
    """

    class CrewMember(Member):
        crew = Crew(traffic, connect, serve)

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
        traffic.series.begin(crew.start)
        cpu = time.process_time()
        admit_all(arrivals, crew, hire, users)
        crew.dismiss()
        runner.user_greenlets.join(timeout=LAST_VISIT_SECONDS)
        traffic.record.elapsed = time.monotonic() - crew.start
        if runner.user_count:
            traffic.record.errors.append(f"{runner.user_count} users did not come to an end")
    finally:
        runner.quit()
    traffic.cores.append((time.process_time() - cpu) / traffic.record.elapsed)


def admit_all(
    arrivals: Iterable[tuple[float, Any]],
    crew: "Crew",
    hire: Callable[[int], None],
    users: int,
) -> None:
    """Admit every arrival at its time, and have as many users as that takes."""
    for moment, visit in arrivals:
        due = crew.start + moment
        now = time.monotonic()
        if now < due:
            hire(len(crew.waiting))
            gevent.sleep(due - now)
            now = time.monotonic()
            crew.drop_overdue(now)
        crew.admit(due, visit, now, is_full=len(crew.waiting) >= users - crew.traffic.users)
    while crew.waiting:
        hire(len(crew.waiting))
        gevent.sleep(0.01)
        crew.drop_overdue(time.monotonic())


class Crew:
    """The virtual users of one process, and the arrivals that wait for one of them."""

    def __init__(self, traffic: Traffic, connect: Callable[[], Line], serve: Serve) -> None:
        self.traffic = traffic
        self.connect = connect
        self.serve = serve
        self.start = 0.0
        self.waiting: deque[Arrival] = deque()
        # The one that was busy last is taken first, so that no more connections than needed live.
        self._idle: list[SimpleQueue[Arrival | None]] = []
        self._is_over = False

    @property
    def idle(self) -> int:
        """How many users are ready for an arrival."""
        return len(self._idle)

    def admit(self, due: float, visit: Any, now: float, *, is_full: bool) -> None:
        """Give an arrival to an idle user, or let it wait for one."""
        self.traffic.arrivals += 1
        arrival = Arrival(due, visit, is_late=now - due > LATE_SECONDS)
        if arrival.is_late:
            self.traffic.late_by_generator += 1
            self.traffic.series.count(due, "late, generator busy")
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
            self.traffic.series.count(self.waiting.popleft().due, "dropped")
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

    def note_begun(self, arrival: Arrival, now: float) -> None:
        """Note how late a visit begins, and whose fault it is."""
        delay = now - arrival.due
        if delay > LATE_SECONDS and not arrival.is_late:
            if arrival.is_crowded:
                self.traffic.late_for_want_of_users += 1
            else:
                self.traffic.late_by_generator += 1
            self.traffic.series.count(
                arrival.due, "late, no user free" if arrival.is_crowded else "late, generator busy"
            )
        self.traffic.delay.note(delay)


class Member(User):
    """A virtual user with one connection: waits for an arrival, serves it, waits again."""

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
        """Serve arrivals until the run is over."""
        crew = self.crew
        while (arrival := crew.next_arrival(self.inbox)) is not None:
            crew.note_begun(arrival, time.monotonic())
            crew.serve(arrival.visit, Talk(crew.traffic, self.line, crew.start, arrival.due))
        raise StopUser
