"""The provider's own account of orders and places, for a test to compare with another."""

from collections import Counter
from typing import Any

import msgspec

from app.simulators.provider.lanes import Lane
from app.simulators.provider.records import Order
from app.simulators.provider.rules import Status
from app.simulators.provider.service import Provider


def draw_up(provider: Provider) -> dict[str, Any]:
    """Account for every order, and for every place that an order has or that looks taken."""
    orders = provider.state.orders.values()
    places = [
        {
            "place_id": place.id,
            "row": place.row,
            "seat": place.seat,
            "order_id": place.order_id,
            "is_free": place.is_free,
        }
        for place in provider.state.touched_places()
        if place.order_id is not None or not place.is_free
    ]
    return {
        "orders": [_line(order) for order in orders],
        "places": sorted(places, key=lambda place: (place["row"], place["seat"])),
        "totals": totals(provider),
        "lanes": lanes(provider),
    }


def totals(provider: Provider) -> dict[str, int]:
    """Count places, those that an order has, those of confirmed orders, and orders by status."""
    orders = provider.state.orders.values()
    statuses = Counter(order.status for order in orders)
    return {
        "places": len(provider.state.venue),
        "taken": sum(place.order_id is not None for place in provider.state.touched_places()),
        "sold": sum(len(order.places) for order in orders if order.status is Status.CONFIRMED),
        "orders": len(orders),
    } | {status.lower(): statuses[status] for status in Status}


def lanes(provider: Provider) -> dict[str, Any]:
    """Tell what waits in each lane, how much it delivered and whether it stopped."""
    return {"places": _lane(provider.place_lane), "orders": _lane(provider.order_lane)}


def _lane(lane: Lane) -> dict[str, Any]:
    return {
        "waiting": len(lane),
        "delivered": lane.delivered,
        "is_stopped": lane.is_stopped,
        "stuck_at": msgspec.to_builtins(lane.stuck_at),
    }


def _line(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "status": order.status,
        "places": sorted(order.places),
        "unattached": sorted(order.unattached),
        "shown": msgspec.to_builtins(order.shown),
    }
