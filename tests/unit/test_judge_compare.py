"""Two runs differ when they do, and do not when it is noise; different ones are not compared."""

import random
import sys
from collections.abc import Sequence
from math import exp
from pathlib import Path

import pytest

from loadtest.judge import __main__ as compare_command
from loadtest.judge import compare, compare_page, folder, noise
from tests.unit import judged

P50 = compare.FIGURES[0]
RATE = compare.FIGURES[3]


def noisy(seed: int, *, level: float = 10.0, noise: float = 0.15, count: int = 120) -> list[float]:
    """Slices around a level, each like the one before: a machine has busy seconds in a row."""
    chance, drift, found = random.Random(seed), 0.0, []
    for _ in range(count):
        drift = 0.7 * drift + chance.gauss(0, noise)
        found.append(level * exp(drift))
    return found


def verdict(
    a: Sequence[float],
    b: Sequence[float],
    figure: compare.Figure = P50,
    apart: float = compare.BETWEEN_RUNS,
) -> str:
    found = compare.finding(figure, a, b, apart)
    assert found is not None
    return found.verdict


def test_runs_of_the_same_code_are_seldom_called_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(noise, "DRAWS", 400)
    wrong = sum(
        verdict(noisy(seed), noisy(seed + 1000), apart=0.0) != "no difference beyond noise"
        for seed in range(60)
    )
    assert wrong <= 3


@pytest.mark.parametrize(("factor", "expected"), [(1.4, "worse"), (0.7, "better")])
def test_a_difference_greater_than_the_noise_is_found(factor: float, expected: str) -> None:
    assert verdict(noisy(1), noisy(2, level=10 * factor)) == expected


def test_more_answers_are_better() -> None:
    assert verdict(noisy(1), noisy(2, level=14), RATE) == "better"


def test_the_interval_is_as_wide_as_the_noise() -> None:
    calm, wild = (
        compare.finding(P50, noisy(1, noise=size), noisy(2, noise=size), 0.0)
        for size in (0.02, 0.3)
    )
    assert calm is not None
    assert wild is not None
    assert calm.high - calm.low < (wild.high - wild.low) / 5


def test_what_runs_of_the_same_code_are_apart_is_no_difference_however_certain() -> None:
    assert verdict([10.0] * 60, [10.9] * 60) == "no difference beyond noise"
    assert verdict([10.0] * 60, [11.2] * 60) == "worse"


def test_repeated_runs_tell_how_far_runs_of_the_same_code_are_apart() -> None:
    a, again, b = (judged.report(seed=seed, noise=0.02) for seed in (1, 2, 3))
    assert compare.between(P50, []) == compare.BETWEEN_RUNS
    quiet = compare.between(P50, [(a, again)])
    assert compare.LEAST_BETWEEN <= quiet < 0.06
    slower = judged.report(seed=4, noise=0.02, median=0.0024)
    assert compare.between(P50, [(a, again), (a, slower)]) == pytest.approx(0.2, abs=0.05)
    assert compare.compare(a, b, [(a, again)])[0].verdict == "no difference beyond noise"
    assert compare.compare(a, slower, [(a, again)])[0].verdict == "worse"


def test_a_machine_that_did_other_things_is_named() -> None:
    a, b = judged.report(), judged.report()
    assert "DISTURBED: other programs used 0.4 cores" in " ".join(compare.disturbances(a, b))
    a["servers"] = b["servers"] = None
    assert list(compare.disturbances(a, b)) == []


def test_short_runs_say_nothing() -> None:
    assert verdict([10.0] * 8, [20.0] * 8) == "too short to say"


def test_a_stall_shows_as_a_gate_though_medians_do_not_feel_it() -> None:
    good, bad = judged.report(seed=1), judged.report(seed=2, broken=True)
    said = compare.summary(good, bad, compare.compare(good, bad))
    assert said.startswith("B fails where A passes: 2xx and 3xx ≥ 99% of all arrivals")


def test_slower_answers_are_named_with_their_size() -> None:
    a, b = judged.report(seed=1), judged.report(seed=2, median=0.004)
    findings = compare.compare(a, b)
    by_name = {one.figure.name: one for one in findings}
    assert by_name["p50"].verdict == by_name["p95"].verdict == "worse"
    assert by_name["p50"].ratio == pytest.approx(2, rel=0.2)
    assert by_name["service"].verdict == "no difference beyond noise"
    assert "p50 worse by" in compare.summary(a, b, findings)


def test_the_page_shows_both_runs_and_needs_nothing_else() -> None:
    a, b = judged.report(seed=1), judged.report(seed=2)
    findings = compare.compare(a, b)
    page = compare_page.render(a, b, findings)
    assert compare.summary(a, b, findings) in page
    assert all(f"<strong>{name}</strong>" in page for name in ("p50", "p95", "p99"))
    assert "http" not in page.replace(a["host"], "")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"scenario": "archive"}, "scenario is events in A and archive in B"),
        ({"settings": {"scale": 0.2, "rate": 1000}}, "scale is 0.1 in A and 0.2 in B"),
        ({"settings": {"scale": 0.1}}, "rate is 1000 in A and none in B"),
    ],
)
def test_different_runs_are_refused_in_a_sentence(given: dict[str, object], named: str) -> None:
    a, b = judged.report(), judged.report() | given
    with pytest.raises(compare.DifferentError) as refused:
        compare.compare(a, b)
    assert named in str(refused.value)
    assert str(refused.value).count(".") - str(refused.value).count("0.") == 1


def test_the_number_of_generators_does_not_make_another_run() -> None:
    a, b = judged.report(), judged.report()
    b["settings"] = {**b["settings"], "processes": 2}
    assert compare.compare(a, b)


def test_the_command_writes_a_page_or_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        folder.write(judged.report(seed=seed), tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert compare_command.main() == 0
    assert "p95, ms" in capsys.readouterr().out
    assert (tmp_path / "b" / "compare.html").is_file()
    monkeypatch.setattr(sys, "argv", ["compare", str(tmp_path / "a"), str(tmp_path / "c")])
    assert compare_command.main() == 2
    assert capsys.readouterr().err.count("\n") == 1
