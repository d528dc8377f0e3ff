"""The archive in the database: millions of past events, newest first.

An index by words does not know the order by date, and one by date does not know the words. So a
search first walks the newest few hundred events, which is enough for a word that many have; then it
asks the index by words for ever longer stretches of time, as long as what was found so far lets
expect the rest in there. Each stretch costs what it holds of hits, so no share of hits is dear: a
page costs about as many rows as it shows, or the index look-ups to know that there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import LiteralString, NamedTuple

from app.events.models import Event
from app.kernel import db

_WALK_LEAST, _WALK_PER_ROW, _WALK_MOST = 500, 2, 5_000
_WALK_SPAN = timedelta(days=30)
_GROWTH_MOST = 64
_SHORTEST = timedelta(hours=1)
_LONG_STRETCH = timedelta(days=7)

# Without a zone, as the archive's times are.
_BEGINNING = datetime(1, 1, 1)  # noqa: DTZ001
_END = datetime(9999, 12, 31)  # noqa: DTZ001

_ENDS = "SELECT min(datetime_start), max(datetime_start) FROM events_archive"
_MOST = """
    SELECT CASE WHEN min(reltuples) < 0 THEN 2^31 ELSE sum(reltuples) * 1.5 + 100000 END
    FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
    WHERE inhparent = 'events_archive'::regclass
"""
# Stops as soon as the page is full; only if it never is, the last line says how many were found,
# and where the walk ended.
_WALK = """
    WITH newest AS MATERIALIZED (
        SELECT id, title, datetime_start, search @@ %(query)s::tsquery AS is_hit
        FROM events_archive WHERE datetime_start >= %(since)s
        ORDER BY datetime_start DESC, id DESC LIMIT %(walk)s
    )
    (SELECT id, title, NULL AS at, NULL AS found FROM newest WHERE is_hit
     LIMIT %(limit)s OFFSET %(offset)s)
    UNION ALL
    (SELECT id, NULL, datetime_start, (SELECT count(*) FROM newest WHERE is_hit) FROM newest
     ORDER BY datetime_start, id LIMIT 1)
    LIMIT %(limit)s
"""
# A day has so few events that reading them all is cheaper than the index by words, which has a list
# for the whole slice; IS TRUE is how a plan is told not to use it.
_OF_DAY = """
    SELECT id, title FROM events_archive
    WHERE datetime_start >= %(since)s AND datetime_start < %(until)s
      AND (search @@ %(query)s::tsquery) IS TRUE
    ORDER BY datetime_start DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
"""
# The hits are a step of their own, or a plan might go by date and hope to find them soon.
_STRETCH = """
    WITH hits AS MATERIALIZED (
        SELECT id, title, datetime_start FROM events_archive
        WHERE search @@ %(query)s::tsquery AND datetime_start >= %(since)s
          AND datetime_start <= %(at)s AND (datetime_start < %(at)s OR id < %(id)s)
    )
    SELECT found, page.id, title
    FROM (SELECT count(*) AS found FROM hits) AS counted LEFT JOIN
        (SELECT * FROM hits ORDER BY datetime_start DESC, id DESC
         LIMIT %(limit)s OFFSET %(offset)s) AS page ON true
    ORDER BY datetime_start DESC, page.id DESC
"""
_BROWSE = """
    SELECT id, datetime_start FROM events_archive
    WHERE datetime_start >= %(since)s AND datetime_start < %(until)s
    ORDER BY datetime_start DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s
"""
_TITLES = """
    SELECT id, title FROM events_archive
    WHERE id = ANY(%(ids)s) AND datetime_start BETWEEN %(oldest)s AND %(newest)s
    ORDER BY datetime_start DESC, id DESC
