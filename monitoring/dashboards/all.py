"""The dashboards, in the order in which they are listed."""

from __future__ import annotations

from monitoring.dashboards import (
    database,
    edge,
    hosts,
    integrations,
    load_test,
    on_sale,
    service,
)
from monitoring.dashboards.model import Board

ALL: tuple[Board, ...] = (
    on_sale.BOARD,
    service.BOARD,
    database.BOARD,
    edge.BOARD,
    hosts.BOARD,
    integrations.BOARD,
    load_test.BOARD,
)
