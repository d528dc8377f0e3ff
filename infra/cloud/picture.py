"""A picture of an environment, drawn from a plan: who stands where, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from infra.cloud.plans import CREATE, DESTROY, REPLACE, SERVER, UPDATE, Change
from infra.cloud.summary import NOT_YET, known

_WIDTH, _HEIGHT, _GAP, _LEFT, _TOP = 190, 78, 16, 150, 120
_ROWS = (
    ("edge", "HAProxy, keepalived"),
    ("app", "Biletter and its worker"),
    ("db", "PostgreSQL, Patroni, etcd"),
    ("monitor", "Prometheus, Grafana, jump host"),
    ("backup", "pgBackRest"),
    ("loadgen", "Locust"),
)
_COLORS = {
    None: ("#f4f6f8", "#5b6b7a"),
    CREATE: ("#e3f4e6", "#2e7d4f"),
    UPDATE: ("#fff4d6", "#a67c00"),
    REPLACE: ("#ffe3d3", "#c4501b"),
    DESTROY: ("#f9dcdc", "#b3261e"),
}
_MEANS = {None: "as it is", CREATE: "made", UPDATE: "changed", REPLACE: "made anew"}


def draw(summary: Mapping[str, Any], changes: Sequence[Change]) -> str:
    """An SVG document, from the hosts root's output `summary` and the changes of the plan."""
    becomes = {one.key: one.kind for one in changes if one.type == SERVER}
    rows = _grouped(summary["hosts"])
    columns = max(len(hosts) for _, _, hosts in rows)
    width = _LEFT + columns * (_WIDTH + _GAP) + _GAP
    height = _TOP + len(rows) * (_HEIGHT + 2 * _GAP) + 40
    body = [*_head(summary, width)]
    for place, (role, does, hosts) in enumerate(rows):
        body += _row(place, role, does, hosts, becomes)
    body += _legend(height - 24, becomes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' font-family="system-ui, sans-serif" font-size="12" role="img">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(body)}</svg>\n'
    )


def _grouped(hosts: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    rows = []
    for role, does in _ROWS:
        own = {key: host for key, host in hosts.items() if key.rpartition("-")[0] == role}
        if own:
            rows.append((role, does, own))
    return rows


def _head(summary: Mapping[str, Any], width: int) -> Iterator[str]:
    totals, cost = summary["totals"], summary["cost"]
    money = f" · {cost['days']:g} days {cost['total']:,.0f} ₸" if cost["total"] is not None else ""
    sums = (
        f"{totals['hosts']} hosts · {totals['vcpus']:g} vCPU · {totals['ram_gb']:g} GB memory · "
        f"{totals['disk_gb']:g} GB disk{money}"
    )
    yield _text(_GAP, 28, summary["environment"], "#1b2733", size=18, weight=600)
    yield _text(_GAP, 48, sums, "#5b6b7a")
    vip = known(summary.get("vip") or NOT_YET)
    yield (
        f'<rect x="{_LEFT}" y="66" width="{width - _LEFT - _GAP}" height="30" rx="6"'
        ' fill="#e8eefc" stroke="#3559b3"/>'
    )
    yield _text(_GAP, 85, "buyers", "#1b2733", weight=600)
    yield _text(_LEFT + 12, 85, f"{vip} · 443, 80 · moves between the edges", "#3559b3")


def _row(
    place: int, role: str, does: str, hosts: Mapping[str, Any], becomes: Mapping[str, str]
) -> Iterator[str]:
    top = _TOP + place * (_HEIGHT + 2 * _GAP)
    yield _text(_GAP, top + 30, role, "#1b2733", weight=600)
    for number, words in enumerate(does.split(", ")):
        yield _text(_GAP, top + 48 + 15 * number, words, "#5b6b7a", size=11)
    if role in ("edge", "app", "db") and place:
        middle = _LEFT + _WIDTH / 2
        yield (
            f'<path d="M{middle} {top - 2 * _GAP + 4} v{2 * _GAP - 10} m-4 -6 l4 6 l4 -6"'
            ' fill="none" stroke="#5b6b7a"/>'
        )
    for column, (key, host) in enumerate(hosts.items()):
        yield from _box(_LEFT + column * (_WIDTH + _GAP), top, key, host, becomes.get(key))


def _box(left: int, top: int, key: str, host: Mapping[str, Any], kind: str | None) -> Iterator[str]:
    fill, line = _COLORS[kind]
    yield (
        f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"'
        f' fill="{fill}" stroke="{line}"/>'
    )
    zone = f" · {host['zone']}" if host.get("zone") else ""
    yield _text(left + 10, top + 20, f"{key}{zone}", "#1b2733", weight=600)
    yield _text(left + 10, top + 37, host["flavor"], "#33414e", size=11)
    yield _text(left + 10, top + 53, f"{host['image']} · {host['disk']}", "#33414e", size=11)
    yield _text(left + 10, top + 69, host.get("address") or "address by the apply", line, size=11)


def _legend(top: int, becomes: Mapping[str, str]) -> Iterator[str]:
    left = _LEFT
    for kind in (None, *dict.fromkeys(becomes.values())):
        if kind in _MEANS:
            fill, line = _COLORS[kind]
            yield (
                f'<rect x="{left}" y="{top - 10}" width="12" height="12" rx="2"'
                f' fill="{fill}" stroke="{line}"/>'
            )
            yield _text(left + 18, top, _MEANS[kind], "#5b6b7a", size=11)
            left += 100


def _text(x: float, y: float, text: str, color: str, *, size: int = 12, weight: int = 400) -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{color}" font-size="{size}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
