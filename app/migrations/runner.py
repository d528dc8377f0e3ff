"""Alembic, called from code: upgrade to the newest revision, and ask whether we are there."""

from __future__ import annotations

import functools
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def upgrade(database_url: str) -> None:
    """Run all missing migrations; a second process that tries the same waits for the first."""
    command.upgrade(_config(database_url), "head")
    with psycopg.connect(database_url, application_name="biletter-migrate") as connection:
        connection.execute(_FORGET_OTHER_CLUSTER)


# Rows restored from a dump carry the transaction ids of the cluster they come from. Ids that are
# still to come here would make them look freshly changed to every listing, for ever.
_FORGET_OTHER_CLUSTER = """
    UPDATE seats SET changed_in = 0
    WHERE changed_in >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""


@functools.cache
def head() -> str:
    """The newest revision that this code knows."""
    revision = ScriptDirectory.from_config(_config("")).get_current_head()
    if revision is None:
        raise RuntimeError("There are no migrations.")
    return revision


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    return config
