"""What tests ask and change in the database, past the application."""

from __future__ import annotations

# What the passing of time does: leases of the dead end, pauses are over.
PASS_TIME = (
    """UPDATE payments SET refunding_until = NULL,
           check_due_at = CASE WHEN check_due_at IS NOT NULL THEN clock_timestamp() END
       WHERE event_id = %(event)s AND (check_due_at IS NOT NULL OR refunding_until IS NOT NULL)""",
    """UPDATE provider_orders SET due_at = clock_timestamp()
       WHERE event_id = %(event)s AND due_at > clock_timestamp()""",
    """UPDATE refunds SET try_at = clock_timestamp() WHERE status IN ('DUE', 'STUCK')
       AND order_id IN (SELECT order_id FROM payments WHERE event_id = %(event)s)""",
)
# Which of these processes of the database are still there; in a transaction the view would stay as
# it was at the first look.
SERVING = """
    SELECT pid FROM pg_stat_get_activity(NULL), (SELECT pg_stat_clear_snapshot()) AS now
    WHERE pid = ANY(%s)
"""
# Takes what other events have left out of the workers' turns.
FORGET_OTHERS = (
    """UPDATE payments SET check_due_at = NULL
       WHERE event_id <> %(event)s AND check_due_at IS NOT NULL""",
    """UPDATE refunds SET try_at = 'infinity' WHERE status IN ('DUE', 'STUCK')
       AND order_id IN (SELECT order_id FROM payments WHERE event_id <> %(event)s)""",
    """UPDATE bookings SET expires_at = 'infinity'
       WHERE status IN ('CREATED', 'PAYMENT_INITIATED') AND event_id <> %(event)s""",
)
# Where everything is that has a status.
STATUSES = """
    SELECT 'booking', id::text, status::text FROM bookings WHERE event_id = %(event)s
    UNION ALL SELECT 'payment', order_id::text, status FROM payments WHERE event_id = %(event)s
    UNION ALL SELECT 'order', booking_id::text, status FROM provider_orders
        WHERE event_id = %(event)s
    UNION ALL SELECT 'place', place_id::text, p.status
        FROM provider_places p JOIN provider_orders USING (booking_id) WHERE event_id = %(event)s
    UNION ALL SELECT 'refund', r.id::text, r.status
        FROM refunds r JOIN payments USING (order_id) WHERE event_id = %(event)s
    ORDER BY 1, 2
"""
# What somebody still has to do something about.
UNFINISHED = """
    SELECT 'order', booking_id, status, last_error FROM provider_orders
        WHERE event_id = %(event)s AND (due_at IS NOT NULL OR status NOT IN
            ('HELD', 'CONFIRMED', 'RETURNED', 'CANCELLED'))
    UNION ALL SELECT 'payment', order_id, status, last_error FROM payments
        WHERE event_id = %(event)s AND status IN ('ACCEPTED', 'CAPTURED')
    UNION ALL SELECT 'refund', r.id, r.status, r.last_error
        FROM refunds r JOIN payments USING (order_id)
        WHERE event_id = %(event)s AND r.status IN ('DUE', 'STUCK') AND NOT EXISTS (
            SELECT FROM refunds u WHERE u.order_id = r.order_id AND u.status = 'UNCLEAR')
    UNION ALL SELECT 'booking', id, status::text, '' FROM bookings
        WHERE event_id = %(event)s AND status = 'CONFIRMING'
"""
