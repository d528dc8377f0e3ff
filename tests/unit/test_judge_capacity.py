"""What a profile needs follows from what runs cost, and says where it goes beyond them."""

from typing import Any

import pytest

from loadtest import capacity
from loadtest.capacity import PROFILES, Cost, UnusableError, check, cost_of, line, need_of, table
from loadtest.schedule import ramp
from tests.unit import judged


def measured(peak: float = 400.0, each: float = 0.5, fixed: float = 0.05) -> dict[str, Any]:
    """A run with ramps whose service costs exactly this."""
    report = judged.report(schedule=ramp((20, peak), (20, peak), (20, 0)))
    sent = report["series"]["sent"]
    report["servers"]["cores"] = {
        "service": [fixed + rate * each / 1000 for rate in sent],
        "database": [rate * 0.2 / 1000 for rate in sent],
    }
    report["servers"]["cpu_seconds"] = {
        name: sum(values) for name, values in report["servers"]["cores"].items()
    }
    report["elapsed"] = float(len(sent))
    return report


def test_ramps_tell_the_fixed_part_from_that_of_each_request() -> None:
    cost = cost_of(measured())
    assert cost.fixed["app"] == pytest.approx(0.05, rel=0.01)
    assert cost.each == pytest.approx({"edge": 0.0, "app": 0.5, "database": 0.2}, rel=0.01)
    assert cost.highest == pytest.approx(400, rel=0.02)


def test_a_level_run_gives_everything_to_the_requests() -> None:
    assert line([100, 101, 99], [0.5, 0.5, 0.5]) == pytest.approx((0.0, 5.0))


def test_buyers_in_a_loop_keep_the_servers_busy_at_any_rate() -> None:
    busy = measured(fixed=0.9, each=0.0)
    assert cost_of(busy).fixed["app"] == pytest.approx(0.9)
    loop = cost_of(busy | {"scenario": "sellout"})
    assert loop.fixed["app"] == 0
    assert loop.each["app"] > 1


def test_a_profile_needs_what_it_uses_and_reserves() -> None:
    cost = Cost({"edge": 0, "app": 0.1, "database": 0}, {"edge": 0.02, "app": 0.3, "database": 0.1},
                20.0, 4_000)  # fmt: skip
    events, cached, _, _, sellout = (need_of(profile, cost) for profile in PROFILES)
    assert events.vcpus == {"edge": 3, "app": 44, "database": 15}
    assert cached.vcpus == {"edge": 4, "app": 1, "database": 1}
    assert sellout.cores["app"] == pytest.approx(0.1 + 100_000 / 240 * 20 * 0.3 / 1000)
    assert events.beyond == 25
    rows = [*table({"events": cost})]
    assert "TOO MUCH, EXTRAPOLATION: 25.0 × the rate measured" in rows[1]
    assert "fits, EXTRAPOLATION" in rows[2]
    assert "not measured: needs a run of sellout" in rows[5]


def test_within_the_measured_rate_nothing_is_called_an_extrapolation() -> None:
    cost = Cost(dict.fromkeys(capacity.TIERS, 0.0), dict.fromkeys(capacity.TIERS, 0.1), 0.0, 1e6)
    assert "EXTRAPOLATION" not in [*table({"events": cost})][1]


def test_another_run_at_another_rate_is_foreseen() -> None:
    costs = {"events": cost_of(measured())}
    assert all(one.is_near for one in check(costs, measured(peak=150)))


def test_a_run_that_costs_more_than_the_model_says_fails_the_check() -> None:
    costs = {"events": cost_of(measured())}
    found = check(costs, measured(each=0.7))
    assert [one.tier for one in found if not one.is_near] == ["app"]


def test_a_run_that_saw_no_service_is_refused() -> None:
    report = judged.report()
    report["servers"] = None
    with pytest.raises(UnusableError, match="did not see the service's CPU"):
        cost_of(report)
    with pytest.raises(UnusableError, match="knows nothing of events"):
        check({}, judged.report())
