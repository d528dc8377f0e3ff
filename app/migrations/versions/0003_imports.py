"""Which files have been imported, and how far an import has come.

Revision ID: 0003
Revises: 0002

The newest row of a kind says what the tables hold. A chunk is recorded in the transaction that
brought its rows, so an import that was broken off leaves out exactly what is there already.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE imports (
            id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            kind        text NOT NULL CONSTRAINT imports_kind_known
                        CHECK (kind IN ('users', 'events', 'events_archive')),
            file_name   text NOT NULL,
            digest      text NOT NULL,
            repaired    boolean NOT NULL,
            started_at  timestamptz NOT NULL DEFAULT now(),
            finished_at timestamptz,
            settled_at  timestamptz,
            accepted    bigint,
            rejected    bigint
        );
        CREATE TABLE import_chunks (
            import_id bigint NOT NULL REFERENCES imports ON DELETE CASCADE,
            digest    bytea NOT NULL,
            rejected  jsonb NOT NULL,
            PRIMARY KEY (import_id, digest)
        );
    """)


def downgrade() -> None:
    op.execute("DROP TABLE import_chunks, imports")
