"""The calls of partners and of the venue's administrator."""

import msgspec
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from app.simulators.common.modes import Mode
from app.simulators.provider import inputs
from app.simulators.provider.calls import arrived, current_provider, misbehaving
from app.simulators.provider.rules import Refusal

blueprint = Blueprint("api", __name__, url_prefix="/api")

_encode = msgspec.json.Encoder().encode


# POST -> 201 {order_id}.
@blueprint.post("/partners/v1/orders")
@misbehaving("start")
def start_order() -> ResponseReturnValue:
    """Start an order."""
    return _json({"order_id": current_provider().start_order().id}, 201)


# GET -> 200 {id, status, started_at, updated_at, places_count}; 404, as coded 500 on a bad id.
@blueprint.get("/partners/v1/orders/<order_id>")
@misbehaving("order")
def show_order(order_id: str) -> ResponseReturnValue:
    """Show an order as the order lane has brought it."""
    provider = current_provider()
    order = provider.find_order(inputs.read_id(order_id, provider.mode))
    if order is None or order.shown is None:
        raise Refusal(404)
    shown = {
        "id": order.id,
        "status": order.shown.status,
        "started_at": order.started_at,
        "updated_at": order.shown.updated_at,
        "places_count": order.shown.places_count,
    }
    return _json(shown)


# PATCH -> 200; 409; as coded 500 when unknown, malformed or overtaken.
@blueprint.patch("/partners/v1/orders/<order_id>/submit")
@misbehaving("submit")
def submit_order(order_id: str) -> ResponseReturnValue:
    """Submit an order."""
    provider = current_provider()
    provider.submit(inputs.read_id(order_id, provider.mode), arrived())
    return Response()


# PATCH -> 200; 409; as coded 500 when unknown, malformed or overtaken.
@blueprint.patch("/partners/v1/orders/<order_id>/confirm")
@misbehaving("confirm")
def confirm_order(order_id: str) -> ResponseReturnValue:
    """Confirm an order."""
    provider = current_provider()
    provider.confirm(inputs.read_id(order_id, provider.mode), arrived())
    return Response()


# PATCH -> 200; 409; as coded 500 when unknown, malformed or overtaken.
@blueprint.patch("/partners/v1/orders/<order_id>/cancel")
@misbehaving("cancel")
def cancel_order(order_id: str) -> ResponseReturnValue:
    """Cancel an order."""
    provider = current_provider()
    provider.cancel(inputs.read_id(order_id, provider.mode), arrived())
    return Response()


# GET ?page&pageSize -> 200 [{id, row, seat, is_free}]; as coded 500 on bad numbers.
@blueprint.get("/partners/v1/places")
@misbehaving("places")
def list_places() -> ResponseReturnValue:
    """List places by row and seat."""
    provider = current_provider()
    return _json(provider.list_places(*inputs.read_page(provider.mode)))


# GET -> 200 {id, row, seat, is_free}; 404; as coded 500 on a bad id.
@blueprint.get("/partners/v1/places/<place_id>")
@misbehaving("place")
def show_place(place_id: str) -> ResponseReturnValue:
    """Show a place as the place lane has brought it."""
    provider = current_provider()
    place = provider.find_seen_place(inputs.read_id(place_id, provider.mode))
    if place is None:
        raise Refusal(404)
    return _json(place)


# PATCH {order_id} -> 204; 409, 422; as coded 500 when unknown or overtaken.
@blueprint.patch("/partners/v1/places/<place_id>/select")
@misbehaving("select")
def select_place(place_id: str) -> ResponseReturnValue:
    """Select a place for an order."""
    order_id = inputs.read_selection()
    if not inputs.is_id(place_id):
        raise Refusal(422)
    current_provider().select(place_id.lower(), order_id, arrived())
    return Response(status=204)


# PATCH -> 204; 409; as coded 500 when free, unknown, malformed or overtaken.
@blueprint.patch("/partners/v1/places/<place_id>/release")
@misbehaving("release")
def release_place(place_id: str) -> ResponseReturnValue:
    """Release a place, whoever has it."""
    provider = current_provider()
    provider.release(inputs.read_id(place_id, provider.mode), arrived())
    return Response(status=204)


# POST {row, seat} -> 202 {place_id}, as documented 201; 422.
@blueprint.post("/admin/v1/places")
@misbehaving("create")
def create_place() -> ResponseReturnValue:
    """Add a place."""
    provider = current_provider()
    place = provider.create_place(*inputs.read_position(provider.mode))
    return _json({"place_id": place.id}, 201 if provider.mode is Mode.DOCUMENTED else 202)


def _json(content: object, status: int = 200) -> Response:
    return Response(_encode(content), status, mimetype="application/json")
