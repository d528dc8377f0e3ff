"""When the open models' arrivals are due, and what they ask for."""

import random
from collections import Counter
from itertools import islice, pairwise
from urllib.parse import parse_qs, urlsplit

import pytest

from loadtest.accounts import SULTAN
from loadtest.connection import look_up
from loadtest.page import Request
from loadtest.schedule import Schedule, ramp
from loadtest.search import MIXES, QUERIES, archive_schedule, events_schedule


def counted(schedule: Schedule) -> list[int]:
    """How many arrivals come in each phase."""
    moments, counts, ended = list(schedule.moments()), [], 0.0
    for phase in schedule.phases:
        began, ended = ended, ended + phase.seconds
        counts.append(sum(began <= moment < ended for moment in moments))
    return counts


def test_the_events_ramp_up_stay_and_ramp_down_as_the_profile_says() -> None:
    assert events_schedule(1000).count == 300_000
    schedule = events_schedule(100)
    assert [phase.seconds for phase in schedule.phases] == [60, 240, 60]
    assert counted(schedule) == [3_000, 24_000, 3_000]
    assert schedule.plateau == (60, 300, 100)


def test_the_archive_reaches_ten_thousand_per_second_as_the_profile_says() -> None:
    schedule = archive_schedule()
    assert schedule.seconds == 15 * 60
    assert schedule.count == 6_240_000
    assert schedule.plateau == (360, 720, 10_000)
    assert counted(schedule.scaled(0.01)) == [300, 3_600, 13_500, 36_000, 9_000]


def test_a_ramp_has_the_rate_of_its_line_in_each_second() -> None:
    per_second = Counter(int(moment) for moment in ramp((10, 1000)).moments())
    assert [per_second[second] for second in range(10)] == [50 + 100 * n for n in range(10)]


def test_arrivals_on_the_plateau_are_evenly_spaced() -> None:
    schedule = ramp((0.5, 100), (2, 100))
    level = [moment for moment in schedule.moments() if moment > 0.5]
    assert [late - early for early, late in pairwise(level)] == pytest.approx([0.01] * 199)


def test_a_scale_multiplies_the_rates_and_a_duration_compresses_the_time() -> None:
    schedule = archive_schedule().scaled(0.05).lasting(15)
    assert schedule.seconds == pytest.approx(15)
    assert [phase.end for phase in schedule.phases] == pytest.approx([50, 250, 500, 500, 0])
    assert schedule.plateau == pytest.approx((6, 12, 500))
    assert schedule.count == sum(counted(schedule)) == 5_200


@pytest.mark.parametrize("schedule", [events_schedule(7), archive_schedule().scaled(0.0033)])
def test_processes_share_the_arrivals_without_losing_one(schedule: Schedule) -> None:
    alone = list(schedule.moments())
    shared = sorted(moment for part in range(3) for moment in schedule.moments(part, 3))
    assert shared == alone
    assert len(alone) == schedule.count
    assert alone == sorted(alone)
    assert 0 <= alone[0] <= alone[-1] <= schedule.seconds


def asked(mix: str, count: int) -> list[Request]:
    """The first requests of a mix."""
    return list(islice(MIXES[mix](look_up("http://127.0.0.1:8081"), random.Random(0)), count))


def query_of(request: Request) -> dict[str, str]:
    """What a request asks for."""
    target = request.raw.split(b" ")[1].decode()
    assert urlsplit(target).path == "/api/events"
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


def test_a_quarter_of_the_event_requests_has_an_account() -> None:
    requests = asked("events", 8_000)
    assert all(query_of(one) == {"page": "1", "pageSize": "20"} for one in requests)
    named = [one for one in requests if b"Authorization: Basic " in one.raw]
    assert len(named) / len(requests) == pytest.approx(0.25, abs=0.02)
    assert {one.shape for one in named} == {"events, with an account"}


def test_the_archive_is_asked_in_twelve_shapes_a_third_of_them_dated() -> None:
    requests = asked("fixed", 12_000)
    queries = [query_of(one) for one in requests]
    assert {query["query"] for query in queries} == set(QUERIES)
    assert len({one.shape for one in requests}) == 12
    assert {query.get("date") for query in queries} == {None, "2024-12-25"}
    assert {(query["page"], query["pageSize"]) for query in queries} == {("1", "20")}
    dated = sum("date" in query for query in queries)
    assert dated / len(queries) == pytest.approx(1 / 3, abs=0.02)
    assert any(
        f"Authorization: {SULTAN.sent_authorization}\r\n".encode() in r.raw for r in requests
    )
    assert len({one.raw for one in requests}) == 12 * 3


def test_the_random_form_asks_all_pages_sizes_and_days_of_the_profile() -> None:
    requests = asked("random", 12_000)
    queries = [query_of(one) for one in requests]
    assert {int(query["page"]) for query in queries} == set(range(1, 51))
    assert {int(query["pageSize"]) for query in queries} == set(range(10, 21))
    assert all(
        one.page_size == int(q["pageSize"]) for one, q in zip(requests, queries, strict=True)
    )
    days = {query["date"] for query in queries if "date" in query}
    assert len(days) == 366
    assert (min(days), max(days)) == ("2024-01-01", "2024-12-31")
    assert len({one.shape for one in requests}) == 12


def test_a_request_is_what_the_generator_sends() -> None:
    address = look_up("http://127.0.0.1:8081/behind")
    assert address.get("/api/events", "Basic eA==") == (
        b"GET /behind/api/events HTTP/1.1\r\nHost: 127.0.0.1:8081\r\nAccept: application/json\r\n"
        b"Content-Type: application/json\r\nAccept-Encoding: identity\r\n"
        b"Authorization: Basic eA==\r\n\r\n"
    )
