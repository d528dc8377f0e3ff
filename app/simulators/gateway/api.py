"""The four JSON calls."""

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.simulators.gateway import messages
from app.simulators.gateway.calls import current_gateway, misbehaving
from app.simulators.gateway.rules import iso
from app.simulators.gateway.store import Payment

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


# POST {teamSlug, token, amount, orderId, ...} -> 200 {paymentId, paymentURL, ...}; 400, 401, 409.
@blueprint.post("/PaymentInit/init")
@misbehaving("init")
def init() -> ResponseReturnValue:
    """Register a payment."""
    wanted = messages.decode(request.get_data(), messages.InitRequest)
    payment = current_gateway().init(wanted)
    return _summary(payment) | {
        "expiresAt": iso(payment.expires_at),
        "createdAt": iso(payment.created_at),
        "paymentURL": f"{request.host_url}api/v1/paymentform/render/{payment.id}",
        "successURL": payment.success_url,
        "failURL": payment.fail_url,
        "notificationURL": payment.notification_url,
    }


# POST {teamSlug, token, paymentId or orderId} -> 200 {payments: [...]}; 400, 401, 404.
@blueprint.post("/PaymentCheck/check")
@misbehaving("check")
def check() -> ResponseReturnValue:
    """Tell the state of a payment."""
    payment = current_gateway().check(messages.decode(request.get_data(), messages.CheckRequest))
    shown = {
        "paymentId": payment.id,
        "orderId": payment.order_id,
        "status": payment.status,
        "statusDescription": f"Payment is {payment.status}",
        "amount": payment.amount,
        "currency": payment.currency,
        "createdAt": iso(payment.created_at),
        "updatedAt": iso(payment.updated_at),
        "expiresAt": iso(payment.expires_at),
        "description": payment.description,
        "payType": "O",
    }
    return {"success": True, "payments": [shown], "totalCount": 1, "orderId": payment.order_id}


# POST {teamSlug, token, paymentId, amount?} -> 200 {status, ...}; 400, 401, 404, 409.
@blueprint.post("/PaymentConfirm/confirm")
@misbehaving("confirm")
def confirm() -> ResponseReturnValue:
    """Capture an authorized payment."""
    payment = current_gateway().confirm(
        messages.decode(request.get_data(), messages.ConfirmRequest)
    )
    return _summary(payment) | {
        "authorizedAmount": payment.amount,
        "confirmedAmount": payment.captured,
        "remainingAmount": payment.amount - payment.captured,
        "confirmedAt": iso(payment.updated_at),
    }


# POST {teamSlug, token, paymentId, reason, amount?} -> 200 {status, ...}; 400, 401, 404, 409, 422.
@blueprint.post("/PaymentCancel/cancel")
@misbehaving("cancel")
def cancel() -> ResponseReturnValue:
    """Cancel, reverse or refund a payment."""
    wanted = messages.decode(request.get_data(), messages.CancelRequest)
    done = current_gateway().cancel(wanted)
    payment = done.payment
    return _summary(payment) | {
        "cancellationType": done.kind,
        "originalAmount": payment.amount,
        "cancelledAmount": done.amount,
        "remainingAmount": payment.captured - payment.refunded,
        "cancelledAt": iso(payment.updated_at),
        "details": {"reason": wanted.reason, "wasForced": False},
    }


def _summary(payment: Payment) -> dict[str, Any]:
    return {
        "success": True,
        "errorCode": "0",
        "paymentId": payment.id,
        "orderId": payment.order_id,
        "status": payment.status,
        "amount": payment.amount,
        "currency": payment.currency,
    }
