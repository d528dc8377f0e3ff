"""The hackathon's points: which rule of the organisers a run meets, and by what figure.

How many points a level is worth has not been published, so none are made up here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

LEVELS = (1_000, 5_000, 10_000, 25_000, 50_000, 100_000)
PROFILE_SECONDS = {"events": 240, "archive": 360}
"""How long the profile stays at the highest rate."""
MOST_LATE_SHARE = 0.01
# A level counts as reached when its rate was kept on average up to this share.
KEPT_SHARE = 0.99

MET, NOT_MET, UNDECIDED = "met", "not met", "undecided"
MET_SCALED = "met, scaled"


@dataclass(frozen=True, slots=True)
class Point:
    """A rule, where it stands, the figure that decides, and what follows."""

    rule: str
    source: str
    """"judging", or "planned" for what the organisers have announced as harder."""
    figure: str
    result: str


def points(report: dict[str, Any]) -> list[Point]:
    """Return what the rules that are about the report's scenario say of it."""
    rules = RULES.get(report["scenario"])
    if rules is None:
        return []
    totals = report["totals"]
    if totals.get("generator_late_share", 0.0) > MOST_LATE_SHARE:
        return [
            Point(
                "a run counts when the generator keeps its schedule",
                "ours",
                f"{totals['generator_late_share']:.1%} were sent late by the generator's own doing",
                UNDECIDED,
            )
        ]
    return list(rules(report))


def searching(report: dict[str, Any]) -> Iterator[Point]:
    """The rules for the list of events, and for the archive."""
    totals = report["totals"]
    share = totals["good_share"]
    yield Point(
        "search, archive: 2xx and 3xx ≥ 95 % of what was sent",
        "judging",
        f"{percent(share)} of {totals['requests']:,}",
        met(share >= 0.95),
    )
    yield level_of(report)
    if report["scenario"] == "archive":
        yield timed(
            "archive by 5,000 users",
            share=share,
            least=0.99,
            p95=totals["p95"],
            seconds=1,
            remark=at_scale(report),
        )
    else:
        yield timed(
            "search by 5,000 to 50,000 users",
            share=share,
            least=0.95,
            p95=totals["p95"],
            seconds=2,
        )


def level_of(report: dict[str, Any]) -> Point:
    """The highest level of the profile at which the run held."""
    rule = "levels 1,000 to 100,000/s: the highest score most (how much is not published)"
    plateau, share = report["totals"].get("plateau"), report["totals"]["good_share"]
    if plateau is None:
        return Point(rule, "judging", "no whole second at the highest rate", UNDECIDED)
    figure = f"{plateau['sent']:,.0f}/s sent in {plateau['seconds']} s at the top"
    full = PROFILE_SECONDS[report["scenario"]]
    if plateau["seconds"] < full - 1:
        figure += f"; the profile asks for {full} s"
    # Above the share alone decides; an answer that came late counts for the organisers.
    reached = [one for one in LEVELS if plateau["sent"] >= KEPT_SHARE * one and share >= 0.95]
    if not reached:
        return Point(
            rule, "judging", figure, f"below {LEVELS[0]:,}/s" if share >= 0.95 else NOT_MET
        )
    return Point(rule, "judging", figure, f"level {reached[-1]:,}/s")


def authorizing(report: dict[str, Any]) -> Iterator[Point]:
    """The rule for the authorization scenario."""
    failed = sum(check["failed"] for check in report["checks"].values())
    requests = report["totals"]["requests"]
    yield Point(
        "authorization: all 42 requests and all checks",
        "judging",
        f"{requests} requests, {failed} checks failed",
        met(requests == 42 and not failed and bool(report["checks"])),
    )


def booking(report: dict[str, Any]) -> Iterator[Point]:
    """The rule for the booking scenario."""
    counts = report["totals"].get("selections") or {"success": 0}
    share = counts["success"] / (sum(counts.values()) or 1)
    yield Point(
        "booking: successful / (successful + failed + conflict) ≥ 95 %",
        "judging",
        f"{counts['success']:,} of {sum(counts.values()):,}: {percent(share)}",
        met(share >= 0.95),
    )


def authenticating(report: dict[str, Any]) -> Iterator[Point]:
    """What is announced for 50,000 users who authenticate."""
    yield from visiting(report, "50,000 users authenticate within 10 min", 1)


def giving_back(report: dict[str, Any]) -> Iterator[Point]:
    """What is announced for 90,000 users who book and 10,000 who give back."""
    yield from visiting(report, "90,000 users book and 10,000 give back within 10 min", 3)


def selling_out(report: dict[str, Any]) -> Iterator[Point]:
    """What is announced for booking by 25,000 to 100,000 users."""
    for gate in report["gates"]:
        if gate["name"].startswith("exactly"):
            remark = at_scale(report)
            figure = f"{gate['finding']}, in {report['elapsed']:,.1f} s{remark}"
            result = met(gate["passed"], is_scaled=bool(remark))
            yield Point("exactly 100,000 seats booked", "planned", figure, result)
    for call in report["calls"]:
        if call["name"] == "PATCH /api/seats/select":
            # A seat that somebody else was faster to take is an answer as the contract wants it.
            good = sum(call["answers"].get(status, 0) for status in ("200", "419"))
            yield timed(
                "booking",
                share=good / call["requests"],
                least=0.99,
                p95=call["p95"],
                seconds=3,
                remark=at_scale(report),
            )


def visiting(report: dict[str, Any], what: str, seconds: int) -> Iterator[Point]:
    """A rule about visits of several requests, for each kind of them."""
    for kind in report["visits"]:
        yield timed(
            f"{what}: {kind['name']}",
            share=kind["share"],
            least=0.99,
            p95=kind["p95"],
            seconds=seconds,
            remark=at_scale(report),
        )


def timed(
    what: str, *, share: float, least: float, p95: float, seconds: int, remark: str = ""
) -> Point:
    """A share that must be answered well, and a time that 95 % must keep."""
    return Point(
        f"{what}: p95 < {seconds} s, and {least * 100:.0f} % served",
        "planned",
        f"p95 {p95:,.1f} ms, {percent(share)}{remark}",
        met(p95 < seconds * 1000 and share >= least, is_scaled=bool(remark)),
    )


def at_scale(report: dict[str, Any]) -> str:
    """A remark that a run was not of full size."""
    scale = report["settings"].get("scale", 1)
    return "" if scale == 1 else f"; at scale {scale:g}"


def met(holds: bool, *, is_scaled: bool = False) -> str:
    """The word for a rule that holds, or does not, or that a smaller run cannot vouch for."""
    if not holds:
        return NOT_MET
    return MET_SCALED if is_scaled else MET


def percent(share: float) -> str:
    """A share, never rounded up to the whole."""
    return f"{int(share * 10_000) / 100:.2f} %"


RULES: dict[str, Callable[[dict[str, Any]], Iterator[Point]]] = {
    "events": searching,
    "archive": searching,
    "authorization": authorizing,
    "booking": booking,
    "authenticate": authenticating,
    "giveback": giving_back,
    "sellout": selling_out,
}
