"""Money that is owed back, until it has been paid back.

Revision ID: 0004
Revises: 0003

The ledger says what is owed for which line; a row here is the duty to pay it, with how often that
has been tried and what the gateway said last. STUCK waits for a person, and is tried on;
UNCLEAR waits for a person and is not.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE refunds (
            id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            order_id     bigint NOT NULL REFERENCES payments
                         CONSTRAINT refunds_one_an_order UNIQUE,
            amount_minor bigint NOT NULL
                         CONSTRAINT refunds_amount_positive CHECK (amount_minor > 0),
            currency     char(3) NOT NULL,
            status       text NOT NULL DEFAULT 'DUE' CONSTRAINT refunds_status_known
                         CHECK (status IN ('DUE', 'STUCK', 'UNCLEAR', 'PAID')),
            attempts     integer NOT NULL DEFAULT 0,
            last_error   text NOT NULL DEFAULT '',
            try_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
            created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            paid_at      timestamptz,
            note         text NOT NULL DEFAULT '',
            CONSTRAINT refunds_paid_at_a_time CHECK ((status = 'PAID') = (paid_at IS NOT NULL))
        );
        CREATE INDEX refunds_to_pay ON refunds (try_at) WHERE status IN ('DUE', 'STUCK');
        ALTER TABLE payments DROP CONSTRAINT payments_status_known;
        ALTER TABLE payments ADD CONSTRAINT payments_status_known CHECK (status IN
            ('INITIATED', 'OPEN', 'VOIDED', 'COMPLETED', 'FAILED', 'REFUND_DUE', 'REFUNDED'));
        INSERT INTO refunds (order_id, amount_minor, currency)
            SELECT order_id, sum(amount_minor), min(currency) FROM ledger
            WHERE kind = 'REFUND_DUE' GROUP BY order_id;
    """)


def downgrade() -> None:
    op.execute("""
        UPDATE payments SET status = 'REFUND_DUE' WHERE status = 'REFUNDED';
        ALTER TABLE payments DROP CONSTRAINT payments_status_known;
        ALTER TABLE payments ADD CONSTRAINT payments_status_known CHECK (status IN
            ('INITIATED', 'OPEN', 'VOIDED', 'COMPLETED', 'FAILED', 'REFUND_DUE'));
        DROP TABLE refunds;
    """)
