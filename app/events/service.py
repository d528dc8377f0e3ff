"""The catalogue of events."""

from __future__ import annotations

from datetime import date

import msgspec

from app.events import queries
from app.kernel.cache import TimedCache
from app.kernel.config import settings

_MAX_QUERY = 200
_PAGES_KEPT = 2_000

Key = tuple[str, date | None, int, int]
_pages: TimedCache[Key, bytes] | None = None


def list_events(text: str | None, day: date | None, *, page: int, size: int) -> bytes:
    """A page of the catalogue as JSON; may be BILETTER_CATALOGUE_FRESHNESS old.

    A text longer than 200 characters is cut there: nobody searches for more.
    """
    pages = _cache()
    key = ((text or "").strip()[:_MAX_QUERY], day, page, size)
    if (known := pages.get(key)) is not None:
        return known
    found = queries.find(key[0] or None, day, limit=size, offset=(page - 1) * size)
    body = msgspec.json.encode([{"id": item.id, "title": item.title} for item in found])
    pages.put(key, body)
    return body


def _cache() -> TimedCache[Key, bytes]:
    global _pages  # noqa: PLW0603 - made on first use, when the settings are there
    if _pages is None:
        _pages = TimedCache(_PAGES_KEPT, settings().catalogue_freshness)
    return _pages


def forget_pages() -> None:
    """Read the catalogue anew."""
    _cache().clear()
