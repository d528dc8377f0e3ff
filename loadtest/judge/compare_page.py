"""The page of two runs side by side."""

from collections.abc import Sequence
from math import exp, log
from typing import Any

from loadtest.judge import html
from loadtest.judge.compare import CAVEAT, Finding, disturbances, failed, summary
from loadtest.judge.html import Markup, Raw, milliseconds
from loadtest.judge.page import facts, moment
from loadtest.judge.plot import Chart, Values
from loadtest.judge.points import percent

_WIDTH, _HEIGHT = 260, 22
MOODS = {"better": "good", "worse": "bad", "too short to say": "open"}


def render(a: dict[str, Any], b: dict[str, Any], findings: Sequence[Finding]) -> Markup:
    """Return the page."""
    verdicts = {one.verdict for one in findings}
    is_worse = "worse" in verdicts or failed(b) - failed(a)
    mood = "bad" if is_worse else "good" if "better" in verdicts or failed(a) else "open"
    title = summary(a, b, findings)
    body = html.header(
        mood,
        f"Biletter, two runs: {a['scenario']}",
        title,
        f"A: {', '.join(facts(a))}; B: {moment(b)}",
    )
    body += html.section("Figures", figures(findings), "medians of the slices of both runs")
    body += html.section("Second by second", charts(a, b), "hover to read values off")
    body += html.section("Whole runs", whole(a, b))
    body += "".join(html.paragraph(one) for one in (*disturbances(a, b), CAVEAT))
    return html.page(f"{a['scenario']}: {title}", body)


def figures(findings: Sequence[Finding]) -> Markup:
    """Each figure with the interval of its ratio."""
    reach = max((abs(log(edge)) for f in findings for edge in (f.low, f.high)), default=0.0)
    reach = min(max(reach * 1.1, log(1.1)), log(4))
    return html.table(
        ("", "A", "B", "B / A", "99 % interval", f"from {exp(-reach):.2f} to {exp(reach):.2f}", ""),
        [
            (
                html.with_small(one.figure.name, one.figure.unit),
                f"{one.a:,.3f}",
                f"{one.b:,.3f}",
                f"{one.ratio:.3f}",
                f"{one.low:.3f}–{one.high:.3f}",
                whisker(one, reach),
                html.tag(one.verdict, MOODS.get(one.verdict, "soft")),
            )
            for one in findings
        ],
        " nnnn",
    )


def whisker(one: Finding, reach: float) -> Raw:
    """Draw the interval around 1."""

    def x(ratio: float) -> float:
        share = (min(max(log(ratio), -reach), reach) + reach) / (2 * reach)
        return 4 + share * (_WIDTH - 8)

    css = {"better": "c", "worse": "d"}.get(one.verdict, "e")
    return Raw(
        f'<svg style="width:{_WIDTH}px" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{one.low:.3f} to {one.high:.3f}">'
        f'<path class="one" d="M{x(1):.1f} 0V{_HEIGHT}"/>'
        f'<rect class="{css}" x="{x(one.low):.1f}" y="8" height="6" rx="3"'
        f' width="{max(2.0, x(one.high) - x(one.low)):.1f}"/>'
        f'<circle class="{css}" cx="{x(one.ratio):.1f}" cy="11" r="5"/></svg>'
    )


def charts(a: dict[str, Any], b: dict[str, Any]) -> Markup:
    """The curves of both runs on the same axes."""
    width, count = a["slice_seconds"], max(len(r["series"]["p50"]) for r in (a, b))

    def both(name: str) -> dict[str, tuple[str, Values]]:
        return {
            run: (css, report["series"][name])
            for run, css, report in (("A", "e", a), ("B", "a", b))
            if name in report["series"]
        }

    drawn = "".join(
        Chart(name, "ms; logarithmic", width, count).lines(both(name), is_log=True)
        for name in ("p50", "p95", "p99")
    )
    return Chart("answered well", "per second", width, count).lines(both("answered")) + drawn


def whole(a: dict[str, Any], b: dict[str, Any]) -> Markup:
    """The totals of both runs."""
    rows: list[tuple[object, ...]] = [
        ("requests", *(f"{r['totals']['requests']:,}" for r in (a, b))),
        ("answered with 2xx or 3xx", *(percent(r["totals"]["good_share"]) for r in (a, b))),
        *(
            (f"{name}, ms", *(milliseconds(r["totals"][name]) for r in (a, b)))
            for name in ("p50", "p95", "p99", "longest")
        ),
    ]
    gates = {g["name"]: None for r in (a, b) for g in r["gates"]}
    rows += [(name, *(gate(r, name) for r in (a, b))) for name in gates]
    return html.table(("", "A", "B"), rows, " nn")


def gate(report: dict[str, Any], name: str) -> object:
    """Whether a gate passed in a run."""
    passed = next((g["passed"] for g in report["gates"] if g["name"] == name), None)
    if passed is None:
        return None
    return html.tag("pass", "good") if passed else html.tag("FAIL", "bad")
