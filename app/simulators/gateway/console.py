"""What the real gateway has not: knobs, a ledger, payment without a form, an operator's page."""

from typing import Any

import msgspec
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.simulators.gateway import rules
from app.simulators.gateway.calls import current_gateway
from app.simulators.gateway.knobs import CallKnobs, Knobs
from app.simulators.gateway.rules import IllegalStepError, Status
from app.simulators.gateway.service import Gateway
from app.simulators.gateway.store import Payment

blueprint = Blueprint("console", __name__, url_prefix="/simulator")

_SHOWN_PAYMENTS = 200


# GET -> 200 {status}.
@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """Tell that the simulator runs, even when it plays dead."""
    return {"status": "ok"}


# GET -> 200 all knobs.
@blueprint.get("/knobs")
def show_knobs() -> ResponseReturnValue:
    """Show all knobs as they are now; counted faults count down."""
    return _knobs()


# POST, any part of the table -> 200 all knobs; 400 and nothing changed.
@blueprint.post("/knobs")
def turn_knobs() -> ResponseReturnValue:
    """Turn some knobs and leave the others as they are."""
    try:
        change = msgspec.json.decode(request.get_data(), type=dict[str, Any])
        current_gateway().panel.turn(change)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return {"error": str(error)}, 400
    return _knobs()


# DELETE -> 200 all knobs as they were at the start.
@blueprint.delete("/knobs")
def reset_knobs() -> ResponseReturnValue:
    """Let the gateway behave again."""
    current_gateway().panel.reset()
    return _knobs()


# GET -> 200 {payments: [...], totals: {...}}, sums in tiyn.
@blueprint.get("/ledger")
def ledger() -> ResponseReturnValue:
    """Account for every payment."""
    lines = [_line(payment) for payment in current_gateway().list_payments()]
    return {"payments": lines, "totals": _totals(lines)}


# POST -> 200 {paymentId, status}; 404; 409 when the attempt was made before.
@blueprint.post("/payments/<payment_id>/authorize")
def authorize(payment_id: str) -> ResponseReturnValue:
    """Pay at once with a card the bank approves."""
    return _pay(payment_id, to=Status.AUTHORIZED)


# POST -> 200 {paymentId, status}; 404; 409 when the attempt was made before.
@blueprint.post("/payments/<payment_id>/reject")
def reject(payment_id: str) -> ResponseReturnValue:
    """Pay at once with a card the bank refuses."""
    return _pay(payment_id, to=Status.REJECTED)


# GET -> 200 the page.
@blueprint.get("")
def page() -> ResponseReturnValue:
    """Show payments, sums and knobs to an operator."""
    return _page(current_gateway(), error=None)


# POST, urlencoded, names like init.drop.times -> 303 to the page; 400 the page with the complaint.
@blueprint.post("")
def turn_knobs_by_hand() -> ResponseReturnValue:
    """Turn the knobs of the operator's page."""
    change: dict[str, Any] = {}
    for name, value in request.form.items():
        *tables, last = name.split(".")
        table = change
        for part in tables:
            table = table.setdefault(part, {})
        table[last] = value
    gateway = current_gateway()
    try:
        gateway.panel.turn(change, strict=False)
    except msgspec.ValidationError as error:
        return _page(gateway, error=str(error)), 400
    return redirect(url_for("console.page"), 303)


def _knobs() -> dict[str, Any]:
    knobs: dict[str, Any] = msgspec.to_builtins(current_gateway().panel.knobs)
    return knobs


def _pay(payment_id: str, *, to: Status) -> ResponseReturnValue:
    gateway = current_gateway()
    try:
        if gateway.get(payment_id).status is Status.NEW:
            gateway.start_attempt(payment_id)
        decide = gateway.authorize if to is Status.AUTHORIZED else gateway.reject
        payment = decide(payment_id)
    except IllegalStepError as error:
        return {"error": str(error)}, 409
    return {"paymentId": payment.id, "status": payment.status}


def _page(gateway: Gateway, *, error: str | None) -> str:
    knobs = msgspec.structs.asdict(gateway.panel.knobs)
    calls = {name: _flat(part) for name, part in knobs.items() if isinstance(part, CallKnobs)}
    others = {name: _flat(knobs[name]) for name in ("cards", "webhooks")}
    lines = [_line(payment) for payment in gateway.list_payments()]
    return render_template(
        "console.html",
        mode=gateway.mode,
        is_down=knobs["down"],
        calls=calls,
        call_knobs=list(_flat(CallKnobs())),
        others=others,
        payments=gateway.list_latest(_SHOWN_PAYMENTS),
        count=len(lines),
        totals=_totals(lines),
        error=error,
    )


def _flat(knobs: Knobs | msgspec.Struct, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(knobs).items():
        if isinstance(value, msgspec.Struct):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _line(payment: Payment) -> dict[str, Any]:
    return {
        "paymentId": payment.id,
        "orderId": payment.order_id,
        "status": payment.status,
        "amount": payment.amount,
        "currency": payment.currency,
        "authorized": payment.amount if payment.status in rules.PAID else 0,
        "captured": payment.captured,
        "refunded": payment.refunded,
        "createdAt": rules.iso(payment.created_at),
        "updatedAt": rules.iso(payment.updated_at),
    }


def _totals(lines: list[dict[str, Any]]) -> dict[str, int]:
    return {
        name: sum(line[name] for line in lines) for name in ("authorized", "captured", "refunded")
    }
