"""Alembic's entry: one transaction a migration, under a lock, with bounded waiting."""

import psycopg
import sqlalchemy as sa
from alembic import context

_LOCK = 7_206_583_071


def run() -> None:
    url = context.config.attributes["database_url"]
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, application_name="biletter-migrate"),
        poolclass=sa.pool.NullPool,
    )
    with engine.connect() as connection:
        # Two starts at once: the second waits here and then finds nothing to do.
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        connection.execute(sa.text("SET lock_timeout = '5s'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
