"""All groups of rules, in the order in which they are evaluated and listed."""

from __future__ import annotations

from monitoring.rules.alerts_database import DATABASE_ALERTS
from monitoring.rules.alerts_domain import DOMAIN_ALERTS
from monitoring.rules.alerts_edge import EDGE_ALERTS
from monitoring.rules.alerts_hosts import HOST_ALERTS
from monitoring.rules.alerts_monitoring import MONITORING_ALERTS
from monitoring.rules.alerts_service import SERVICE_ALERTS
from monitoring.rules.burn import BURN_ALERTS
from monitoring.rules.model import alerts
from monitoring.rules.recording import OBJECTIVE_RULES, ROUTE_RULES

GROUPS = (
    OBJECTIVE_RULES,
    ROUTE_RULES,
    BURN_ALERTS,
    SERVICE_ALERTS,
    EDGE_ALERTS,
    DATABASE_ALERTS,
    HOST_ALERTS,
    DOMAIN_ALERTS,
    MONITORING_ALERTS,
)
ALERTS = tuple(alerts(GROUPS))
