"""The pieces that pages are made of. Whatever comes from a run is text, never markup."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

_TEMPLATE = Path(__file__).parent / "page.html"
_COLOURS = "abcdefgh"

Markup = str


def page(title: str, body: Markup) -> Markup:
    """Return a whole page that needs nothing else."""
    colours = "\n".join(
        f"svg polyline.{one} {{ stroke: var(--{one}); }}"
        f" svg rect.{one}, svg circle.{one} {{ fill: var(--{one}); }}"
        f" i.{one} {{ background: var(--{one}); }}"
        for one in _COLOURS
    )
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title), body=body, colours=colours
    )


def header(mood: str, kicker: str, title: str, facts: str) -> Markup:
    """Return the verdict at the top."""
    return (
        f'<header class="{mood}"><small>{escape(kicker)}</small><h1>{escape(title)}</h1>'
        f"<p>{escape(facts)}</p></header>"
    )


def section(title: str, content: Markup, aside: str = "") -> Markup:
    """Return a card; nothing when there is nothing in it."""
    if not content:
        return ""
    small = f"<small>{escape(aside)}</small>" if aside else ""
    return f"<section><h2>{escape(title)}{small}</h2>{content}</section>"


def pair(*sections: Markup) -> Markup:
    """Return cards side by side where there is room."""
    return f'<div class="pair">{"".join(sections)}</div>'


def stack(*sections: Markup) -> Markup:
    """Return cards one above the other, as one side of a pair."""
    return f'<div class="stack">{"".join(sections)}</div>'


def tiles(found: Iterable[tuple[str, str, str, bool]]) -> Markup:
    """Return large figures: value, unit, what it is, and whether it is as it should be."""
    moods = {True: "good", False: "bad"}
    shown = "".join(
        f'<div class="{moods[is_good]}"><b>{escape(value)}<small>{escape(unit)}</small>'
        f"</b>{escape(what)}</div>"
        for value, unit, what, is_good in found
    )
    return f'<div class="tiles">{shown}</div>'


def paragraph(text: str) -> Markup:
    """Return a remark."""
    return f'<p class="soft">{escape(text)}</p>'


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: str = "",
    *,
    is_wide: bool = True,
) -> Markup:
    """Return a table; the columns that `numbers` marks with n are aligned right."""
    kinds = [' class="n"' if mark == "n" else "" for mark in numbers.ljust(40)]
    top = "".join(f"<th{kind}>{escape(name)}</th>" for name, kind in zip(head, kinds, strict=False))
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{cell(v)}</td>" for v, kind in zip(row, kinds, strict=False))
        + "</tr>"
        for row in rows
    )
    above = f"<thead><tr>{top}</tr></thead>" if head else ""
    start = "<table>" if is_wide else '<table class="narrow">'
    return f"{start}{above}<tbody>{body}</tbody></table>" if body else ""


class Raw(str):
    """Markup of our own that goes into a cell as it is."""

    __slots__ = ()


def cell(value: object) -> Markup:
    """Return what a cell shows."""
    if value is None:
        return '<span class="soft">–</span>'
    return value if isinstance(value, Raw) else escape(str(value))


def tag(text: str, mood: str) -> Raw:
    """Return a short word on a coloured ground: good, bad, open or soft."""
    return Raw(f'<span class="tag {mood}">{escape(text)}</span>')


def with_small(text: str, small: str) -> Raw:
    """Return a text with a smaller line below."""
    return Raw(escape(text) + (f"<small>{escape(small)}</small>" if small else ""))


def milliseconds(value: float) -> str:
    """Return a time in three digits or so."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
