"""How many vCPU a profile needs: `python -m loadtest.capacity RUN… [--check RUN]`.

The model: a tier needs a fixed part and so much CPU time for each request. Both are read off the
slices of measured runs, of which those with ramps tell the two apart. Whatever is beyond the
highest rate measured is an extrapolation, and is called one.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any

from loadtest.judge import folder

TIERS = {"edge": ("edge",), "app": ("service", "worker"), "database": ("database",)}
USED_SHARE = 0.7
"""Of what is bought is used at the peak; a queue in front of a busier core grows fast."""
ENVELOPE_VCPU = 32
EDGE_HIT_MS, EDGE_HITS_MEASURED = 0.023, 20_646
"""What a hit in HAProxy's cache costs, and up to how many per second: the benchmark's table in
loadtest/README.md."""
CACHE_SECONDS = 2
TOLERANCE = 0.2
CLOSED = {"authorization", "booking", "sellout"}
"""Scenarios whose buyers come again as soon as they are served: the servers are as busy at any
rate, so that slices of different rates do not tell a fixed part from the requests'."""
LEAST_CORES = 0.02
"""What is less cannot be measured by a clock of hundredths of a second."""
LEAST_SPREAD = 3.0
"""The highest rate over the lowest, from which on a line may be laid through the slices."""


class UnusableError(Exception):
    """A run does not tell what it cost; the message is the sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a scenario's requests cost each tier, in a line: fixed cores, and CPU-ms each."""

    fixed: Mapping[str, float]
    each: Mapping[str, float]
    per_seat: float
    """Requests for each seat taken; 0 when none was."""
    highest: float
    """Requests per second up to which this was measured."""

    def cores(self, tier: str, rate: float) -> float:
        """Return the cores a tier uses at so many requests per second."""
        return self.fixed[tier] + self.each[tier] * rate / 1000


@dataclass(frozen=True, slots=True)
class Profile:
    """A load to be borne at its peak."""

    name: str
    scenario: str
    rate: float
    """Requests per second, or seats."""
    is_of_seats: bool = False
    is_cached: bool = False
    """Whether the edge answers, and the service sees one request in CACHE_SECONDS."""


PROFILES = (
    Profile("list of events, 100,000/s, all answered by the service", "events", 100_000),
    Profile("list of events, 100,000/s, cached at the edge", "events", 100_000, is_cached=True),
    Profile("archive, 10,000/s", "archive", 10_000),
    Profile("50,000 authenticate in 10 min", "authenticate", 50_000 / 600),
    Profile("sell-out of 100,000 seats in 4 min", "sellout", 100_000 / 240, is_of_seats=True),
)


@dataclass(frozen=True, slots=True)
class Need:
    """Cores that a profile uses in each tier, and how far beyond the measured rate that is."""

    profile: Profile
    cores: Mapping[str, float]
    beyond: float
    """The profile's rate over the highest measured."""

    @property
    def vcpus(self) -> dict[str, int]:
        """What to buy, at least one for each tier."""
        return {tier: max(1, ceil(used / USED_SHARE)) for tier, used in self.cores.items()}


def cost_of(report: dict[str, Any]) -> Cost:
    """Read off a run what its requests cost; raises UnusableError."""
    cores = (report["servers"] or {}).get("cores", {})
    if "service" not in cores:
        raise UnusableError(
            f"The run of {report['scenario']} did not see the service's CPU, so it tells no cost."
        )
    # The last slice is seldom a whole one, and the watch may not have seen the first.
    seen = [n for n, value in enumerate(cores["service"][:-1]) if value is not None]
    rates = [report["series"]["sent"][n] for n in seen]
    fixed, each = {}, {}
    for tier, groups in TIERS.items():
        known = [cores[group] for group in groups if group in cores]
        used = [sum(values[n] or 0.0 for values in known) for n in seen]
        is_closed = report["scenario"] in CLOSED
        fixed[tier], each[tier] = share(rates, used) if is_closed else line(rates, used)
    taken = report["totals"].get("selections", {}).get("success", 0)
    per_seat = report["totals"]["requests"] / taken if taken else 0.0
    return Cost(fixed, each, per_seat, max(rates, default=0.0))


def line(rates: Sequence[float], used: Sequence[float]) -> tuple[float, float]:
    """Return fixed cores and CPU-ms for each request, by least squares over the slices.

    Where the rate hardly changes the two cannot be told apart, and everything is the requests'.
    """
    if not sum(rates):
        return 0.0, 0.0
    if len(rates) > 2 and max(rates) >= LEAST_SPREAD * min(rates):
        slope, fixed = linear_regression(rates, used)
        if slope >= 0 and fixed >= 0:
            return fixed, slope * 1000
    return share(rates, used)


