"""Text that was written as UTF-8 and read as something else: `РљРѕРЅС†РµСЂС‚` for `Концерт`."""

from __future__ import annotations

import re

_PAGES = ("cp1251", "cp1252", "cp866")
"""Latin-1 is among them: what cp1252 leaves open stands for itself."""
_FEWEST_LETTERS = 3


def _bytes_of(page: str) -> dict[str, int]:
    return {bytes([n]).decode(page, "ignore") or chr(n): n for n in range(256)} | (
        {chr(n): n for n in range(0x80, 0xA0)} if page == "cp1252" else {}
    )


_TABLES = {page: _bytes_of(page) for page in _PAGES}
_ALPHABET = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяәғқңөұүһі")


_SECONDS = {
    char
    for page in ("cp1251", "cp1252")
    for char, number in _TABLES[page].items()
    if 0x80 <= number < 0xC0 and char.lower() not in _ALPHABET  # noqa: PLR2004
}
_SUSPICIOUS = re.compile(f"[РСÐÑ][{re.escape(''.join(sorted(_SECONDS)))}]")


def is_suspicious(text: str) -> bool:
    """Whether a look at each title is worth the time; of any number of titles at once."""
    return "╨" in text or "╤" in text or _SUSPICIOUS.search(text) is not None


def corrected(text: str) -> str | None:
    """What was probably meant, or None when the text is as it should be."""
    if not is_suspicious(text):
        return None
    for table in _TABLES.values():
        try:
            meant = bytes([table[char] for char in text]).decode()
        except (KeyError, UnicodeDecodeError):
            continue
        letters = [char for char in meant.lower() if ord(char) > 0x2FF and char.isalpha()]  # noqa: PLR2004
        if len(letters) >= _FEWEST_LETTERS and _ALPHABET.issuperset(letters):
            return meant
    return None
