"""Two runs: is B different from A, or is it noise?

Two runs of one scenario have the same slices, so each slice of B is held against the same one of
A, and the ratios are drawn again and again in blocks (a busy second is seldom alone) to see how
far their median wanders by chance. That is the noise within runs. Between runs of the same code a
machine moves too: by as much as repeated runs show, or as the benchmark has seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median
from typing import Any

from loadtest.judge.noise import Values, interval, ratios
from loadtest.judge.points import percent
from loadtest.judge.servers import DISTURBED_CORES, others_used

Report = dict[str, Any]

FEWEST_SLICES = 16
BETWEEN_RUNS = 0.10
"""How far runs of the same code are apart when no repeated runs tell: see loadtest/README.md."""
LEAST_BETWEEN = 0.02


class DifferentError(Exception):
    """The runs cannot be compared; the message is the sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How to read a figure off the slices of a report, and whether less of it is better."""

    name: str
    unit: str
    values: Callable[[Report], Values]
    is_less_better: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure of both runs, and the interval in which the ratio B / A must be supposed."""

    figure: Figure
    a: float
    b: float
    ratio: float
    low: float
    high: float
    slices: int

    @property
    def verdict(self) -> str:
        """What may be said."""
        if self.slices < FEWEST_SLICES:
            return "too short to say"
        if self.low <= 1 <= self.high:
            return "no difference beyond noise"
        return "better" if (self.ratio < 1) == self.figure.is_less_better else "worse"


def series(name: str) -> Callable[[Report], Values]:
    """Read a series of the generator's."""
    return lambda report: report["series"].get(name, ())


def cpu(group: str) -> Callable[[Report], Values]:
    """Read the CPU milliseconds per request of a group of servers."""

    def values(report: Report) -> Values:
        cores = ((report["servers"] or {}).get("cores") or {}).get(group, ())
        answered = report["series"].get("answered", ())
        return [
            core / count * 1000 if core and count else None
            for core, count in zip(cores, answered, strict=False)
        ]

    return values


FIGURES = (
    Figure("p50", "ms", series("p50")),
    Figure("p95", "ms", series("p95")),
    Figure("p99", "ms", series("p99")),
    Figure("answered well", "/s", series("answered"), is_less_better=False),
    Figure("service", "CPU-ms per request", cpu("service")),
    Figure("database", "CPU-ms per request", cpu("database")),
)


def require_same(a: Report, b: Report) -> None:
    """Make sure that two runs played the same."""
    for report in (a, b):
        if not report["series"].get("p50"):
            raise DifferentError("A run that sent nothing cannot be compared.")
    # How many generators share the work is not the work.
    ignored = {"processes", "expect_workers", "hold_seconds"}
    sizes = [
        {"scenario": report["scenario"]}
        | {name: value for name, value in report["settings"].items() if name not in ignored}
        for report in (a, b)
    ]
    for name in dict.fromkeys((*sizes[0], *sizes[1])):
        one, other = (size.get(name, "none") for size in sizes)
        if one != other:
            raise DifferentError(
                f"These are different runs, which are not compared: {name} is {one} in A and"
                f" {other} in B."
            )
    if a["slice_seconds"] != b["slice_seconds"] or due(a) != due(b):
        raise DifferentError("These are different runs, which are not compared: one lasted longer.")


def due(report: Report) -> int:
    """Return how many arrivals a run's schedule had; 0 when it had none."""
    return round(sum(report["series"].get("scheduled", ())) * report["slice_seconds"], -1)


def compare(a: Report, b: Report, repeats: Sequence[tuple[Report, Report]] = ()) -> list[Finding]:
    """Return what may be said of each figure that both runs have; raises DifferentError.

    Repeats are pairs of runs of the same code, which tell how far such runs are apart.
    """
    for pair in ((a, b), *repeats):
        require_same(*pair)
    found = (
        finding(figure, figure.values(a), figure.values(b), between(figure, repeats))
        for figure in FIGURES
    )
    return [one for one in found if one is not None]


def between(figure: Figure, repeats: Sequence[tuple[Report, Report]]) -> float:
    """Return how far apart runs of the same code are, as a share."""
    logs = [ratios(figure.values(a), figure.values(b)) for a, b in repeats]
    apart = [exp(abs(median(one))) - 1 for one in logs if one]
    return max(LEAST_BETWEEN, *apart) if apart else BETWEEN_RUNS


def finding(figure: Figure, a: Values, b: Values, apart: float = BETWEEN_RUNS) -> Finding | None:
    """Hold the slices of two runs against each other."""
    pairs = [(x, y) for x, y in zip(a, b, strict=False) if x and y]
    if not pairs:
        return None
    logs = ratios(a, b)
    low, high = interval(logs)
    low, high = low - log(1 + apart), high + log(1 + apart)
    middle_a, middle_b = median(x for x, _ in pairs), median(y for _, y in pairs)
    return Finding(figure, middle_a, middle_b, exp(median(logs)), exp(low), exp(high), len(logs))


def summary(a: Report, b: Report, findings: Sequence[Finding]) -> str:
    """Return what came out, in a sentence without its full stop."""
    said = [
        f"{name} fails where {other} passes: {', '.join(gates)}"
        for name, other, gates in (
            ("B", "A", sorted(failed(b) - failed(a))),
            ("A", "B", sorted(failed(a) - failed(b))),
        )
        if gates
    ]
    said += [
        f"{one.figure.name} {one.verdict} by {abs(one.ratio - 1):.0%}"
        for one in findings
        if one.verdict in {"better", "worse"}
    ]
    if findings and findings[0].verdict == "too short to say":
        said.append("too short to tell a difference from noise")
    return "; ".join(said) or "No difference beyond noise"


def failed(report: Report) -> set[str]:
    """Return the gates that a run did not pass."""
    return {gate["name"] for gate in report["gates"] if not gate["passed"]}


def lines(a: Report, b: Report, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the comparison as a table."""
    yield f"{'medians of slices':<32}{'A':>12}{'B':>12}{'B / A':>9}  {'99 % interval':<16}verdict"
    for one in findings:
        name = f"{one.figure.name}, {one.figure.unit}"
        within = f"{one.low:.3f}–{one.high:.3f}"
        yield (
            f"{name:<32}{one.a:>12,.3f}{one.b:>12,.3f}{one.ratio:>9.3f}  {within:<16}{one.verdict}"
        )
    for name, report in (("A", a), ("B", b)):
        share = percent(report["totals"]["good_share"])
        gates = "; ".join(sorted(failed(report)))
        yield f"{name}: {share} answered well; {f'FAILED {gates}' if gates else 'all gates passed'}"
    yield ""
    yield summary(a, b, findings) + "."
    yield from disturbances(a, b)
    yield CAVEAT


def disturbances(a: Report, b: Report) -> Iterator[str]:
    """Yield what else was going on, when it was so much that it matters."""
    used = [others_used(report["servers"]) for report in (a, b)]
    if max(used) > DISTURBED_CORES:
        yield (
            f"DISTURBED: other programs used {used[0]:.1f} cores of the machine in A and"
            f" {used[1]:.1f} in B. Repeat these runs on a quiet one."
        )


CAVEAT = (
    f"The 99 % interval holds the noise within the runs, and that between runs of the same code:"
    f" {BETWEEN_RUNS:.0%}, unless more runs of A or B (A=folder,folder) tell how much it is."
)
