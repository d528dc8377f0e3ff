"""The report of a run: one HTML page that needs nothing else, and the same as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from string import Template

from loadtest.chaos.run import Result
from loadtest.chaos.timeline import Timeline

_TEMPLATE = Path(__file__).parent / "page.html"
_MOST_DIFFERENCES, _SHOWN_AT_ONCE = 500, 40


def write(result: Result, folder: Path) -> Path:
    """Write report.html and report.json; returns where the page is."""
    page = folder / "report.html"
    page.write_text(render(result), encoding="utf-8")
    told = json.dumps(as_json(result), indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(told, encoding="utf-8")
    return page


def as_json(result: Result) -> dict[str, object]:
    """Everything that the page shows, for programs."""
    return {
        "plan": asdict(result.plan),
        "repeat": repeat(result),
        "agrees": not result.differences,
        "differences": [one._asdict() for one in result.differences],
        "kills": result.kills,
        "buyers": result.acts,
        "promised": result.promised,
        "sums": [
            dict(zip(("what", "ours", "gateway", "provider"), row, strict=True))
            for row in result.sums
        ],
        "statuses": result.statuses,
        "at_rest_after_seconds": round(result.settling.seconds, 1),
        "not_at_rest": result.settling.left,
        "operator": result.settling.deeds,
        "calls": result.stats,
        "errors": _errors(result),
        "complaints": result.complaints,
        "notes": result.notes,
        "troubles": [asdict(trouble) for trouble in result.troubles],
    }


def repeat(result: Result) -> str:
    """The command that makes the same trouble again."""
    return f"make chaos SECONDS={result.plan.seconds:.0f} SEED={result.plan.seed}"


def render(result: Result) -> str:
    """Return the page."""
    seconds = result.plan.seconds + result.settling.seconds
    last = max((trouble.end for trouble in result.troubles), default=0.0)
    mischief = max(result.plan.seconds, last)
    timeline = Timeline(seconds + mischief - result.plan.seconds, mischief)
    agrees = not result.differences
    count = len(result.differences)
    verdict = (
        "The three ledgers agree to the tiyn"
        if agrees
        else f"{count} difference{'' if count == 1 else 's'} between the ledgers"
    )
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        seed=result.plan.seed,
        verdict=verdict,
        mood="good" if agrees else "bad",
        facts=escape(
            f"{result.plan.seconds:.0f} s of mischief, {result.plan.buyers} buyers,"
            f" the provider as {result.plan.mode};"
            f" {'not ' if result.settling.left else ''}at rest after"
            f" {result.settling.seconds:.0f} s, {len(result.settling.deeds)} commands by hand"
        ),
        kills=_tiles(result.kills),
        total=result.kills.total(),
        buyers=_tiles(result.acts),
        timeline=timeline.draw(result.troubles, result.counts, result.watch),
        sums=_sums(result),
        differences=_differences(result),
        promised=_pairs(result.promised),
        statuses=_statuses(result.statuses),
        calls=_table(
            ("call", "requests", "failures", "p50 ms", "p95 ms", "longest ms"),
            [
                (c["name"], c["requests"], c["failures"], c["p50"], c["p95"], round(c["longest"]))
                for c in result.stats
            ],
        ),
        errors=_pairs(_errors(result)),
        hand=_pairs(Counter(" ".join(deed.split()[:2]) for deed in result.settling.deeds)),
        complaints=_pairs(dict(result.complaints.most_common(20))),
        notes="".join(f"<li>{escape(note)}</li>" for note in result.notes[:20]),
        repeat=escape(repeat(result)),
    )


def _errors(result: Result) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_, kind), count in result.counts.errors.items():
        found[kind] += count
    return dict(found.most_common())


def _tiles(counts: Mapping[str, int]) -> str:
    tiles = sorted(counts.items(), key=lambda item: -item[1])
    return "".join(f"<div><b>{count}</b>{escape(name)}</div>" for name, count in tiles)


def _sums(result: Result) -> str:
    rows = []
    for what, *columns in result.sums:
        known = [value for value in columns if value is not None]
        # The last row compares nothing: of others' places we know those that we met.
        is_compared = len(known) > 1 and "others" not in what
        mark = "" if not is_compared else ("=" if len(set(known)) == 1 else "≠")
        mood = {"=": "good", "≠": "bad"}.get(mark, "")
        cells = "".join(f"<td>{_number(value)}</td>" for value in columns)
        rows.append(f'<tr><th>{escape(what)}</th>{cells}<td class="{mood}">{mark}</td></tr>')
    return "".join(rows)


def _number(value: object) -> str:
    if value is None:
        return '<span class="none">–</span>'
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else escape(str(value))


def _differences(result: Result) -> str:
    if not result.differences:
        return '<p class="good">None.</p>'
    kinds = _tiles(Counter(one.kind for one in result.differences))
    rows = result.differences[:_MOST_DIFFERENCES]
    is_open = " open" if len(rows) <= _SHOWN_AT_ONCE else ""
    return (
        f'<div class="tiles">{kinds}</div><details{is_open}><summary>each of them</summary>'
        f"{_table(('kind', 'of what', 'what differs'), rows)}</details>"
    )


def _statuses(statuses: Mapping[str, Mapping[str, int]]) -> str:
    return _table(
        ("of what", "how many are where"),
        [
            (name, ", ".join(f"{count} {status}" for status, count in sorted(found.items())))
            for name, found in statuses.items()
        ],
    )


def _pairs(pairs: Mapping[str, int]) -> str:
    if not pairs:
        return '<p class="none">None.</p>'
    return _table((), pairs.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_number(v)}</td>" for v in row) + "</tr>" for row in rows
    )
    return f"<table>{f'<thead><tr>{top}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"
