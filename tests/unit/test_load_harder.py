"""Who comes when in the harder scenarios, and with which account; without any load."""

import gzip
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import pytest
import zstandard

from loadtest import authenticate, giveback, mixed, rush
from loadtest.account_file import find_accounts
from loadtest.accounts import Account
from loadtest.plan import Plan
from loadtest.sales import Sales, counted
from loadtest.schedule import Phase, Schedule, level
from loadtest.stage import CannotStartError

HOST = "http://127.0.0.1:1"
ACCOUNTS = tuple(Account(f"buyer_{number}@example.org", "x") for number in range(1_000))


def plan(schedule: Schedule, part: int = 0, parts: int = 1, setting: object = None) -> Plan:
    """A plan that is not played."""
    return Plan(
        HOST,
        schedule,
        mixed.play,
        10,
        setting=setting,
        accounts=ACCOUNTS,
        part=part,
        parts=parts,
    )


def test_fifty_thousand_come_within_ten_minutes() -> None:
    schedule = authenticate.schedule()
    assert (schedule.count, schedule.seconds) == (50_000, 600)
    assert schedule.peak == pytest.approx(83.33, abs=0.01)


def test_each_who_signs_in_has_an_account_of_its_own_in_whatever_process() -> None:
    schedule = level(10, 99.9)
    seen = [
        visit.account
        for part in range(3)
        for _, visit in authenticate.arrivals(plan(schedule, part, 3), None)
    ]
    assert len(seen) == len(set(seen)) == schedule.count == 999


def test_ninety_thousand_book_and_ten_thousand_give_back_three_minutes_later() -> None:
    schedule = giveback.schedule(1.0, 600)
    assert (schedule.count, schedule.seconds) == (90_000, pytest.approx(420))
    back_after = 600 * giveback.BACK_AFTER_SHARE
    assert back_after == pytest.approx(180)
    visits = list(giveback.arrivals(plan(schedule, setting=back_after), None))
    moments = {id(visit): moment for moment, visit in visits if visit.kind == "booking"}
    backs = [(moment, visit) for moment, visit in visits if visit.kind == "giving back"]
    assert (len(moments), len(backs)) == (90_000, 10_000)
    assert all(early <= late for (early, _), (late, _) in pairwise(visits))
    for moment, back in backs:
        assert moment - moments[id(back.purchase)] == pytest.approx(180)
    assert visits[-1][0] <= 600


def test_who_gives_back_before_others_have_booked_comes_in_between() -> None:
    visits = [visit.kind for _, visit in giveback.arrivals(plan(level(1, 30), setting=0.1), None)]
    assert visits.index("giving back") < len(visits) - 1
    assert Counter(visits) == {"booking": 30, "giving back": 3}


def test_the_rush_begins_when_the_others_have_been_measured_alone() -> None:
    storm = Schedule((Phase(3, 0, 0), Phase(6, 50, 50)))
    setting = rush.Setting((7, 8), level(9, 10), 3)
    visits = list(rush.arrivals(plan(storm, setting=setting), Sales()))
    kinds = Counter(visit.kind for _, visit in visits)
    assert kinds == {rush.IDLE: 30, rush.RUSHED: 60, rush.STORM: 300}
    first = next(moment for moment, visit in visits if visit.kind == rush.STORM)
    assert first >= 3 > max(moment for moment, visit in visits if visit.kind == rush.IDLE)
    assert all(early <= late for (early, _), (late, _) in pairwise(visits))
    events = Counter(visit.event_id for _, visit in visits if visit.kind != rush.STORM)
    assert events == {7: 45, 8: 45}


def test_a_day_takes_twelve_minutes_and_is_busiest_at_eight_in_the_evening() -> None:
    day = mixed.day(1_000)
    assert day.seconds == pytest.approx(720)
    assert (day.peak, day.plateau[2]) == (1_000, 1_000)
    assert sum(day.moments(part, 3) is not None for part in range(3)) == 3
    quarters = Counter(int(moment // 180) for moment in day.scaled(0.01).moments())
    assert min(quarters, key=quarters.__getitem__) == 0
    assert max(quarters, key=quarters.__getitem__) == 3


def test_each_kind_of_visit_has_its_share_at_any_time() -> None:
    assert sum(mixed.MIX.values()) == pytest.approx(1)
    for count in (100, 1_000, 12_345):
        seen = Counter(islice(mixed.kinds(), count))
        assert all(abs(seen[kind] - share * count) <= 1 for kind, share in mixed.MIX.items())


def test_nobody_gives_back_what_nobody_has_bought() -> None:
    sales = Sales()
    visits = counted(mixed.arrivals(plan(level(10, 100)), sales), sales)
    assert {visit.kind for _, visit in visits} == set(mixed.MIX) - {mixed.RELEASE, mixed.CANCEL}
    assert sales.kinds[mixed.BOOKING].came == 200


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_accounts_are_read_from_compressed_files_of_several_parts(
    suffix: str, tmp_path: Path
) -> None:
    header = "email,password_plain,is_active\n"
    parts = [header, 'a@b,"x,""\\:",true\nclosed@b,y,false\n', "c@d,z,t\ne@f,w,t\n"]
    compress = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[suffix]
    path = tmp_path / f"users.csv{suffix}"
    path.write_bytes(b"".join(compress(part.encode()) for part in parts))
    assert find_accounts(str(path), 2) == (Account("a@b", 'x,"\\:'), Account("c@d", "z"))
    assert len(find_accounts(str(path), 100)) == 3


def test_a_compressed_file_that_is_broken_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.csv.gz"
    path.write_bytes(gzip.compress(b"email,password_plain\na@b,c\n")[:-9])
    with pytest.raises(CannotStartError, match="cannot be read"):
        find_accounts(str(path), 100)


def test_without_a_file_the_organisers_accounts_take_turns() -> None:
    accounts = find_accounts(None, 1_000)
    assert len(accounts) == len({account.email for account in accounts}) == 11
    assert len(find_accounts(None, 0)) == 1
