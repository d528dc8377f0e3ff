"""What buyers saw of a failure, as lines for a terminal."""

from collections.abc import Iterator
from typing import Any


def lines(figures: dict[str, Any]) -> Iterator[str]:
    """Yield the table of gaps and what the commands said, if that is what was played."""
    found = figures.get("failover")
    if found is None:
        return
    yield ""
    yield (
        f"{'seconds without a success':<36}{'longest':>9}{'began':>9}{'before':>9}"
        f"{'served':>9}{'failed':>9}"
    )
    for name, one in rows(found):
        yield (
            f"{name:<36}{seconds(one['longest_gap_seconds'])}"
            f"{seconds(one['began_after_fault_seconds'], signed=True)}"
            f"{seconds(one['longest_gap_before_seconds'])}{one['served']:>9}{one['failed']:>9}"
        )
    yield ""
    parts = found["writes"]["times"]
    yield f"{'p50 / p95 / p99 ms of who was served':<36}" + "".join(f"{part:>30}" for part in parts)
    for name, one in rows(found):
        yield f"{name:<36}" + "".join(f"{times(part):>30}" for part in one["times"].values())
    yield ""
    failed = found["failed"]["by_ending"]
    if failed:
        yield "failed: " + ", ".join(f"{count} × {name}" for name, count in failed.items())
    yield (
        f"lost: {known(found['lost'])}, doubled: {known(found['doubled'])},"
        f" outcome unknown: {found['unknown']}"
    )
    for deed in found["deeds"]:
        yield from told(deed)
    yield ""


def rows(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the figures of all writes, and those of each kind of write and read."""
    yield "writes", found["writes"]
    for kinds in (found["writes"]["by_kind"], found["reads"]["by_kind"]):
        for kind, one in kinds.items():
            yield f"  {kind.replace('_', ' ')}", one


def seconds(value: float | None, *, signed: bool = False) -> str:
    """Return seconds in a column."""
    return f"{'–':>9}" if value is None else f"{value:>+9.2f}" if signed else f"{value:>9.2f}"


def times(part: dict[str, Any]) -> str:
    """Return the percentiles of a part of the run."""
    if not part["requests"]:
        return "–"
    return " / ".join(f"{part[name]:.1f}" for name in ("p50", "p95", "p99"))


def known(count: int | None) -> str:
    """Return a count, or that there is none."""
    return "not known" if count is None else str(count)


def told(deed: dict[str, Any]) -> Iterator[str]:
    """Yield what became of a command, and what it said."""
    if deed["at_seconds"] is None:
        yield f"{deed['what']}, not started: {deed['command']}"
        return
    how = "still running"
    if deed["code"] is not None:
        how = f"code {deed['code']} after {deed['lasted_seconds']:.1f} s"
    yield f"{deed['what']} at {deed['at_seconds']:.1f} s, {how}: {deed['command']}"
    for line in deed["output"].splitlines():
        yield f"    {line}"
