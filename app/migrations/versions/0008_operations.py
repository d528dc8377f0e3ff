"""What an operator looks at: differences with the services outside, and since when a payment waits.

Revision ID: 0008
Revises: 0007

A difference is open until it is no longer seen, healed by a rule, or both; a person may resolve it,
and then it is not shown again as long as it stays what it was. Until `listed_at` it is a suspicion:
what travels outside is late, so it has to be seen twice.
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE payments ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();

        CREATE TABLE differences (
            id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            kind        text NOT NULL,
            subject     text NOT NULL,
            ours        text NOT NULL,
            theirs      text NOT NULL,
            first_seen  timestamptz NOT NULL DEFAULT clock_timestamp(),
            last_seen   timestamptz NOT NULL DEFAULT clock_timestamp(),
            listed_at   timestamptz,
            healed_at   timestamptz,
            resolved_at timestamptz,
            resolved_by text NOT NULL DEFAULT '',
            note        text NOT NULL DEFAULT '',
            closed_at   timestamptz,
            CONSTRAINT differences_healed_closed CHECK (healed_at IS NULL OR closed_at IS NOT NULL)
        );
        CREATE UNIQUE INDEX differences_open ON differences (kind, subject)
            WHERE closed_at IS NULL;
        CREATE TABLE reconciliations (
            part       text PRIMARY KEY,
            started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            ended_at   timestamptz,
            examined   integer NOT NULL DEFAULT 0,
            last_error text NOT NULL DEFAULT '',
            position   bigint NOT NULL DEFAULT 0,
            round_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            since      timestamptz NOT NULL DEFAULT to_timestamp(0)
        );
    """)


def downgrade() -> None:
    op.execute("""
        DROP TABLE reconciliations, differences;
        ALTER TABLE payments DROP COLUMN changed_at;
    """)
