"""What the real gateway has not: knobs, a ledger, payment without a form, an operator's page."""

from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue

from app.simulators.common.console import create_console, flatten
from app.simulators.gateway import rules
from app.simulators.gateway.calls import current_gateway
from app.simulators.gateway.knobs import CallKnobs
from app.simulators.gateway.rules import IllegalStepError, Status
from app.simulators.gateway.service import Gateway
from app.simulators.gateway.store import Payment

blueprint = create_console(
    lambda: current_gateway().panel, lambda error: _page(current_gateway(), error=error)
)

_SHOWN_PAYMENTS = 200


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
    knobs = gateway.panel.show()
    calls = {
        name: flatten(table)
        for name, table in knobs.items()
        if isinstance(getattr(gateway.panel.knobs, name), CallKnobs)
    }
    others = {name: flatten(knobs[name]) for name in ("cards", "webhooks")}
    lines = [_line(payment) for payment in gateway.list_payments()]
    return render_template(
        "console.html",
        mode=gateway.mode,
        is_down=knobs["down"],
        calls=calls,
        call_knobs=next(iter(calls.values())),
        others=others,
        payments=gateway.list_latest(_SHOWN_PAYMENTS),
        count=len(lines),
        totals=_totals(lines),
        error=error,
    )


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
