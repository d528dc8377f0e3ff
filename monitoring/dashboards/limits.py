"""Where the dashboards' colours change, in the panels' units.

What an alert decides comes from the alerts' own thresholds; the rest is only a colour.
"""

from __future__ import annotations

from monitoring import thresholds
from monitoring.dashboards.model import Limits

DAY = 86400

# Of the alerts.
BURN = Limits(bad=thresholds.BURN_FAST, warn=1)
CERTIFICATE_SECONDS = Limits(bad=thresholds.CERTIFICATE_DAYS * DAY, falling=True)
CLOCK_SECONDS = Limits(bad=thresholds.CLOCK_SECONDS)
DATABASE_CONNECTIONS = Limits(bad=thresholds.DATABASE_CONNECTIONS_SHARE)
DISK = Limits(
    bad=1 - thresholds.DISK_LEAST_FREE_SHARE, warn=1 - thresholds.DISK_FORECAST_FREE_SHARE
)
DISK_FULL_SECONDS = Limits(bad=thresholds.DISK_FULL_HOURS * 3600, warn=DAY, falling=True)
EDGE_CONNECTIONS = Limits(bad=thresholds.EDGE_CONNECTIONS_SHARE)
LAG_BYTES = Limits(bad=thresholds.LAG_BYTES)
LAG_SECONDS = Limits(bad=thresholds.LAG_SECONDS)
ORDER_SECONDS = Limits(bad=thresholds.ORDER_SECONDS)
OUTBOX_SECONDS = Limits(bad=thresholds.OUTBOX_SECONDS)
PAYMENT_SECONDS = Limits(bad=thresholds.PAYMENT_SECONDS)
POOL = Limits(bad=thresholds.POOL_SHARE)
QUEUE = Limits(bad=thresholds.EDGE_QUEUE_REQUESTS, warn=1)
REFUND_SECONDS = Limits(bad=thresholds.REFUND_SECONDS)
SELECT_SECONDS = Limits(bad=thresholds.SELECT_SECONDS)

# Counts of which one is too many, or too few.
ANY = Limits(bad=1)
SOMEBODY = Limits(bad=1, falling=True)
APP_HOSTS = Limits(bad=1, warn=2, falling=True)
ETCD_MEMBERS = Limits(bad=2, warn=3, falling=True)
STANDBYS = Limits(bad=1, warn=2, falling=True)

# Colours only.
BUDGET_LEFT = Limits(bad=0.1, warn=0.5, falling=True)
BUSY = Limits(bad=0.95, warn=0.8)
CALLS_ANSWERED = Limits(bad=0.9, warn=0.99, falling=True)
SEATS_LEFT = Limits(bad=0.01, warn=0.1, falling=True)
TRANSACTION_SECONDS = Limits(bad=60)
