"""What an open model sees of a service that is quick, stalls or breaks; without a network."""

import json
import os
import re
import time
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import gevent
import pytest
from gevent import monkey

from loadtest.crew import play
from loadtest.gates import search_gates
from loadtest.options import parse_options
from loadtest.page import Request, judge
from loadtest.record import percentile
from loadtest.schedule import Schedule, ramp
from loadtest.search import look
from loadtest.traffic import Histogram, Traffic
from loadtest.traffic_report import traffic_report

ANSWERED = "2xx and 3xx ≥ 99% of all arrivals"
PUNCTUAL = "the generator kept its schedule: ≤ 1% later than 100 ms by its own doing"
CHECKS = "every check holds"
GOOD = json.dumps([{"id": 1, "title": "Концерт"}]).encode()
PAGE = Request("events", b"", 20)
LEVEL = ramp((0.001, 200), (1.6, 200))
THICK = [n / 2000 for n in range(200)]
# Everything stands still for a second.
STALL = (0.3, 1.3)


class Line:
    """A connection to a service that is a function of the seconds since the start."""

    repeated = 0

    def __init__(self, service: Callable[[float], tuple[int, bytes]], start: float) -> None:
        self.service, self.start = service, start

    def open(self) -> None:
        pass

    def fetch(self, _request: bytes) -> tuple[int, bytes]:
        return self.service(time.monotonic() - self.start)

    def close(self) -> None:
        pass


def played(
    service: Callable[[float], tuple[int, bytes]],
    *,
    users: int = 1000,
    moments: Iterable[float] | None = None,
) -> Traffic:
    """Play the level schedule against a service."""
    start = time.monotonic() + 0.1
    traffic = Traffic()
    play(
        zip(LEVEL.moments() if moments is None else moments, repeat(PAGE), strict=False),
        look,
        lambda: Line(service, start),
        lambda: start,
        traffic,
        users=users,
        standby=2,
    )
    return traffic


def failures(traffic: Traffic) -> set[str]:
    """The gates that do not pass."""
    return {gate.name for gate in search_gates(traffic) if not gate.passed}


def printed(traffic: Traffic, schedule: Schedule = LEVEL) -> str:
    return "\n".join(traffic_report(traffic, schedule))


def quick(_second: float) -> tuple[int, bytes]:
    return 200, GOOD


def stalling(second: float) -> tuple[int, bytes]:
    if STALL[0] <= second < STALL[1]:
        gevent.sleep(STALL[1] - second)
    return 200, GOOD


def test_a_quick_service_gets_every_arrival_once_and_in_time() -> None:
    schedule = ramp((0.001, 200), (2.2, 200))
    traffic = played(quick, moments=schedule.moments())
    assert traffic.arrivals == traffic.good == traffic.sent.total() == schedule.count == 440
    assert traffic.dropped == traffic.late_for_want_of_users == 0
    assert failures(traffic) <= {PUNCTUAL}
    assert traffic.users < 100
    plateau = re.search(r"plateau, 1 s at 200/s: sent (\d+)/s", printed(traffic, schedule))
    assert plateau is not None
    assert int(plateau[1]) == traffic.sent[1] == pytest.approx(200, abs=20)


def test_arrivals_go_on_while_the_service_stalls() -> None:
    traffic = played(stalling)
    assert traffic.good == traffic.arrivals == LEVEL.count
    # 200 come in the stalled second, and each needs a user of its own.
    assert 180 <= traffic.users <= 320
    assert traffic.from_schedule.percentile(0.75) > 0.5
    assert 0.9 < traffic.from_schedule.longest < 1.3
    assert (traffic.dropped, traffic.late_for_want_of_users) == (0, 0)


def test_a_stall_that_leaves_no_user_free_shows_in_the_times_and_as_late_or_dropped() -> None:
    traffic = played(stalling, users=5)
    assert traffic.users == 5
    assert traffic.sent.total() + traffic.dropped == traffic.arrivals == LEVEL.count
    # In the first half of the second they waited too long, in the second half they are late.
    assert 60 <= traffic.dropped <= 120
    assert 50 <= traffic.late_for_want_of_users <= 120
    # A closed loop would have seen five slow answers in all.
    assert traffic.from_send.percentile(0.95) < 0.1
    assert traffic.from_schedule.percentile(0.95) > 0.3
    assert ANSWERED in failures(traffic)
    text = printed(traffic)
    assert f"{traffic.dropped} dropped because all virtual users were at work" in text
    assert f"{traffic.late_for_want_of_users} because all virtual users were" in text


def test_a_burst_beyond_the_last_user_is_not_the_generators_fault() -> None:
    def slow(_second: float) -> tuple[int, bytes]:
        gevent.sleep(0.3)
        return 200, GOOD

    traffic = played(slow, users=10, moments=[0.0] * 40)
    assert (traffic.good, traffic.dropped) == (20, 20)
    assert (traffic.late_for_want_of_users, traffic.late_by_generator) == (10, 0)


