"""The archive in slices by quarter; text searched as people type it; what has been imported.

Revision ID: 0002
Revises: 0001

The archive is shown newest first, so it is stored by start: a search reads the newest slices until
its page is full, whatever the share of rows that match, and what is read often lies together.

`search_text` is what both sides of a search go through. It takes ё for е, Kazakh letters for the
Russian ones that people type instead, and Latin letters for the Cyrillic ones that look alike.
Words of a title have weight A, those of a description D.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_FIRST_YEAR, _LAST_YEAR = 2015, 2026

# translate() costs as much as all of to_tsvector, so it is kept for texts that need more than ё.
_SEARCH_TEXT = """
CREATE FUNCTION search_text(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN $1 ~ '[әғқңөұүһіӘҒҚҢӨҰҮҺІA-Za-z]'
        THEN translate(lower($1), 'ёәғқңөұүһіabcehikmoptxy', 'еагкноуухиавсеникмортху')
        ELSE replace(lower($1), 'ё', 'е') END;
"""
_SEARCH_COLUMN = """
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('russian', search_text(title)), 'A')
        || to_tsvector('russian', search_text(description))) STORED
"""
_OLD_SEARCH_COLUMN = """
    search tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('russian',
        translate(lower(title || ' ' || description), 'ё', 'е'))) STORED
"""
_ARCHIVE_COLUMNS = "id, title, description, type, datetime_start, provider"


def upgrade() -> None:
    op.execute(_SEARCH_TEXT)
    op.execute(f"""
        ALTER TABLE events DROP COLUMN search, ADD COLUMN {_SEARCH_COLUMN};
        CREATE INDEX events_search ON events USING gin (search) WITH (fastupdate = off);
    """)
    op.execute(f"""
        ALTER TABLE events_archive RENAME TO events_archive_unsliced;
        ALTER TABLE events_archive_unsliced RENAME CONSTRAINT events_archive_pkey TO unsliced_pkey;
        DROP INDEX events_archive_by_start, events_archive_search;
        CREATE TABLE events_archive (
            id             bigint NOT NULL,
            title          text NOT NULL,
            description    text NOT NULL DEFAULT '',
            type           text NOT NULL,
            datetime_start timestamp NOT NULL,
            date_start     date NOT NULL GENERATED ALWAYS AS (datetime_start::date) STORED,
            provider       text NOT NULL,
            {_SEARCH_COLUMN},
            CONSTRAINT events_archive_pkey PRIMARY KEY (id, datetime_start)
        ) PARTITION BY RANGE (datetime_start);
    """)
    for name, first, end in _slices():
        op.execute(f"""
            CREATE TABLE events_archive_{name} PARTITION OF events_archive
                FOR VALUES FROM ({first}) TO ({end});
        """)
    op.execute(f"""
        CREATE INDEX events_archive_by_start ON events_archive (datetime_start DESC, id DESC);
        CREATE INDEX events_archive_search ON events_archive USING gin (search)
            WITH (fastupdate = off);
        INSERT INTO events_archive ({_ARCHIVE_COLUMNS})
            SELECT {_ARCHIVE_COLUMNS} FROM events_archive_unsliced;
        DROP TABLE events_archive_unsliced;
    """)  # noqa: S608 - built of the constants above only


def downgrade() -> None:
    op.execute(f"""
        ALTER TABLE events_archive RENAME TO events_archive_sliced;
        ALTER TABLE events_archive_sliced RENAME CONSTRAINT events_archive_pkey TO sliced_pkey;
        DROP INDEX events_archive_by_start, events_archive_search;
        CREATE TABLE events_archive (
            id             bigint PRIMARY KEY,
            title          text NOT NULL,
            description    text NOT NULL DEFAULT '',
            type           text NOT NULL,
            datetime_start timestamp NOT NULL,
            date_start     date NOT NULL GENERATED ALWAYS AS (datetime_start::date) STORED,
            provider       text NOT NULL,
            {_OLD_SEARCH_COLUMN}
        );
        INSERT INTO events_archive ({_ARCHIVE_COLUMNS})
            SELECT {_ARCHIVE_COLUMNS} FROM events_archive_sliced;
        CREATE INDEX events_archive_by_start ON events_archive (datetime_start DESC, id DESC);
        CREATE INDEX events_archive_search ON events_archive USING gin (search);
        DROP TABLE events_archive_sliced;
        ALTER TABLE events DROP COLUMN search, ADD COLUMN {_OLD_SEARCH_COLUMN};
        CREATE INDEX events_search ON events USING gin (search);
        DROP FUNCTION search_text;
    """)  # noqa: S608 - as above


def _slices() -> list[tuple[str, str, str]]:
    """Name and bounds of each slice; the outer two are open."""
    starts = [
        (f"{year}q{quarter}", f"'{year}-{quarter * 3 - 2:02}-01'")
        for year in range(_FIRST_YEAR, _LAST_YEAR + 1)
        for quarter in range(1, 5)
    ]
    later = (f"from_{_LAST_YEAR + 1}", f"'{_LAST_YEAR + 1}-01-01'")
    names = [f"before_{_FIRST_YEAR}"] + [name for name, _ in (*starts, later)]
    bounds = ["MINVALUE", *(first for _, first in (*starts, later)), "MAXVALUE"]
    return list(zip(names, bounds, bounds[1:], strict=False))
