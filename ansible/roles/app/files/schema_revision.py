"""Print the revision of the database's schema, or nothing when it has none yet."""

import os

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
    known = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if known and known[0]:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        print(row[0] if row else "")