def test_a_generator_that_is_busy_itself_says_so_and_fails() -> None:
    block = monkey.get_original("time", "sleep")
    traffic = played(lambda _second: (block(0.02), (200, GOOD))[1], moments=THICK[:60])
    assert traffic.good == 60
    assert traffic.late_by_generator > 0.5 * traffic.arrivals
    assert traffic.late_for_want_of_users == 0
    assert failures(traffic) == {PUNCTUAL}
    assert "THE GENERATOR WAS THE BOTTLENECK" in printed(traffic)


@pytest.mark.parametrize(
    ("status", "body", "failed"),
    [
        (304, b"", CHECKS),  # Nothing was there to be checked.
        (500, b"", ANSWERED),
        (0, b"refused", ANSWERED),
        (200, b"{}", CHECKS),
    ],
)
def test_answers_are_judged(status: int, body: bytes, failed: str) -> None:
    share = 1 if failed == CHECKS else 0.02
    answers = iter([(status, body)] * round(share * 200) + [(200, GOOD)] * 200)
    traffic = played(lambda _second: next(answers), moments=THICK)
    assert failures(traffic) - {PUNCTUAL} == {failed}
    assert traffic.statuses[status] >= 4
    assert f"{traffic.statuses[304]} × 304" in printed(traffic)


def test_one_percent_of_failures_is_allowed() -> None:
    answers = iter([(503, b"")] * 2 + [(200, GOOD)] * 198)
    traffic = played(lambda _second: next(answers), moments=THICK)
    assert failures(traffic) <= {PUNCTUAL}


def test_an_error_in_a_virtual_user_fails_the_run() -> None:
    errors = iter([True])

    def breaks(second: float) -> tuple[int, bytes]:
        if next(errors, False):
            raise KeyError("broken")
        return quick(second)

    traffic = played(breaks, moments=THICK)
    assert "the generator worked without an error" in failures(traffic)


def test_a_run_without_an_arrival_fails() -> None:
    assert {ANSWERED, PUNCTUAL, CHECKS} <= failures(Traffic())


EVENT = {"id": 1, "title": "Концерт"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], (0, True, True, True)),
        ([EVENT, EVENT | {"id": 2, "more": None}], (2, True, True, True)),
        ([EVENT, EVENT], (2, True, True, False)),
        ([EVENT, EVENT | {"id": 2}, EVENT | {"id": 3}], (3, True, False, True)),
        ([{"id": 1}], (1, False, True, True)),
        ([{"id": "1", "title": ""}], (1, False, True, True)),
        ([{"id": True, "title": ""}], (1, False, True, True)),
        ({"items": []}, (0, False, True, True)),
        (None, (0, False, True, True)),
    ],
)
def test_a_page_is_an_array_of_events_not_too_long_none_of_them_twice(
    data: Any, expected: tuple[int, bool, bool, bool]
) -> None:
    assert judge(json.dumps(data).encode(), 2) == expected


def test_what_several_processes_saw_adds_up() -> None:
    first, second = played(quick, moments=[0.0, 0.01]), played(quick, moments=[0.0, 0.05])
    whole = Traffic()
    whole.add(first)
    whole.add(second)
    assert whole.arrivals == whole.good == whole.from_send.counts.total() == 4
    assert whole.from_schedule.longest == max(
        first.from_schedule.longest, second.from_schedule.longest
    )
    assert whole.users == first.users + second.users
    assert len(whole.cores) == 2
    assert whole.record.checks["200 lists no event twice"].passed == 4


def test_percentiles_of_the_histogram_are_at_most_one_percent_too_long() -> None:
    seconds = [0.0001 * 1.013**n for n in range(800)]
    histogram = Histogram()
    for one in seconds:
        histogram.note(one)
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        exact = percentile(seconds, share)
        assert exact <= histogram.percentile(share) * 1.000001 <= exact * 1.0101
    assert Histogram().percentile(0.5) == 0.0


def test_the_defaults_of_the_open_models_are_those_of_the_profile() -> None:
    events = parse_options(["events", "--host", "http://127.0.0.1:1"])
    archive = parse_options(["archive", "--host", "http://127.0.0.1:1"])
    assert (events.rate, events.scale, events.duration) == (1000, 1.0, None)
    assert events.processes == len(os.sched_getaffinity(0))
    assert (archive.form, archive.users, archive.scale) == ("fixed", 10_000, 1.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["events", "--scale", "0"],
        ["events", "--scale", "nan"],
        ["events", "--rate", "-1"],
        ["events", "--processes", "0"],
        ["events", "--form", "random"],
        ["archive", "--form", "odd"],
        ["archive", "--users", "0"],
        ["archive", "--duration", "0s"],
    ],
)
def test_a_bad_option_gets_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options([*arguments, "--host", "http://127.0.0.1:1"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
