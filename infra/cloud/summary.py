"""What a plan would do, for a person: what, where, addresses, cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.cloud.plans import CREATE, DESTROY, REPLACE, SERVER, UPDATE, VOLUME, Change

_SIGNS = {CREATE: "+", UPDATE: "~", REPLACE: "!", DESTROY: "-"}
_DOES = {CREATE: "is made", UPDATE: "is changed", REPLACE: "is made anew", DESTROY: "is deleted"}
NOT_YET = "0.0.0.0"  # noqa: S104 - listens nowhere
"""Stands for an address that an apply will make."""
_UNKNOWN = "made by the apply"
_EACH = (SERVER, VOLUME)
"""Resources that are worth a line each; of the others the kinds are counted."""


def lines(
    changes: Sequence[Change], summary: Mapping[str, Any] | None, objections: Sequence[str] = ()
) -> Iterator[str]:
    """What a plan does, then what there will be."""
    yield from _changes(changes)
    if summary:
        yield ""
        yield from facts(summary)
    for objection in objections:
        yield f"WARNING: {objection}"


def facts(summary: Mapping[str, Any]) -> Iterator[str]:
    """What there will be: hosts, sums, addresses, cost."""
    yield from _hosts(summary)
    yield ""
    yield from _sums(summary)


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    if not changes:
        yield "Nothing changes."
    for one in changes:
        if one.type in _EACH or one.kind in (REPLACE, DESTROY):
            yield f"  {_SIGNS[one.kind]} {one.address} {_DOES[one.kind]}{_how(one)}"
    rest = [one for one in changes if one.type not in _EACH and one.kind in (CREATE, UPDATE)]
    for (kind, type_), count in sorted(Counter((one.kind, one.type) for one in rest).items()):
        name = type_.removeprefix("openstack_").rpartition("_v")[0]
        yield f"  {_SIGNS[kind]} {count} × {name}"


def _how(change: Change) -> str:
    if change.kind not in (UPDATE, REPLACE):
        return ""
    before, after = change.before, change.after
    told = [key for key in after if before.get(key) != after[key] and key in before]
    return f" ({', '.join(told)})" if told else ""


def _hosts(summary: Mapping[str, Any]) -> Iterator[str]:
    hosts = summary["hosts"]
    rows = [("host", "flavor", "image", "zone", "address", "disk")]
    rows += [
        (
            key,
            *(str(host.get(part) or "") for part in ("flavor", "image", "zone")),
            host.get("address") or _UNKNOWN,
            host["disk"],
        )
        for key, host in hosts.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(cells).rstrip()


def _sums(summary: Mapping[str, Any]) -> Iterator[str]:
    totals, envelope = summary["totals"], summary.get("envelope") or {}
    parts = [
        f"{totals[part]:g}{f' of {envelope[part]:g}' if part in envelope else ''} {unit}"
        for part, unit in (("vcpus", "vCPU"), ("ram_gb", "GB memory"), ("disk_gb", "GB disk"))
    ]
    yield f"{summary['environment']}: {totals['hosts']} hosts, {', '.join(parts)}"
    vip, jump = (known(str(summary.get(one) or NOT_YET)) for one in ("vip", "jump"))
    yield f"buyers call {vip}; administrators enter by {jump}"
    cost = summary["cost"]
    if cost["total"] is None:
        yield "cost: unknown, the environment has no price table"
        return
    budget = cost["budget_tenge"]
    beside = f", budget {budget:,.0f} ₸" if budget is not None else ""
    shares = ", ".join(f"{part} {tenge:,.0f}" for part, tenge in cost["parts"].items())
    yield f"{cost['days']:g} days cost {cost['total']:,.0f} ₸{beside} ({shares})"


def known(address: str) -> str:
    """An address, or that it will be made."""
    return _UNKNOWN if NOT_YET in address else address