def share(rates: Sequence[float], used: Sequence[float]) -> tuple[float, float]:
    """Return no fixed cores, and CPU-ms for each request."""
    return 0.0, fmean(used) / fmean(rates) * 1000 if sum(rates) else 0.0


def need_of(profile: Profile, cost: Cost) -> Need:
    """Return what a profile needs."""
    rate = profile.rate * cost.per_seat if profile.is_of_seats else profile.rate
    beyond = rate / cost.highest if cost.highest else float("inf")
    if profile.is_cached:
        beyond = rate / EDGE_HITS_MEASURED
        cores = {tier: cost.cores(tier, 1 / CACHE_SECONDS) for tier in TIERS}
        cores["edge"] = EDGE_HIT_MS * rate / 1000
    else:
        cores = {tier: cost.cores(tier, rate) for tier in TIERS}
    return Need(profile, cores, beyond)


def table(costs: Mapping[str, Cost]) -> Iterator[str]:
    """Yield what each profile needs, as far as its scenario was measured."""
    yield f"{'profile, vCPU at the peak':<58}{'edge':>6}{'app':>6}{'db':>6}{'all':>6}  of 32"
    for profile in PROFILES:
        cost = costs.get(profile.scenario)
        if cost is None or (profile.is_of_seats and not cost.per_seat):
            yield f"{profile.name:<58}{'not measured: needs a run of ' + profile.scenario:>24}"
            continue
        need = need_of(profile, cost)
        vcpus = need.vcpus
        total = sum(vcpus.values())
        fits = "fits" if total <= ENVELOPE_VCPU else "TOO MUCH"
        label = (
            f", EXTRAPOLATION: {need.beyond:,.1f} × the rate measured" if need.beyond > 1 else ""
        )
        yield (
            f"{profile.name:<58}{''.join(f'{vcpus[tier]:>6}' for tier in TIERS)}{total:>6}"
            f"  {fits}{label}"
        )
    yield ""
    yield (
        f"At most {USED_SHARE:.0%} of a vCPU is used, and a vCPU is taken to be as fast as a core"
        " of the machine measured. Memory and disks are not modelled."
    )
    if not any(cost.each["edge"] for cost in costs.values()):
        yield (
            "No edge was in these runs: its one vCPU is the least, what it forwards is not counted,"
            f" and a hit in its cache counts {EDGE_HIT_MS} CPU-ms, from the benchmark."
        )


@dataclass(frozen=True, slots=True)
class Check:
    """What the model says of a run that was measured, in cores on average."""

    tier: str
    said: float
    measured: float

    @property
    def is_near(self) -> bool:
        """Whether it was said well enough, or is too little to be measured."""
        if max(self.said, self.measured) < LEAST_CORES:
            return True
        return abs(self.said - self.measured) <= TOLERANCE * self.measured


def check(costs: Mapping[str, Cost], report: dict[str, Any]) -> list[Check]:
    """Hold what the model says of a run against its measured CPU; raises UnusableError."""
    cost = costs.get(report["scenario"])
    if cost is None:
        raise UnusableError(
            f"The model knows nothing of {report['scenario']}: give it another run of that."
        )
    cost_of(report)  # It must have seen the service.
    seconds = report["servers"]["cpu_seconds"]
    rate = report["totals"]["requests"] / report["elapsed"]
    return [
        Check(
            tier,
            cost.cores(tier, rate),
            sum(seconds.get(group, 0.0) for group in groups) / report["elapsed"],
        )
        for tier, groups in TIERS.items()
    ]


def main() -> int:
    """Print what the profiles need; with --check 1 when the model misses a measured run."""
    parser = argparse.ArgumentParser(prog="make load-capacity")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs to learn from")
    parser.add_argument("--check", type=Path, help="another run, which the model must foresee")
    options = parser.parse_args()
    if options.check and options.check.resolve() in {place.resolve() for place in options.runs}:
        parser.error("a run that the model has learned from cannot check it; give --check another")
    try:
        reports = [folder.read(place) for place in options.runs]
        costs = {report["scenario"]: cost_of(report) for report in reports}
        checks = check(costs, folder.read(options.check)) if options.check else []
    except (folder.UnreadableError, UnusableError) as reason:
        print(reason, file=sys.stderr)
        return 2
    for name, cost in costs.items():
        told = ", ".join(
            f"{tier} {cost.each[tier]:.3f} CPU-ms each and {cost.fixed[tier]:.3f} cores"
            for tier in TIERS
        )
        print(f"{name}, measured up to {cost.highest:,.0f} requests/s: {told}")
    print()
    print("\n".join(table(costs)))
    for one in checks:
        print(
            f"check, {one.tier}: the model says {one.said:.3f} cores, {one.measured:.3f} were used:"
            f" {'within' if one.is_near else 'NOT within'} {TOLERANCE:.0%}"
        )
    return 0 if all(one.is_near for one in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
