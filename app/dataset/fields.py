"""The fields of a row: what is wrong with one, and how it is written for PostgreSQL's COPY."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from app.dataset.batches import Row

_LONGEST_TITLE = 10_000
_LONGEST_TEXT = 100_000
_LONGEST_WORD = 200
_LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_WHOLE = re.compile("-?[0-9]{1,19}")
_HASH = re.compile("[0-9a-fA-F]{64}")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Wrong(Exception):
    """Why a row does not go in, in a few words that quote nothing of it."""


def cleaning(rows: list[Row]) -> Callable[[str, str], str]:
    """What has to be done to each text of these rows, which is mostly nothing."""
    text = "\x1f".join([value for row in rows for value in row if isinstance(value, str)])
    needs_escape = "\\" in text or "\n" in text or "\t" in text or "\r" in text
    if "\0" not in text and unicodedata.is_normalized("NFC", text):
        return _escaped if needs_escape else _as_it_is
    return _clean


def is_utf8(text: str) -> bool:
    """Whether the bytes that a text was read from were UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_it_is(text: str, _name: str) -> str:
    return text


def _escaped(text: str, _name: str) -> str:
    return text.translate(_ESCAPES) if "\\" in text or not text.isprintable() else text


def _clean(text: str, name: str) -> str:
    if "\0" in text:
        raise Wrong(f"there is a NUL character in {name}")
    return unicodedata.normalize("NFC", text).translate(_ESCAPES)


def whole(value: Any) -> int:
    """An id as a number. Raises Wrong."""
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise Wrong("the id is not a whole number")


def event_line(number: int, row: Row, clean: Callable[[str, str], str]) -> str:
    """An event as a line for COPY. Raises Wrong."""
    _, title, description, kind, start, provider = row
    if not title or not isinstance(title, str) or title.isspace():
        raise Wrong("the title is missing")
    if len(title) > _LONGEST_TITLE:
        raise Wrong(f"the title has {len(title)} characters")
    return (
        f"{number}\t{clean(title, 'the title')}"
        f"\t{clean(_text(description, 'the description', _LONGEST_TEXT), 'the description')}"
        f"\t{clean(_text(kind, 'the type', _LONGEST_WORD), 'the type')}"
        f"\t{_time(start, 'datetime_start')}"
        f"\t{clean(_text(provider, 'the provider', _LONGEST_WORD), 'the provider')}\n"
    )


def user_line(number: int, row: Row, clean: Callable[[str, str], str]) -> str:
    """An account as a line for COPY. Raises Wrong."""
    _, email, digest, first_name, surname, birthday, registered, is_active, logged_in = row
    if not isinstance(email, str) or not _EMAIL.fullmatch(email) or len(email) > _LONGEST_EMAIL:
        raise Wrong("the e-mail is not one")
    if not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise Wrong("password_hash is not 64 hexadecimal digits")
    return (
        f"{number}\t{clean(email, 'the e-mail')}\t{digest.lower()}"
        f"\t{clean(_text(first_name, 'first_name', _LONGEST_WORD), 'first_name')}"
        f"\t{clean(_text(surname, 'surname', _LONGEST_WORD), 'surname')}"
        f"\t{_date(birthday) if birthday else _NULL}"
        f"\t{_time(registered, 'registered_at')}+00"
        f"\t{_boolean(is_active)}"
        f"\t{_time(logged_in, 'last_logged_in') + '+00' if logged_in else _NULL}\n"
    )


_NULL = "\\N"


def _text(value: Any, name: str, longest: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Wrong(f"{name} is not text")
    if len(value) > longest:
        raise Wrong(f"{name} has {len(value)} characters")
    return value


def _time(value: Any, name: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Wrong(f"{name} is not a date and time") from None
    if moment.tzinfo is not None:
        raise Wrong(f"{name} has a time zone")
    return moment.isoformat()


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise Wrong("birthday is not a date") from None


_BOOLEANS = dict.fromkeys(("true", "t", "1"), "t") | dict.fromkeys(("false", "f", "0"), "f")


def _boolean(value: Any) -> str:
    try:
        return _BOOLEANS[str(value).lower()]
    except KeyError:
        raise Wrong("is_active is neither true nor false") from None
