"""What is known of a load run while it goes on."""

from __future__ import annotations

from loadtest.live import BOUNDS, Live
from loadtest.record import Record
from loadtest.traffic import Traffic


def traffic(*answers: tuple[int, float], users: int = 1) -> Traffic:
    """Traffic of requests of one name: statuses and seconds."""
    seen = Traffic(users=users)
    for status, seconds in answers:
        seen.shapes["GET /"].statuses[status] += 1
        seen.shapes["GET /"].seconds.note(seconds)
    return seen


def shown(seen: Traffic | Record, users: int = 0) -> Live:
    live = Live()
    live.show(seen, users)
    return live


def test_answers_are_counted_by_how_they_ended() -> None:
    live = shown(traffic((200, 0.1), (304, 0.1), (419, 0.1), (503, 0.1), (500, 0.1), (0, 0.1)))
    assert live.figures().names["GET /"].outcomes == {
        "success": 2,
        "419 taken": 1,
        "503 busy": 1,
        "5xx": 1,
        "no answer": 1,
    }


def test_times_are_counted_by_the_bound_that_they_do_not_exceed() -> None:
    sums = shown(traffic((200, 0.0004), (200, 0.148), (200, 0.152), (200, 99.0)))
    counted = sums.figures().names["GET /"]
    by_bound = dict(zip([*BOUNDS, "more"], counted.buckets, strict=True))
    assert {bound: count for bound, count in by_bound.items() if count} == {
        0.001: 1,
        0.15: 1,
        0.25: 1,
        "more": 1,
    }
    assert abs(counted.seconds - 99.3) < 1


def test_what_a_few_users_note_is_known_too() -> None:
    record = Record()
    record.note_answer("POST /api/bookings", 201, 0.1)
    found = shown(record, users=3).figures()
    assert (found.users, found.names["POST /api/bookings"].outcomes) == (3, {"success": 1})


def test_workers_tell_their_master_who_sums_up_what_each_told_last() -> None:
    master, first, second = Live(), traffic((200, 0.1), users=2), traffic((0, 3.5), users=5)
    for _ in range(2):
        first.shapes["GET /"].statuses[200] += 1
        for name, seen in (("a", first), ("b", second)):
            report: dict[str, object] = {}
            shown(seen).tell(report)
            master.hear(name, report)
    # A report of Locust's own.
    master.hear("c", {"user_count": 9})
    found = master.figures()
    assert (found.users, found.names["GET /"].outcomes) == (7, {"success": 3, "no answer": 1})
    assert sum(found.names["GET /"].buckets) == 2
    master.show(traffic((200, 0.1)))
    assert master.figures().names["GET /"].outcomes == {"success": 1}
