"""The open models against the small service, which may break, and against the real one."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer

from loadtest import fleet, search
from loadtest.connection import Connection, look_up
from loadtest.gates import search_gates
from loadtest.master import Staff
from loadtest.plan import Plan
from loadtest.schedule import ramp
from loadtest.stage import CannotStartError, probe_events
from loadtest.traffic import Traffic
from tests.conftest import Event
from tests.integration.load_fake import Given, Reply, Service, serving
from tests.integration.serving import gunicorn

SHORT = ramp((0.1, 200), (0.3, 200), (0.1, 0))
# A machine that does other things meanwhile may keep the generator from its schedule.
BUSY = {"the generator kept its schedule: ≤ 1% later than 100 ms by its own doing"}
CHECKS = "every check holds"
ANSWERED = "2xx and 3xx ≥ 99% of all arrivals"


def played(service: Service, mix: str = "events", processes: int = 1) -> Traffic:
    """Play half a second of a search."""
    with serving(service) as host:
        return fleet.play(plan(host, mix), Staff(processes))


def plan(host: str, mix: str = "events", scale: float = 1, users: int = 50) -> Plan:
    """Half a second of a search."""
    return Plan(host, SHORT.scaled(scale), search.play, users, setting=mix)


def failures(traffic: Traffic) -> set[str]:
    """The gates that do not pass, but for the generator's own."""
    return {gate.name for gate in search_gates(traffic) if not gate.passed} - BUSY


@pytest.mark.parametrize("mix", ["events", "fixed", "random"])
def test_a_service_that_keeps_the_contract_passes(mix: str) -> None:
    service = Service()
    traffic = played(service, mix)
    assert failures(traffic) == set()
    assert traffic.arrivals == traffic.good == SHORT.count == 80
    assert service.requests == {"GET /api/events": 80}
    assert len(service.connections) <= traffic.users == 20
    assert traffic.repeated == 0


def test_several_processes_share_the_rate() -> None:
    service = Service()
    traffic = played(service, processes=2)
    assert failures(traffic) == set()
    assert traffic.arrivals == traffic.good == service.requests["GET /api/events"] == 80
    assert len(traffic.cores) == 2


class ListsTooMany(Service):
    def list_events(self, email: str, given: Given) -> Reply:
        return super().list_events(email, given | {"pageSize": 21})


class ListsTwice(Service):
    def list_events(self, email: str, given: Given) -> Reply:
        return 200, super().list_events(email, given)[1][:1] * 2


class HidesTitles(Service):
    def list_events(self, _email: str, _given: Given) -> Reply:
        return 200, [{"id": 1}]


class AnswersObjects(Service):
    def list_events(self, email: str, given: Given) -> Reply:
        return 200, {"items": super().list_events(email, given)[1]}


class FailsSometimes(Service):
    def list_events(self, email: str, given: Given) -> Reply:
        if self.requests["GET /api/events"] % 40 == 0:
            return 503, {}
        return super().list_events(email, given)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (ListsTooMany, {CHECKS}),
        (ListsTwice, {CHECKS}),
        (HidesTitles, {CHECKS}),
        (AnswersObjects, {CHECKS}),
        (FailsSometimes, {ANSWERED}),
    ],
)
def test_a_broken_service_fails_the_gate_that_concerns_it(
    broken: type[Service], expected: set[str]
) -> None:
    assert failures(played(broken())) == expected


def test_a_service_that_is_gone_answers_nothing() -> None:
    with serving(Service()) as host:
        pass
    traffic = fleet.play(plan(host), Staff())
    assert traffic.statuses == {0: 80}
    assert failures(traffic) == {ANSWERED, CHECKS}


def test_another_service_gets_nothing_but_the_probe() -> None:
    service = AnswersObjects()
    with serving(service) as host, pytest.raises(CannotStartError, match="no list of events"):
        probe_events(host)
    assert service.requests == {"GET /api/events": 1}


