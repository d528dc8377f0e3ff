"""The pages a buyer sees: the card form and the result."""

import time

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.simulators.common.modes import Mode
from app.simulators.gateway import rules
from app.simulators.gateway.calls import current_gateway, misbehaving
from app.simulators.gateway.rules import IllegalStepError, Status
from app.simulators.gateway.store import Payment

blueprint = Blueprint("pages", __name__, url_prefix="/api/v1/paymentform")

_CARD_HINTS = {
    rules.CardOutcome.APPROVED: "будет одобрена",
    rules.CardOutcome.DECLINED: "будет отклонена банком",
    rules.CardOutcome.NO_FUNDS: "недостаточно средств",
}
_LONGEST_NAME = 100


# GET -> 200 the form; 302 to the result when the one attempt was made; 404.
@blueprint.get("/render/<payment_id>")
@misbehaving("render")
def render(payment_id: str) -> ResponseReturnValue:
    """Show the card form of a payment."""
    payment = current_gateway().get(payment_id)
    if payment.status is not Status.NEW:
        return redirect(url_for("pages.result", payment_id=payment_id))
    return _form(payment, {"Email": payment.email or ""}, [])


# POST, urlencoded -> 302 to the shop or to the result; 400 the form again; 404.
@blueprint.post("/submit")
@misbehaving("submit")
def submit() -> ResponseReturnValue:
    """Try to pay with a card; a payment has one attempt."""
    gateway = current_gateway()
    payment = gateway.get(request.form.get("PaymentId", ""))
    filled = {name: value.strip() for name, value in request.form.items()}
    number = filled.get("CardNumber", "").replace(" ", "").replace("-", "")
    errors = _find_errors(filled, number)
    if errors and payment.status is Status.NEW:
        return _form(payment, filled, errors), 400
    try:
        gateway.start_attempt(payment.id)
        time.sleep(gateway.panel.thinking_seconds())
        decide = gateway.authorize if gateway.panel.approves(number) else gateway.reject
        payment = decide(payment.id)
    except IllegalStepError:  # A second attempt, or cancelled or expired meanwhile.
        return redirect(url_for("pages.result", payment_id=payment.id))
    shop = _shop_url(payment) if gateway.mode is Mode.DOCUMENTED else None
    return redirect(shop or url_for("pages.result", payment_id=payment.id))


# GET -> 200 the state of the payment and the way back; 404.
@blueprint.get("/result/<payment_id>")
def result(payment_id: str) -> ResponseReturnValue:
    """Show what became of a payment."""
    payment = current_gateway().get(payment_id)
    return render_template("result.html", payment=payment, shop_url=_shop_url(payment))


def _form(payment: Payment, filled: dict[str, str], errors: list[str]) -> str:
    cards = [(number, _CARD_HINTS[outcome]) for number, outcome in rules.TEST_CARDS.items()]
    # A card that is good for years to come, whenever the form is shown.
    expiry = f"12/{(current_gateway().clock().year + 3) % 100:02d}"
    return render_template(
        "form.html", payment=payment, filled=filled, errors=errors, cards=cards, expiry=expiry
    )


def _find_errors(filled: dict[str, str], number: str) -> list[str]:
    today = current_gateway().clock().date()
    cvv = filled.get("Cvv", "")
    name = filled.get("CardholderName", "")
    local, _, domain = filled.get("Email", "").partition("@")
    checks = {
        "Проверьте номер карты.": number in rules.TEST_CARDS or rules.is_luhn_valid(number),
        "Проверьте срок действия: ММ/ГГ, ещё не прошедший.": rules.is_valid_expiry(
            filled.get("ExpiryDate", ""), today
        ),
        "CVV — три или четыре цифры.": cvv.isascii() and cvv.isdigit() and len(cvv) in {3, 4},
        "Укажите имя владельца карты.": 0 < len(name) <= _LONGEST_NAME,
        "Проверьте адрес почты.": bool(local and domain),
        "Согласитесь с условиями оплаты.": filled.get("TermsAgreement", "").lower()
        in {"true", "on", "1"},
    }
    return [complaint for complaint, is_fine in checks.items() if not is_fine]


def _shop_url(payment: Payment) -> str | None:
    return payment.success_url if payment.status in rules.PAID else payment.fail_url
