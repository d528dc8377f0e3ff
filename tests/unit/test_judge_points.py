"""Points follow from a rule and a figure, and correctness from what the verification found."""

from pathlib import Path
from typing import Any

import pytest

from loadtest.gates import Gate
from loadtest.judge.correctness import QUESTIONS, findings
from loadtest.judge.points import LEVELS, points
from loadtest.record import Record


def searched(scenario: str = "events", share: float = 1.0, **totals: Any) -> dict[str, str]:
    """The result of each rule for a search, by where the rule stands and its first word."""
    report = {
        "scenario": scenario,
        "settings": {"scale": 1.0},
        "totals": {"requests": 10_000, "good_share": share, "p95": 5.0, **totals},
    }
    return {f"{one.source} {one.rule.split()[0]}": one.result for one in points(report)}


def plateau(rate: float) -> dict[str, float]:
    return {"seconds": 240, "wanted": rate, "sent": rate, "answered": rate}


@pytest.mark.parametrize(
    ("rate", "result"),
    [
        (999, "level 1,000/s"),
        (980, "below 1,000/s"),
        (4_000, "level 1,000/s"),
        (25_000, "level 25,000/s"),
        (120_000, "level 100,000/s"),
    ],
)
def test_the_level_is_the_highest_whose_rate_was_kept(rate: float, result: str) -> None:
    assert searched(plateau=plateau(rate))["judging levels"] == result


def test_no_points_are_invented() -> None:
    report = {
        "scenario": "events",
        "settings": {},
        "totals": {"requests": 9, "good_share": 1.0, "p95": 1.0, "plateau": plateau(LEVELS[-1])},
    }
    assert not any("points" in f"{one.figure}{one.result}" for one in points(report))


def test_a_share_below_95_percent_meets_no_rule_at_any_rate() -> None:
    found = searched(share=0.9499, plateau=plateau(50_000))
    assert set(found.values()) == {"not met"}


def test_the_announced_rule_for_the_archive_is_harder_than_the_judges() -> None:
    found = searched("archive", share=0.97, plateau=plateau(10_000))
    assert found == {
        "judging search,": "met",
        "judging levels": "level 10,000/s",
        "planned archive": "not met",
    }


def test_a_late_generator_leaves_everything_undecided() -> None:
    assert set(searched(generator_late_share=0.02).values()) == {"undecided"}


@pytest.mark.parametrize(
    ("requests", "failed", "result"), [(42, 0, "met"), (41, 0, "not met"), (42, 1, "not met")]
)
def test_authorization_needs_all_42(requests: int, failed: int, result: str) -> None:
    report = {
        "scenario": "authorization",
        "totals": {"requests": requests},
        "checks": {"the owner books: 201": {"passed": 6, "failed": failed}},
    }
    assert [one.result for one in points(report)] == [result]


@pytest.mark.parametrize(
    ("success", "conflict", "result"), [(95, 5, "met"), (94, 6, "not met"), (0, 0, "not met")]
)
def test_booking_counts_conflicts_against_the_team(
    success: int, conflict: int, result: str
) -> None:
    counts = {"success": success, "conflict": conflict, "failed": 0}
    report = {"scenario": "booking", "totals": {"selections": counts}}
    assert [one.result for one in points(report)] == [result]


def test_a_sell_out_must_be_exact_and_says_at_which_scale_it_was() -> None:
    report = {
        "scenario": "sellout",
        "settings": {"scale": 0.1},
        "elapsed": 61.0,
        "totals": {},
        "gates": [{"name": "exactly 10000 seats are sold", "passed": True, "finding": "10000"}],
        "calls": [
            {
                "name": "PATCH /api/seats/select",
                "requests": 100,
                "p95": 120.0,
                "answers": {"200": 98, "419": 2},
            }
        ],
    }
    exact, quick = points(report)
    assert (exact.result, quick.result) == ("met, scaled", "met, scaled")
    assert "in 61.0 s; at scale 0.1" in exact.figure


def test_a_scenario_without_a_rule_has_no_points() -> None:
    assert points({"scenario": "mixed", "totals": {}}) == []


def test_a_question_is_answered_only_where_it_was_asked() -> None:
    record = Record()
    record.check("seats: all are FREE", True, "")
    record.check("seats: all are FREE", False, "seat 5 is SOLD")
    gates = [
        Gate("no seat is in two bookings", False, "seat 7 is in 1 and 2 and 3 more"),
        Gate("every acknowledged seat is in its booking", True, ""),
    ]
    found = {one["what"]: (one["count"], one["first"]) for one in findings(gates, record)}
    assert found["seats sold twice"] == (4, "seat 7 is in 1 and 2 and 3 more")
    assert found["acknowledged, but missing"] == (0, "")
    assert found["listed, but not FREE"] == (1, "seat 5 is SOLD")
    assert found["sums of the analytics that do not agree"] == (None, "")


def test_every_scenarios_gates_and_checks_answer_the_questions_that_it_asks() -> None:
    """The words are those of the gates and checks; who renames one is told here."""
    root = Path(__file__).parents[2] / "loadtest"
    said = "".join(file.read_text(encoding="utf-8") for file in sorted(root.glob("*.py")))
    missing = [word for words in QUESTIONS.values() for word in words if word not in said]
    assert missing == []
