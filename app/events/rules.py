"""What a text in the search box means."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

LONGEST = 200
"""Characters of a search text; nobody types more, and what follows is not looked at."""
_LEAST_PREFIX = 3
_FIRST_PAGE, _BLOCK, _DAY_BLOCK = 20, 100, 500

_QUOTES = str.maketrans(dict.fromkeys("«»“”„‟″", '"'))
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff]")
_UNFINISHED = re.compile(rf"(?:^|.*-)([^\W_]{{{_LEAST_PREFIX},}})")


class Wanted(NamedTuple):
    """A search text, understood. An event must have everything that is in here."""

    words: tuple[str, ...] = ()
    """In any form and anywhere."""
    phrases: tuple[str, ...] = ()
    """Words that follow one another."""
    unfinished: str = ""
    """A word, or the beginning of one."""


def understand(text: str) -> Wanted:
    """Take words between quotes of any kind for phrases, and the last word for unfinished.

    Nobody can know whether it is, so it may be a whole word as well. One that is shorter than
    three letters is whole. A quote that is not closed goes to the end.
    """
    text = unicodedata.normalize("NFC", text[:LONGEST])
    parts = _UNSEEN.sub(" ", text).translate(_QUOTES).split('"')
    words = [word for part in parts[::2] for word in part.split()]
    phrases = tuple(part for part in parts[1::2] if part.strip())
    unfinished = ""
    if words and parts[-1].split() and len(parts) % 2:
        last = _UNFINISHED.fullmatch(words[-1])
        if last:
            unfinished = last[1]
            words[-1:] = [words[-1][: last.start(1)]] if last.start(1) else []
    return Wanted(tuple(words), phrases, unfinished)


def block(offset: int, *, is_of_a_day: bool) -> tuple[int, int]:
    """Begin and end of the block of a list that this place is in.

    Without a day 0, 20, 100, 200, 300 and so on: the first page is what most ask for, so it does
    not wait for eighty more. The list of a day is short, and has to be read whole anyway.
    """
    if is_of_a_day:
        first = offset // _DAY_BLOCK * _DAY_BLOCK
        return first, first + _DAY_BLOCK
    if offset < _FIRST_PAGE:
        return 0, _FIRST_PAGE
    first = offset // _BLOCK * _BLOCK
    return max(first, _FIRST_PAGE), first + _BLOCK
