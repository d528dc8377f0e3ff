"""Refunds of single lines, and a ledger that cannot give back more than came.

Revision ID: 0006
Revises: 0005

A refund is now the duty to pay back some lines of an order, and the ledger's rows name theirs. FEE
is what an event's policy keeps of a line; money that came for nothing is a CHARGE too. So for every
order CHARGE = REFUND_DUE + FEE + what is kept for sold lines, and REFUND <= REFUND_DUE.

The guard looks at whole orders after each statement, under the lock of the payment, which everybody
who writes about an order has already: so it costs a bulk of rows one look, and two transactions
that each fit cannot be too much together. It needs READ COMMITTED, as everything here.

The version before cannot owe money back on this schema. Its transaction is undone as a whole then,
and its worker asks again; its hosts are "not ready" from here on.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

# The ledger is append-only for everybody but this: its rows get a column that they did not have.
REFUNDS = """
    ALTER TABLE payments ADD COLUMN refunding_until timestamptz;
    CREATE INDEX payments_of_user ON payments (user_id, order_id);
    ALTER TABLE refunds DROP CONSTRAINT refunds_one_an_order;
    CREATE INDEX refunds_of_order ON refunds (order_id, id);
    ALTER TABLE ledger
        DROP CONSTRAINT ledger_kind_known,
        ADD CONSTRAINT ledger_kind_known CHECK (kind IN ('CHARGE', 'REFUND_DUE', 'FEE', 'REFUND')),
        ADD COLUMN refund_id bigint REFERENCES refunds;
    ALTER TABLE ledger DISABLE TRIGGER ledger_append_only;
    UPDATE ledger SET refund_id = r.id FROM refunds r
        WHERE r.order_id = ledger.order_id AND ledger.kind IN ('REFUND_DUE', 'REFUND');
    ALTER TABLE ledger ENABLE TRIGGER ledger_append_only;
    ALTER TABLE ledger ADD CONSTRAINT ledger_refund_named
        CHECK ((refund_id IS NOT NULL) = (kind IN ('REFUND_DUE', 'REFUND')));
"""

# What was not written down before: money that came for nothing, and what policies kept.
BACKFILL = """
    INSERT INTO ledger (at, kind, order_id, line_id, amount_minor, currency)
        SELECT at, 'CHARGE', order_id, line_id, amount_minor, currency FROM ledger due
        WHERE kind = 'REFUND_DUE' AND NOT EXISTS (
            SELECT FROM ledger c WHERE c.order_id = due.order_id AND c.kind = 'CHARGE'
                AND c.line_id IS NOT DISTINCT FROM due.line_id);
    INSERT INTO ledger (at, kind, order_id, line_id, amount_minor, currency)
        SELECT coalesce(due.at, p.decided_at, c.at), 'FEE', c.order_id, c.line_id,
               c.amount_minor - coalesce(due.amount_minor, 0), c.currency
        FROM ledger c JOIN payments p USING (order_id)
        LEFT JOIN ledger due ON due.order_id = c.order_id AND due.kind = 'REFUND_DUE'
            AND due.line_id IS NOT DISTINCT FROM c.line_id
        WHERE c.kind = 'CHARGE' AND p.status IN ('REFUND_DUE', 'REFUNDED')
          AND c.amount_minor > coalesce(due.amount_minor, 0);
"""

GUARD = """
    CREATE FUNCTION guard_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        orders bigint[] := ARRAY(SELECT DISTINCT order_id FROM entered WHERE kind <> 'CHARGE');
        broken text;
    BEGIN
        PERFORM FROM payments WHERE order_id = ANY(orders) ORDER BY order_id FOR NO KEY UPDATE;
        SELECT CASE WHEN given > came THEN 'ledger_not_more_than_came'
                    ELSE 'ledger_refund_was_due' END
        INTO broken
        FROM (
            SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'CHARGE'), 0) AS came,
                   sum(amount_minor) FILTER (WHERE kind IN ('REFUND_DUE', 'FEE')) AS given,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'REFUND_DUE'), 0) AS due,
                   sum(amount_minor) FILTER (WHERE kind = 'REFUND') AS paid
            FROM ledger WHERE order_id = ANY(orders)
            GROUP BY order_id, line_id, currency
        ) AS line
        WHERE given > came OR paid > due;
        IF FOUND THEN
            RAISE EXCEPTION 'the ledger would give back more than came'
                USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'ledger';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER ledger_guard AFTER INSERT ON ledger REFERENCING NEW TABLE AS entered
        FOR EACH STATEMENT EXECUTE FUNCTION guard_ledger();
"""

# Before, an order had one refund, of a payment of which nothing is sold any more. What says
# something else is not squeezed into that: the old version would pay it twice or not at all.
REFUSE = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM refunds JOIN payments p USING (order_id)
                   WHERE p.status = 'COMPLETED') THEN
            RAISE EXCEPTION 'orders that are partly sold have refunds; 0005 cannot tell them apart';
        END IF;
    END $$;
"""

# One refund an order: the duty of what is unpaid, or, when nothing is, the record of what was paid.
MERGE = """
    ALTER TABLE ledger DISABLE TRIGGER ledger_append_only;
    DELETE FROM ledger WHERE kind = 'FEE' OR kind = 'CHARGE' AND line_id IS NULL;
    ALTER TABLE ledger ENABLE TRIGGER ledger_append_only;
    ALTER TABLE ledger DROP COLUMN refund_id, DROP CONSTRAINT ledger_kind_known,
        ADD CONSTRAINT ledger_kind_known CHECK (kind IN ('CHARGE', 'REFUND_DUE', 'REFUND'));
    DELETE FROM refunds r WHERE status = 'PAID' AND EXISTS (
        SELECT FROM refunds other WHERE other.order_id = r.order_id AND other.status <> 'PAID');
    UPDATE refunds r SET amount_minor = merged.amount_minor, status = merged.status,
            last_error = merged.last_error
        FROM (SELECT min(id) AS id, sum(amount_minor) AS amount_minor, max(status) AS status,
                     string_agg(last_error, '; ' ORDER BY id) AS last_error
              FROM refunds GROUP BY order_id HAVING count(*) > 1) AS merged
        WHERE r.id = merged.id;
    DELETE FROM refunds r USING refunds first
        WHERE first.order_id = r.order_id AND first.id < r.id;
    DROP INDEX refunds_of_order, payments_of_user;
    ALTER TABLE refunds ADD CONSTRAINT refunds_one_an_order UNIQUE (order_id);
    ALTER TABLE payments DROP COLUMN refunding_until;
"""


def upgrade() -> None:
    for part in (REFUNDS, BACKFILL, GUARD):
        op.execute(part)


def downgrade() -> None:
    op.execute(REFUSE)
    op.execute("DROP TRIGGER ledger_guard ON ledger; DROP FUNCTION guard_ledger;")
    op.execute(MERGE)
