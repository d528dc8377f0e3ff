"""The judgement of the load scenarios, without any load."""

import argparse
from collections.abc import Mapping

import pytest

from loadtest.accounts import AUTHORIZATION_PAIRS, BOOKING_ACCOUNTS, Account
from loadtest.gates import Gate, authorization_gates, booking_gates, reset_gate
from loadtest.ledger import Hold, Ledger
from loadtest.options import parse_duration, parse_host, parse_options
from loadtest.record import Record, percentile
from loadtest.report import booking_report, gate_report, report
from loadtest.verify import Audit, Listing, audit, read_bookings

ANNA = Account("anna@example.org", "secret")
BORIS = Account("boris@example.org", "secret")
MISSPELT = Account("misspelt@example.org", "se\\Cret")


def good_record() -> Record:
    """A record of 20 successes in which every check held."""
    record = Record(success=20)
    record.check("select: 200 or 419", True, "")
    return record


def listing(account: Account, bookings: Mapping[int, frozenset[int]], at: float = 10.0) -> Listing:
    """A listing asked for and received at that second."""
    return Listing(account, 200, bookings, at, at)


def failed(gates: list[Gate]) -> list[str]:
    """The names of the gates that did not pass."""
    return [gate.name for gate in gates if not gate.passed]


def hold(booking_id: int, seat_id: int, at: float, account: Account = ANNA) -> Hold:
    """A seat asked for at that second and granted half a second later."""
    return Hold(account.email, booking_id, seat_id, at, at + 0.5)


def judged(record: Record, ledger: Ledger, found: Audit) -> list[str]:
    """The booking gates that fail."""
    return failed(booking_gates(record, ledger, found))


def test_a_faultless_run_passes_every_gate() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    found = audit([listing(ANNA, {1: frozenset({7})}), listing(BORIS, {})], ledger)
    assert judged(good_record(), ledger, found) == []
    assert (found.bookings, found.seats) == (1, 1)


@pytest.mark.parametrize(
    ("success", "other", "passes"), [(95, 5, True), (94, 5, False), (0, 0, False)]
)
@pytest.mark.parametrize("kind", ["failed", "conflict"])
def test_less_than_95_percent_of_success_fails(
    kind: str, success: int, other: int, passes: bool
) -> None:
    record = good_record()
    record.success = success
    setattr(record, kind, other)
    names = judged(record, Ledger(900), Audit())
    assert names == ([] if passes else ["successful bookings ≥ 95%"])


def test_one_failed_check_fails_and_shows_its_first_case() -> None:
    record = good_record()
    record.check("seats: all are FREE", False, "200 first")
    record.check("seats: all are FREE", False, "200 second")
    assert judged(record, Ledger(900), Audit()) == ["every check holds"]
    text = "\n".join([*report(record), *booking_report(record)])
    assert "200 first" in text
    assert "200 second" not in text


def test_a_run_that_checked_nothing_fails() -> None:
    assert judged(Record(success=1), Ledger(900), Audit()) == ["every check holds"]


def test_an_error_in_the_generator_fails() -> None:
    record = good_record()
    record.errors.append("KeyError('id')")
    assert judged(record, Ledger(900), Audit()) == ["the generator worked without an error"]


@pytest.mark.parametrize(
    ("status", "seconds", "passes"),
    [(200, 30.0, True), (204, 0.1, True), (201, 0.1, False), (404, 0.1, False), (200, 30.1, False)],
)
def test_the_reset_is_200_or_204_within_30_seconds(
    status: int, seconds: float, passes: bool
) -> None:
    assert reset_gate(status, seconds).passed is passes


def test_a_seat_listed_in_two_bookings_fails() -> None:
    ledger = Ledger(900)
    found = audit(
        [listing(ANNA, {1: frozenset({7})}), listing(BORIS, {2: frozenset({7, 8})})], ledger
    )
    assert judged(good_record(), ledger, found) == ["no seat is in two bookings"]
    assert len(found.doubled) == 1


def test_a_seat_given_again_while_its_hold_lasts_is_doubled_even_if_listed_once() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    ledger.acknowledge(hold(2, 7, at=890, account=BORIS))
    found = audit([listing(ANNA, {}, at=2000), listing(BORIS, {}, at=2000)], ledger)
    assert judged(good_record(), ledger, found) == ["no seat is in two bookings"]


def test_a_seat_given_again_after_its_hold_ran_out_is_no_doubled_sale() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    ledger.acknowledge(hold(2, 7, at=900, account=BORIS))
    found = audit(
        [listing(ANNA, {}, at=1000), listing(BORIS, {2: frozenset({7})}, at=1000)], ledger
    )
    assert judged(good_record(), ledger, found) == []


def test_the_same_seat_for_the_same_booking_again_is_no_doubled_sale() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    ledger.acknowledge(hold(1, 7, at=1))
    assert ledger.doubled == []


@pytest.mark.parametrize(
    "bookings", [{}, {1: frozenset()}, {1: frozenset({8})}, {2: frozenset({7})}]
)
def test_an_acknowledged_seat_that_is_not_in_its_booking_fails(
    bookings: dict[int, frozenset[int]],
) -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    found = audit([listing(ANNA, bookings)], ledger)
    assert judged(good_record(), ledger, found) == ["every acknowledged seat is in its booking"]


