"""What happened second by second: the generator's view, and that of the servers."""

from collections.abc import Mapping
from typing import Any

from loadtest.judge import html
from loadtest.judge.html import Markup
from loadtest.judge.plot import Chart, Values
from loadtest.judge.servers import DISTURBED_CORES, others_used

ARRIVALS = {"scheduled": "wanted", "sent": "a", "answered": "c"}
TIMES = {"p50": "c", "p95": "a", "p99": "f"}
LOST = {"dropped": "d", "late, no user free": "b", "late, generator busy": "e"}
KINDS = {
    "came: no answer": "d",
    "came: 5xx": "b",
    "came: 503 busy": "g",
    "came: 429 slow down": "f",
    "came: 419 taken": "h",
    "came: 4xx": "e",
}
CORES = {
    "service": "a",
    "database": "c",
    "worker": "g",
    "edge": "h",
    "outside": "f",
    "generator": "b",
}


MACHINE = {"whole machine": "e", "other programs": "d"}
CONNECTIONS = {"connections": "e", "active": "a", "in transaction": "b", "waiting for a lock": "d"}


def chosen(series: Mapping[str, Values], css: Mapping[str, str]) -> dict[str, tuple[str, Values]]:
    """The series that there are, each with its colour."""
    return {
        name.removeprefix("came: "): (colour, series[name])
        for name, colour in css.items()
        if any(value is not None for value in series.get(name, ()))
    }


def charts(report: dict[str, Any]) -> Markup:
    """What the generator saw."""
    series = report["series"]
    count = len(series["p50"])
    width = report["slice_seconds"]

    def chart(title: str, unit: str) -> Chart:
        return Chart(title, unit, width, count)

    per = "per second" if width == 1 else f"per second, means of {width} s"
    start = "from when it was due" if "arrivals" in report["totals"] else "from the send"
    figures = chart("Requests", per).lines(chosen(series, ARRIVALS))
    figures += chart("Times", f"ms, {start}; logarithmic").lines(chosen(series, TIMES), is_log=True)
    for title, css, nothing in (
        ("Answers that were no 2xx or 3xx", KINDS, "every answer was 2xx or 3xx"),
        ("Late and dropped", LOST, "no request was sent late, and none dropped"),
    ):
        if found := chosen(series, css):
            figures += chart(title, per).bars(found)
        elif css is KINDS or "arrivals" in report["totals"]:
            figures += none(title, nothing)
    return figures


def none(title: str, text: str) -> Markup:
    """A chart of which there is nothing to be drawn."""
    return f"<figure><figcaption><strong>{title}</strong><em>{text}</em></figcaption></figure>"


def servers(report: dict[str, Any]) -> Markup:
    """CPU and database, or a sentence that says that they were not seen."""
    seen, width, count = report["servers"], report["slice_seconds"], len(report["series"]["p50"])
    if seen is None:
        return html.paragraph("The servers were not seen: nothing watched them.")
    used = {name: seen["cores"][name] for name, spent in seen["cpu_seconds"].items() if spent}
    figures = Chart("CPU", "cores in use", width, count).lines(chosen(used, CORES))
    figures += Chart("This machine", "cores busy", width, count).lines(
        chosen(seen["cores"], MACHINE)
    )
    if (others := others_used(seen)) > DISTURBED_CORES:
        figures += html.paragraph(
            f"Disturbed: other programs used {others:.1f} cores of this machine meanwhile."
        )
    if not seen["is_service_seen"]:
        figures += none("The service", "was not seen: it is on another machine; see --pids")
    database = seen["database"]
    if database is None:
        return figures + none("The database", "was not seen; see --database") + cost(report)
    figures += Chart("Database", "connections, most in a slice", width, count).lines(
        chosen(database, CONNECTIONS)
    )
    figures += Chart("Transactions", "per second", width, count).lines(
        chosen(database, {"commits": "c", "rollbacks": "d", "deadlocks": "e"})
    )
    figures += Chart("Rows", "per second; logarithmic", width, count).lines(
        chosen(database, {"read": "a", "written": "b"}), is_log=True
    )
    return figures + cost(report)


def cost(report: dict[str, Any]) -> Markup:
    """What the run cost the servers."""
    spent = report["cost"] or {}
    groups = [name for name in CORES if report["servers"]["cpu_seconds"].get(name)]
    columns = [name for name in ("cpu_ms_per_request", "cpu_ms_per_seat") if name in spent]
    titles = [name.replace("_", " ").replace("cpu ms", "CPU-ms") for name in columns]
    return html.table(
        ("servers", "CPU seconds", *titles),
        [
            (
                group,
                f"{report['servers']['cpu_seconds'][group]:,.2f}",
                *(
                    f"{spent[name][group]:.4f}" if group in spent[name] else None
                    for name in columns
                ),
            )
            for group in groups
        ],
        " nnn",
        is_wide=False,
    )