@contextmanager
def talking(*answers: bytes) -> Iterator[Connection]:
    """A connection to a server that gives each connection the next answer to each request."""
    left = iter(answers)

    def talk(client: Any, _peer: object) -> None:
        while client.recv(4096) and (answer := next(left, b"")):
            client.sendall(answer)
            if b"Content-Length: 2" not in answer:
                break

    server = StreamServer(("127.0.0.1", 0), talk)
    server.start()
    connection = Connection(look_up(f"http://127.0.0.1:{server.server_port}"))
    try:
        yield connection
    finally:
        connection.close()
        server.stop(timeout=0)


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


def test_a_kept_connection_that_was_closed_is_opened_again_and_counted() -> None:
    with talking(WHOLE, b"", WHOLE) as connection:
        assert connection.fetch(b"GET 1") == (200, b"[]")
        assert connection.fetch(b"GET 2") == (200, b"[]")
        assert connection.repeated == 1


def test_a_new_connection_that_is_closed_without_an_answer_is_no_answer() -> None:
    with talking(b"") as connection:
        status, reason = connection.fetch(b"GET")
    assert (status, connection.repeated) == (0, 0)
    assert b"closed before the end" in reason


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.0 503 Unavailable\r\nConnection: close\r\n\r\n<html>", (503, b"<html>")),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", (304, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n[]", (0, None)),
        (b"HTTP/1.1 200 OK\r\nContent-", (0, None)),
        (b"+PONG\r\n", (0, None)),
    ],
)
def test_an_answer_counts_when_it_is_whole(
    answer: bytes, expected: tuple[int, bytes | None]
) -> None:
    with talking(WHOLE, answer) as connection:
        connection.fetch(b"GET 1")
        status, body = connection.fetch(b"GET 2")
    assert status == expected[0]
    assert expected[1] in (None, body)
    assert connection.repeated == 0


def run(*arguments: str) -> tuple[int, str, str]:
    """Play a scenario from the command line."""
    command = [sys.executable, "-m", "loadtest", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_the_command_line_tells_success_failure_and_no_start_apart() -> None:
    quick = ("--rate", "50", "--duration", "1s")
    with serving(Service()) as host:
        code, printed, _ = run("events", "--host", host, *quick)
        assert code == 0 or "FAIL  the generator kept" in printed
        assert "GATES" in printed
    with serving(ListsTwice()) as host:
        code, printed, _ = run("events", "--host", host, *quick)
        assert code == 1
        assert "FAIL  every check holds" in printed
    code, printed, complaint = run("archive", "--host", host)
    assert (code, printed) == (2, "")
    assert complaint.startswith(f"{host} cannot be reached")
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("scale", "users", "sentence"),
    [(0.001, 50, "there is nothing to send"), (1, 99_999_999, "use a smaller --users")],
)
def test_what_cannot_be_played_is_not_begun(scale: float, users: int, sentence: str) -> None:
    with pytest.raises(CannotStartError, match=sentence):
        fleet.play(plan("http://127.0.0.1:1", scale=scale, users=users), Staff())


def test_the_real_service_passes_both_searches_at_once(
    environment: dict[str, str], new_event: Callable[..., Event], tmp_path: Path
) -> None:
    for _ in range(3):
        new_event(seats=1)
    searches = {
        ("events", "--rate", "100"): 2,
        ("archive", "--scale", "0.01", "--processes", "2"): 12,
    }
    with gunicorn(environment, tmp_path, workers=1) as service:
        rest = ("--host", f"http://127.0.0.1:{service.port}", "--duration", "5s")
        runs = [gevent.spawn(run, *arguments, *rest) for arguments in searches]
        gevent.joinall(runs, raise_error=True)
    for shapes, one in zip(searches.values(), runs, strict=True):
        code, printed, complaint = one.get()
        failed = {line[8:].rsplit(": ", 2)[0] for line in printed.splitlines() if "  FAIL" in line}
        assert failed <= BUSY, printed + complaint
        assert code == bool(failed)
        assert len(re.findall(r"^[eа-яА-Я].*\d × 200$", printed, re.MULTILINE)) == shapes
        assert re.search(r"^plateau, \d+ s at 100/s: sent \d+/s", printed, re.MULTILINE)
        assert bool(failed) == ("BOTTLENECK" in printed)
