"""The page of a run."""

from collections.abc import Iterator
from typing import Any

from loadtest.judge import failover, html
from loadtest.judge.charts import charts, servers
from loadtest.judge.html import Markup, milliseconds
from loadtest.judge.points import MET, MOST_LATE_SHARE, NOT_MET, UNDECIDED, percent


def render(report: dict[str, Any]) -> Markup:
    """Return the page of a report."""
    verdict, mood = verdict_of(report)
    body = html.header(
        mood,
        f"Biletter, load: {report['scenario']}",
        verdict,
        ", ".join(facts(report)),
    )
    body += html.tiles(tiles(report))
    body += html.pair(
        html.section("Gates", gates(report)),
        html.stack(
            html.section("The judges' rules", judged(report), "what the organisers judge by"),
            html.section("Correctness", correctness(report), "cases found"),
        ),
    )
    if "failover" in report:
        body += failover.failure(report)
    body += html.section("Second by second", charts(report), "hover to read values off")
    body += html.section("Servers", servers(report), "second by second, on the same axis")
    body += html.section("What people came for", visits(report), "whole visits, milliseconds")
    body += html.section("What was asked for", calls(report), "milliseconds")
    body += html.section("Checks of the answers", checks(report))
    notes = [*report["errors"], *report["notes"]]
    body += html.section("Notes", html.table((), [(note,) for note in notes]))
    return html.page(f"{report['scenario']}: {verdict}", body)


def verdict_of(report: dict[str, Any]) -> tuple[str, str]:
    """Return what came out in a sentence, and its mood."""
    failed, count = sum(not gate["passed"] for gate in report["gates"]), len(report["gates"])
    if report["totals"].get("generator_late_share", 0.0) > MOST_LATE_SHARE:
        return "The generator was the bottleneck: this says little about the service", "open"
    if failed:
        return f"{failed} of {count} gates failed", "bad"
    return f"All {count} gates passed", "good"


def facts(report: dict[str, Any]) -> Iterator[str]:
    """Yield what was played, against what, and when."""
    yield report["host"]
    yield f"{report['elapsed']:,.1f} s"
    for name, value in report["settings"].items():
        shown = f"{value:g}" if isinstance(value, float) else value
        yield f"{name.replace('_', ' ')} {shown}"
    yield moment(report)
    yield f"generator on {report['machine']}"


def moment(report: dict[str, Any]) -> str:
    """Return when a run began, for people."""
    return str(report["began"]).replace("T", " ").replace("+00:00", " UTC")


def tiles(report: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield the figures to be seen first."""
    totals = report["totals"]
    if "failover" in report:
        yield from failover.tiles(report["failover"])
    is_open = "answered_share_of_arrivals" in totals
    share = totals["answered_share_of_arrivals"] if is_open else totals["good_share"]
    of = "of all arrivals answered well" if is_open else "answered with 2xx or 3xx"
    if "plateau" in totals:
        yield f"{totals['plateau']['answered']:,.0f}", "/s", "answered well at the top", True
    else:
        yield f"{totals['per_second']:,.0f}", "/s", "requests, on average", True
    if chosen := totals.get("selections"):
        # Refusals are part of these scenarios, so the share of 2xx would say nothing.
        taken, lost = chosen["success"], chosen["conflict"] + chosen["failed"]
        yield f"{taken:,}", "", "seats taken", True
        yield percent(lost / (taken + lost)).removesuffix(" %"), "%", "conflicts and failures", True
    else:
        yield percent(share).removesuffix(" %"), "%", of, not is_open or share >= 0.99
    for name in ("p50", "p95", "p99"):
        yield milliseconds(totals[name]), "ms", name, True
    for name, what in (("service", "CPU of the service"), ("database", "CPU of the database")):
        spent = (report["cost"] or {}).get("cpu_ms_per_request", {}).get(name)
        if spent is not None:
            yield f"{spent:.3f}", "ms", f"{what}, per request", True
    if totals.get("generator_cores"):
        late = totals.get("generator_late_share", 0.0)
        told = (
            f"busiest generator, {late:.1%} late" if "arrivals" in totals else "busiest generator"
        )
        yield f"{max(totals['generator_cores']):.0%}", "core", told, late <= MOST_LATE_SHARE


def gates(report: dict[str, Any]) -> Markup:
    """The gates, those that failed first."""
    return html.table(
        (),
        [
            (
                html.tag("pass", "good") if gate["passed"] else html.tag("FAIL", "bad"),
                html.with_small(gate["name"], gate["finding"]),
            )
            for gate in sorted(report["gates"], key=lambda gate: gate["passed"])
        ],
    )


def correctness(report: dict[str, Any]) -> Markup:
    """What was found, and in a line what nobody asked for."""
    asked = [one for one in report["correctness"] if one["count"] is not None]
    rows = [
        (
            html.tag(f"{one['count']:,}", "bad" if one["count"] else "good"),
            html.with_small(one["what"], one["first"]),
        )
        for one in sorted(asked, key=lambda one: -one["count"])
    ]
    others = [one["what"] for one in report["correctness"] if one["count"] is None]
    if not asked:
        return html.paragraph("Nothing is bought in this scenario, so nothing can be lost.")
    text = html.paragraph(f"Not a question here: {'; '.join(others)}.") if others else ""
    return html.table((), rows) + text


def judged(report: dict[str, Any]) -> Markup:
    """The points, each with its rule."""
    moods = {MET: "good", NOT_MET: "bad", UNDECIDED: "open"}
    rows = [
        (
            html.tag(point["result"], moods.get(point["result"], "open")),
            html.with_small(point["rule"], f"{point['figure']} ({point['source']})"),
        )
        for point in report["points"]
    ]
    if not rows:
        return html.paragraph("No published rule is about this scenario.")
    return html.table((), rows)


def visits(report: dict[str, Any]) -> Markup:
    """How whole visits went."""
    return html.table(
        ("", "came", "served", "", "p50", "p95", "p99", "longest"),
        [
            (
                kind["name"],
                f"{kind['came']:,}",
                f"{kind['done']:,}",
                percent(kind["share"]),
                *(milliseconds(kind[name]) for name in ("p50", "p95", "p99", "longest")),
            )
            for kind in report["visits"]
        ],
        " nnnnnnn",
    )


def calls(report: dict[str, Any]) -> Markup:
    """Times and answers by what was asked for."""
    return html.table(
        ("", "requests", "p50", "p95", "p99", "longest", "answers"),
        [
            (
                call["name"],
                f"{call['requests']:,}",
                *(milliseconds(call[name]) for name in ("p50", "p95", "p99", "longest")),
                ", ".join(
                    f"{n:,} × {'no answer' if status == '0' else status}"
                    for status, n in call["answers"].items()
                ),
            )
            for call in report["calls"]
        ],
        " nnnnn",
    )


def checks(report: dict[str, Any]) -> Markup:
    """How often each check held, those that failed first."""
    found = sorted(report["checks"].items(), key=lambda item: not item[1]["failed"])
    return html.table(
        ("", "passed", "failed", ""),
        [
            (
                html.with_small(name, check["example"] if check["failed"] else ""),
                f"{check['passed']:,}",
                f"{check['failed']:,}",
                html.tag("pass", "good") if not check["failed"] else html.tag("FAIL", "bad"),
            )
            for name, check in found
        ],
        " nnn",
    )
