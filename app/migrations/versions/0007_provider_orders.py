"""Orders at the event provider, and the states of a sale between the gateway and the provider.

Revision ID: 0007
Revises: 0006

An order belongs to a booking and survives it, as a payment does: a reset erases bookings, and the
provider's places still have to be given back. `turn` is a fencing token: whoever took an order up
later than we did makes our writes void.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
        ALTER TYPE booking_status ADD VALUE IF NOT EXISTS 'CONFIRMING' AFTER 'PAYMENT_INITIATED';
        ALTER TYPE holder_kind ADD VALUE IF NOT EXISTS 'PROVIDER';

        ALTER TABLE payments DROP CONSTRAINT payments_status_known;
        ALTER TABLE payments ADD CONSTRAINT payments_status_known CHECK (status IN
            ('INITIATED', 'OPEN', 'VOIDED', 'ACCEPTED', 'CAPTURED', 'COMPLETED', 'FAILED',
             'REFUND_DUE', 'REFUNDED'));
        DROP INDEX payments_one_live_attempt;
        CREATE UNIQUE INDEX payments_one_live_attempt ON payments (booking_id)
            WHERE status IN ('INITIATED', 'OPEN', 'ACCEPTED', 'CAPTURED');
        ALTER TABLE payments ADD COLUMN attempts integer NOT NULL DEFAULT 0,
            ADD COLUMN last_error text NOT NULL DEFAULT '';

        CREATE TABLE provider_orders (
            booking_id   bigint PRIMARY KEY,
            event_id     bigint NOT NULL,
            order_id     uuid CONSTRAINT provider_orders_order_unique UNIQUE,
            status       text NOT NULL CONSTRAINT provider_orders_status_known CHECK (status IN
                         ('WANTED', 'REFUSED', 'HELD', 'SUBMITTING', 'SUBMITTED', 'CONFIRMING',
                          'CONFIRMED', 'RETURNING', 'RETURNED', 'CANCELLING', 'CANCELLED')),
            refusal_told boolean NOT NULL DEFAULT true,
            wanted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
            asked_at     timestamptz,
            changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            due_at       timestamptz,
            turn         integer NOT NULL DEFAULT 0,
            attempts     integer NOT NULL DEFAULT 0,
            last_error   text NOT NULL DEFAULT ''
        ) WITH (fillfactor = 70);
        CREATE INDEX provider_orders_due ON provider_orders (due_at)
            WHERE due_at IS NOT NULL AND (status <> 'WANTED' OR asked_at IS NOT NULL);
        CREATE INDEX provider_orders_queue ON provider_orders (wanted_at)
            WHERE status = 'WANTED' AND asked_at IS NULL;
        CREATE TABLE provider_places (
            booking_id bigint NOT NULL REFERENCES provider_orders,
            seat_id    bigint NOT NULL,
            place_id   uuid NOT NULL,
            status     text NOT NULL CONSTRAINT provider_places_status_known CHECK (status IN
                       ('WANTED', 'ASKED', 'SELECTED', 'BOUGHT', 'REFUSED', 'SURPLUS', 'RELEASING',
                        'FREED')),
            changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            doubted_at timestamptz,
            PRIMARY KEY (booking_id, place_id)
        ) WITH (fillfactor = 70);
        CREATE INDEX provider_places_of_place ON provider_places (place_id);
        CREATE UNIQUE INDEX provider_places_one_order ON provider_places (place_id)
            WHERE status IN ('ASKED', 'SELECTED', 'SURPLUS', 'RELEASING');
    """)


def downgrade() -> None:
    op.execute("""
        DROP TABLE provider_places, provider_orders;
        UPDATE payments SET status = 'VOIDED', check_due_at = clock_timestamp()
            WHERE status IN ('ACCEPTED', 'CAPTURED');
        UPDATE bookings SET status = 'PAYMENT_INITIATED' WHERE status = 'CONFIRMING';
        ALTER TABLE payments DROP COLUMN attempts, DROP COLUMN last_error;
        DROP INDEX payments_one_live_attempt;
        CREATE UNIQUE INDEX payments_one_live_attempt ON payments (booking_id)
            WHERE status IN ('INITIATED', 'OPEN');
        ALTER TABLE payments DROP CONSTRAINT payments_status_known;
        ALTER TABLE payments ADD CONSTRAINT payments_status_known CHECK (status IN
            ('INITIATED', 'OPEN', 'VOIDED', 'COMPLETED', 'FAILED', 'REFUND_DUE', 'REFUNDED'));
    """)