"""


class Extent(NamedTuple):
    """The starts of the oldest and the newest archived event, and a number there are not more of.

    It only steers a search; one that is out of date makes it slower, not wrong.
    """

    oldest: datetime
    newest: datetime
    most: int


def extent() -> Extent | None:
    """The extent of the archive, without a scan; None if it is empty."""
    ((oldest, newest),) = db.read_only(_ENDS)
    most = db.read_only(_MOST)
    if oldest is None or not most:
        return None
    return Extent(oldest, newest, int(most[0][0]))


def browse(day: date | None, *, limit: int, offset: int) -> Sequence[Event]:
    """A page of all archived events, or of those of a day, newest first."""
    since, until = _hours(day) if day else (_BEGINNING, _END)
    params = {"since": since, "until": until, "limit": limit, "offset": offset}
    page = db.read_only(_BROWSE, params)
    if not page:
        return []
    ids, oldest, newest = [row[0] for row in page], page[-1][1], page[0][1]
    rows = db.read_only(_TITLES, {"ids": ids, "oldest": oldest, "newest": newest})
    return [Event(*row) for row in rows]


def search_day(query: str, day: date, *, limit: int, offset: int) -> Sequence[Event]:
    """A page of the archived events of a day that match, newest first."""
    since, until = _hours(day)
    params = {"query": query, "since": since, "until": until, "limit": limit, "offset": offset}
    return [Event(*row) for row in db.read_only(_OF_DAY, params)]


def search(query: str, extent: Extent, *, limit: int, offset: int) -> Sequence[Event]:
    """A page of the archived events that match, newest first."""
    search = _Search(query, limit, offset)
    place = search.walk(extent.newest - _WALK_SPAN)
    while search.missing and place.at > _BEGINNING:
        seen = max(extent.newest - place.at, _SHORTEST)
        since = _whole_slices(place.at, seen * search.growth())
        if since <= extent.oldest:
            since = _BEGINNING
        search.read(since, place)
        place = _Place(since, 0)
    return search.page


class _Place(NamedTuple):
    """A place in the order: what comes before it, newer, has been read."""

    at: datetime
    id: int


class _Search:
    """A search on its way from the newest hit to the last one of its page."""

    def __init__(self, query: str, limit: int, offset: int) -> None:
        self.page: list[Event] = []
        self._query = query
        self._limit = limit
        self._offset = offset
        self._found = 0

    @property
    def missing(self) -> int:
        """How many hits the page still lacks, those before it included."""
        return max(0, self._offset + self._limit - self._found)

    def growth(self) -> float:
        """How many times what has been read to read next, to find twice of what is missing."""
        if not self._found:
            return _GROWTH_MOST
        return min(_GROWTH_MOST, max(1.0, 2 * self.missing / self._found))

    def walk(self, since: datetime) -> _Place:
        """Read the newest events by date, and return where that ended."""
        wanted = _WALK_PER_ROW * (self._offset + self._limit)
        walk = min(_WALK_MOST, max(_WALK_LEAST, wanted))
        rows = self._execute(_WALK, since=since, walk=walk)
        self.page += [Event(row[0], row[1]) for row in rows if row[1] is not None]
        if len(self.page) == self._limit:
            self._found = self._offset + self._limit
            return _Place(since, 0)
        if not rows:
            return _Place(since, 0)
        last_id, _, at, self._found = rows[-1]
        return _Place(at, last_id)

    def read(self, since: datetime, below: _Place) -> None:
        """Read all hits of a stretch of time."""
        rows = self._execute(_STRETCH, since=since, at=below.at, id=below.id)
        self.page += [Event(row[1], row[2]) for row in rows if row[1] is not None]
        self._found += rows[0][0]

    def _execute(self, sql: LiteralString, **params: object) -> Sequence[db.Row]:
        place = {
            "limit": self._limit - len(self.page),
            "offset": max(0, self._offset - self._found),
        }
        return db.read_only(sql, {"query": self._query} | place | params)


def _whole_slices(end: datetime, span: timedelta) -> datetime:
    """Where a stretch begins: one that is long goes to the beginning of a quarter.

    The hits of a whole slice come out of the index by words alone.
    """
    since = end - span if end - _BEGINNING > span else _BEGINNING
    if span < _LONG_STRETCH:
        return since
    return datetime(since.year, (since.month - 1) // 3 * 3 + 1, 1)  # noqa: DTZ001


def _hours(day: date) -> tuple[datetime, datetime]:
    since = datetime.combine(day, time())
    return since, min(since, _END - timedelta(days=1)) + timedelta(days=1)
