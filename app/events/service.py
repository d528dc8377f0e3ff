"""The catalogue of events."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import NamedTuple

import msgspec

from app.events import archive, queries, rules
from app.events.models import Event, Page
from app.kernel import errors
from app.kernel.cache import SharedCache
from app.kernel.config import settings

_PAGES_KEPT = 2_000
_BLOCKS_KEPT = 5_000
_EXTENT_SECONDS = 60.0

Key = tuple[str, date | None, int, int]


class _Caches(NamedTuple):
    pages: SharedCache[Key, Page]
    counts: SharedCache[tuple[str | None, date | None], int]
    active_days: SharedCache[None, tuple[date, date]]
    blocks: SharedCache[tuple[str | None, date | None, int], Sequence[Event]]
    extent: SharedCache[None, archive.Extent | None]


_caches: _Caches | None = None


def list_events(text: str | None, day: date | None, *, page: int, size: int) -> Page:
    """A page of the catalogue; it may be BILETTER_CATALOGUE_FRESHNESS old.

    What is of the archive may be as old as BILETTER_ARCHIVE_FRESHNESS says, too.

    The order: upcoming events, soonest first, with all words in the title before the rest; events
    that have begun, last begun first; the archive, newest first.
    """
    text = (text or "").strip()[: rules.LONGEST]
    pages = _kept().pages
    return pages.get((text, day, page, size), lambda: _page(text, day, page, size))


def _page(text: str, day: date | None, page: int, size: int) -> Page:
    try:
        items = _find(text, day, size, (page - 1) * size)
    except errors.Busy:
        if text:
            raise errors.Busy("Поиск не успел закончиться; уточните запрос.") from None
        raise
    json = msgspec.json.encode(items)
    return Page(json, hashlib.blake2b(json, digest_size=12).hexdigest())


def _find(text: str, day: date | None, limit: int, offset: int) -> Sequence[Event]:
    query = None
    if text and (query := queries.tsquery(rules.understand(text))) is None:
        return []  # Only stop words or signs: there is nothing to look for.
    found, active = _active(query, day, limit, offset)
    missing, skipped = limit - len(found), max(0, offset - active)
    if not missing:
        return found
    extent = _kept().extent.get(None, archive.extent)
    if extent is None or skipped >= extent.most:
        return found
    return [*found, *_archived(query, day, missing, skipped, extent)]


def _active(
    query: str | None, day: date | None, limit: int, offset: int
) -> tuple[Sequence[Event], int]:
    """What of a page is active events, and how many there are up to its end."""
    if day is not None:
        first, last = _kept().active_days.get(None, queries.active_days)
        if not first <= day <= last:
            return [], 0
    found = queries.find_active(query, day, limit=limit, offset=offset)
    if found or offset == 0:
        return found, offset + len(found)
    return found, _kept().counts.get((query, day), lambda: queries.count_active(query, day))


def _archived(
    query: str | None, day: date | None, limit: int, offset: int, extent: archive.Extent
) -> list[Event]:
    """A page out of blocks of the archive, which serve pages of all sizes for longer."""
    found: list[Event] = []
    while len(found) < limit:
        first, end = rules.block(offset, is_of_a_day=day is not None)
        block = _kept().blocks.get(
            (query, day, first),
            partial(_read_block, query, day, extent, limit=end - first, offset=first),
        )
        found += block[offset - first : offset - first + limit - len(found)]
        if len(block) < end - first:
            break
        offset = end
    return found


def _read_block(
    query: str | None, day: date | None, extent: archive.Extent, *, limit: int, offset: int
) -> Sequence[Event]:
    if query is None:
        return archive.browse(day, limit=limit, offset=offset)
    if day is not None:
        return archive.search_day(query, day, limit=limit, offset=offset)
    return archive.search(query, extent, limit=limit, offset=offset)


def _kept() -> _Caches:
    global _caches  # noqa: PLW0603 - made on first use, when the settings are there
    if _caches is None:
        seconds = settings().catalogue_freshness
        _caches = _Caches(
            SharedCache(_PAGES_KEPT, seconds),
            SharedCache(_PAGES_KEPT, seconds),
            SharedCache(1, seconds),
            SharedCache(_BLOCKS_KEPT, settings().archive_freshness),
            SharedCache(1, _EXTENT_SECONDS),
        )
    return _caches


def forget_pages() -> None:
    """Read the catalogue anew."""
    for cache in _kept():
        cache.clear()