@pytest.mark.parametrize(("at", "lost"), [(894, True), (896, False), (2000, False)])
def test_a_hold_may_be_gone_only_when_its_time_may_have_run_out(at: float, lost: bool) -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    ledger.compare(ANNA.email, {}, sent=at, received=at)
    assert bool(ledger.lost) is lost


def test_a_hold_lost_during_the_run_stays_lost_when_its_time_is_over() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    ledger.compare(ANNA.email, {}, sent=5, received=5)
    found = audit([listing(ANNA, {}, at=2000)], ledger)
    assert judged(good_record(), ledger, found) == ["every acknowledged seat is in its booking"]


def test_a_listing_asked_for_before_the_hold_was_granted_proves_nothing() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=10))
    ledger.compare(ANNA.email, {}, sent=10.2, received=11)
    assert not ledger.lost


def test_a_hold_listed_long_after_its_time_is_noted_and_no_failure() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    found = audit([listing(ANNA, {1: frozenset({7})}, at=1000)], ledger)
    assert len(ledger.overdue) == 1
    assert judged(good_record(), ledger, found) == []


def test_a_seat_offered_while_held_is_told_from_one_whose_hold_may_be_over() -> None:
    ledger = Ledger(900)
    ledger.acknowledge(hold(1, 7, at=0))
    assert ledger.held_for([6, 7, 8], sent=10.5) == [10.0]
    assert ledger.held_for([7], sent=0.2) == []
    assert ledger.held_for([7], sent=899) == []


def test_an_account_whose_bookings_cannot_be_read_fails() -> None:
    ledger = Ledger(900)
    found = audit([Listing(ANNA, 503, None, 0, 0)], ledger)
    assert judged(good_record(), ledger, found) == [
        "the bookings of every account can be read",
        "every acknowledged seat is in its booking",
    ]


def test_a_refused_account_may_be_closed_but_never_hold_a_booking() -> None:
    ledger = Ledger(900)
    assert audit([Listing(MISSPELT, 401, None, 0, 0)], ledger).unread == []
    found = audit([listing(MISSPELT, {1: frozenset({7})})], ledger)
    assert judged(good_record(), ledger, found) == ["a refused account holds nothing"]


@pytest.mark.parametrize(
    "data",
    [None, 5, {"id": 1}, [1], [{"id": 1}], [{"id": "1", "seats": []}], [{"id": 1, "seats": [7]}]],
)
def test_what_is_no_list_of_bookings_is_not_read_as_an_empty_one(data: object) -> None:
    assert read_bookings(data) is None


def test_bookings_are_read_with_their_seats() -> None:
    data = [{"id": 1, "event_id": 1, "seats": [{"id": 7}, {"id": 8}]}, {"id": 2, "seats": []}]
    assert read_bookings(data) == {1: frozenset({7, 8}), 2: frozenset()}


def test_authorization_needs_exactly_42_requests_and_nothing_left_over() -> None:
    record = Record()
    record.check("the owner books: 201", True, "")
    for _ in range(42):
        record.note_answer("any", 200, 0.001)
    assert failed(authorization_gates(record, Audit(), [])) == []
    assert failed(authorization_gates(record, Audit(), ["booking 1"])) == [
        "a cancelled booking is gone"
    ]
    record.note_answer("any", 200, 0.001)
    assert failed(authorization_gates(record, Audit(), [])) == ["42 requests"]


def test_three_of_ten_accounts_send_a_password_without_its_backslash() -> None:
    misspelt = {account.sent_password for account in BOOKING_ACCOUNTS if account.is_misspelt}
    assert misspelt == {"bjD[wU=u#@Wk1ED", "t~bv:18IV$@", "zUKhVyYs%>Ww"}
    assert len({account.email for account in BOOKING_ACCOUNTS}) == 10
    assert len(AUTHORIZATION_PAIRS) == 6
    assert not any(account.is_misspelt for pair in AUTHORIZATION_PAIRS for account in pair)


def test_credentials_are_sent_in_utf_8() -> None:
    cyrillic = BOOKING_ACCOUNTS[-1]
    assert cyrillic.email[0] == "\N{CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I}"
    assert cyrillic.sent_authorization.startswith("Basic 0ZZuemh1")


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([3.0], 0.5) == 3.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1m30s", 90), ("1h", 3600)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "90", "-5s", "1.5m", "5d", "m", "s", "30s10m", "٣s"])
def test_malformed_durations_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:8081",
        "ftp://a",
        "http://",
        "http://a:x",
        "http://u:p@a",
        "http://[",
        "http://a?b",
    ],
)
def test_malformed_hosts_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no address"):
        parse_host(text)


def test_a_malformed_command_line_is_one_sentence_and_code_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        parse_options(["booking", "--host", "http://127.0.0.1:1", "--duration", "soon"])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_gates_are_printed_with_what_decided_them() -> None:
    lines = list(gate_report([Gate("one", True, ""), Gate("two", False, "5 of 9")]))
    assert lines == ["GATES", "  pass  one", "  FAIL  two: 5 of 9"]
