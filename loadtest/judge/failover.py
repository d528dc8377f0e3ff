"""The part of a page that shows what buyers saw of a failure."""

from collections.abc import Iterator
from typing import Any

from loadtest.failover_report import known, rows
from loadtest.judge import html
from loadtest.judge.html import Markup, milliseconds
from loadtest.judge.plot import Chart

PARTS = ("before", "gap", "after", "whole")


def tiles(found: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield the figures to be seen first."""
    for what in ("writes", "reads"):
        yield f"{found[what]['longest_gap_seconds']:.2f}", "s", f"without {what}, at most", True
    yield f"{found['failed']['total']:,}", "", "requests failed", True
    yield f"{found['unknown']:,}", "", "writes of unknown outcome", True
    for what in ("lost", "doubled"):
        yield known(found[what]), "", f"acknowledged, but {what}", found[what] == 0


def failure(report: dict[str, Any]) -> Markup:
    """The sections about what happened, and for how long whom nobody served."""
    found = report["failover"]
    return html.section("What buyers saw", chart(report) + gaps(found)) + html.pair(
        html.section("What failed", endings(found), "requests"),
        html.section("What was done", deeds(found)),
    )


def chart(report: dict[str, Any]) -> Markup:
    """Who was served, second by second."""
    found, width = report["failover"], report["slice_seconds"]
    drawn = Chart("Served", "per second", width, len(report["series"]["p50"]))
    for deed in found["deeds"]:
        if deed["at_seconds"] is not None:
            drawn.mark(deed["at_seconds"], deed["what"])
    return drawn.lines({"writes": ("b", found["series"]["writes"]),
                        "reads": ("a", found["series"]["reads"])})  # fmt: skip


def gaps(found: dict[str, Any]) -> Markup:
    """The longest time without a success by kind, and times before, meanwhile and after."""
    parts = [part for part in PARTS if part in found["writes"]["times"]]
    return html.table(
        (
            "",
            "seconds without",
            "began",
            "before",
            "served",
            "failed",
            *(f"{p}, ms" for p in parts),
        ),
        [
            (
                name.strip(),
                f"{one['longest_gap_seconds']:.2f}",
                signed(one["began_after_fault_seconds"]),
                plain(one["longest_gap_before_seconds"]),
                f"{one['served']:,}",
                f"{one['failed']:,}",
                *(percentiles(one["times"][part]) for part in parts),
            )
            for name, one in rows(found)
        ],
        " nnnnnnnnn",
    ) + html.paragraph(
        "Seconds without a success that overlap the time after the fault, when they began after"
        " it (-: with the last success before it), and the longest before it. Times are p50, p95"
        " and p99 of those who were served."
    )


def signed(value: float | None) -> str | None:
    """Return seconds after or before the fault."""
    return None if value is None else f"{value:+.2f}"


def plain(value: float | None) -> str | None:
    """Return seconds."""
    return None if value is None else f"{value:.2f}"


def percentiles(part: dict[str, Any]) -> str | None:
    """Return p50, p95 and p99."""
    if not part["requests"]:
        return None
    return " / ".join(milliseconds(part[name]) for name in ("p50", "p95", "p99"))


def endings(found: dict[str, Any]) -> Markup:
    """What failed, by kind."""
    by_kind = found["failed"]["by_kind"]
    if not by_kind:
        return html.paragraph("No request failed.")
    columns = list(found["failed"]["by_ending"])
    return html.table(
        ("", *columns),
        [
            (kind.replace("_", " "), *(f"{counts.get(name, 0):,}" for name in columns))
            for kind, counts in by_kind.items()
        ],
        " " + "n" * len(columns),
        is_wide=False,
    )


def deeds(found: dict[str, Any]) -> Markup:
    """The commands, and what they said."""
    if not found["deeds"]:
        return html.paragraph("Nothing was broken.")
    return html.table(
        ("", "at second", "lasted", "code", "command"),
        [
            (
                html.tag(deed["what"], "soft"),
                plain(deed["at_seconds"]),
                plain(deed["lasted_seconds"]),
                deed["code"],
                html.with_small(deed["command"], deed["output"]),
            )
            for deed in found["deeds"]
        ],
        " nnn",
    )
