"""Messages that a relay delivers, those it cannot, and the inbox of each user.

Revision ID: 0005
Revises: 0004

What the hot inserts pay for stays as it was: the new columns are filled by the relay alone, and the
index has only what failed. A discarded message is kept beside the reason, so that it can be read.
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE outbox
            ADD COLUMN attempts   smallint NOT NULL DEFAULT 0,
            ADD COLUMN last_error text NOT NULL DEFAULT '',
            ADD COLUMN try_at     timestamptz,
            ADD COLUMN dead_at    timestamptz;
        CREATE INDEX outbox_failed ON outbox (key, id) WHERE attempts > 0;
        -- A queue is read from its end that has just been emptied: sweep by rows, not by share.
        ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0,
                                autovacuum_vacuum_threshold = 20000);
        CREATE TABLE discarded_messages (
            id           bigint PRIMARY KEY,
            topic        text NOT NULL,
            key          text NOT NULL,
            payload      jsonb NOT NULL,
            created_at   timestamptz NOT NULL,
            attempts     smallint NOT NULL,
            last_error   text NOT NULL,
            discarded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            actor        text NOT NULL,
            note         text NOT NULL
        );
        CREATE TABLE notifications (
            id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            message_id bigint NOT NULL CONSTRAINT notifications_one_a_message UNIQUE,
            user_id    bigint NOT NULL,
            topic      text NOT NULL,
            title      text NOT NULL,
            text       text NOT NULL,
            booking_id bigint,
            event_id   bigint,
            order_id   bigint,
            created_at timestamptz NOT NULL,
            read_at    timestamptz
        );
        CREATE INDEX notifications_of_user ON notifications (user_id, created_at DESC, id DESC);
    """)


def downgrade() -> None:
    op.execute("""
        DROP TABLE notifications, discarded_messages;
        DROP INDEX outbox_failed;
        ALTER TABLE outbox RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
        ALTER TABLE outbox DROP COLUMN attempts, DROP COLUMN last_error, DROP COLUMN try_at,
            DROP COLUMN dead_at;
    """)
