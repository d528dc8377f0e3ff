"""Print as JSON the title of an event, and how many bookings it and all others have."""

import json
import os
import sys

import psycopg

with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
    row = connection.execute(
        """
        SELECT (SELECT title FROM events WHERE id = %(event)s),
               count(*) FILTER (WHERE event_id = %(event)s),
               -- The buyer that watches leaves bookings of an event that no list shows.
               count(*) FILTER (WHERE event_id <> %(event)s AND event_id NOT IN
                   (SELECT id FROM events WHERE status = 'UNLISTED'))
        FROM bookings
        """,
        {"event": int(sys.argv[1])},
    ).fetchone()
    title, own, others = row or (None, 0, 0)
    print(json.dumps({"title": title, "own": own, "others": others}))
