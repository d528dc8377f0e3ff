"""The calls about paying and cancelling, and what the gateway and its browsers tell us."""

from __future__ import annotations

import html
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from app.checkout import initiating, refunding, service
from app.kernel import errors
from app.kernel.config import settings
from app.kernel.http import Access, Call, Message, Reply, Routes, json_reply, message_reply
from app.kernel.inputs import Id
from app.kernel.money import decimal_string
from app.payments import service as payments
from app.payments.models import PaymentStatus, RefundStatus

routes = Routes()

_WAITING = "Платёж ещё не подтверждён шлюзом, мы сообщим о результате"
_SENTENCES = {
    PaymentStatus.COMPLETED: "Оплата прошла, места проданы",
    PaymentStatus.FAILED: "Оплата не прошла, деньги не списаны",
    PaymentStatus.REFUND_DUE: "Заказ не действует, деньги за него мы вернём",
    PaymentStatus.REFUNDED: "Заказ не действует, деньги за него возвращены",
}


class OfBooking(msgspec.Struct, frozen=True):
    booking_id: Id


class SeatsOfBooking(msgspec.Struct, frozen=True):
    booking_id: Id
    seat_ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=1000)]


class RefundedSeat(msgspec.Struct):
    """A seat that was given back: what its buyer gets, and what the event's terms keep."""

    id: int
    amount: str
    fee: str


class RefundOfSeats(msgspec.Struct):
    """What was agreed on when the seats were given back; the sums of it all."""

    booking_id: int
    seats: list[RefundedSeat]
    amount: str
    fee: str
    currency: str
    refund_ids: list[int]


class SeatOfRefund(msgspec.Struct):
    id: int


class OwnRefund(msgspec.Struct):
    """Money on its way back to a buyer, and what of the whole payment that leaves."""

    id: int
    booking_id: int
    seats: list[SeatOfRefund]
    amount: str
    currency: str
    status: Literal["PENDING", "PAID"]
    payment_status: Literal["PARTIAL_REFUND", "REFUND_DUE", "REFUNDED"]
    created_at: datetime
    paid_at: datetime | None


class Order(msgspec.Struct, frozen=True, rename="camel"):
    order_id: Id


class Notification(msgspec.Struct, frozen=True, rename="camel"):
    """What the gateway sends; everything in it is a hint."""

    payment_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    status: str | None = None
    team_slug: str | None = None
    timestamp: str | None = None
    data: Any = None


_decode_notification = msgspec.json.Decoder(Notification).decode


@routes.add(
    "PATCH",
    "/api/bookings/initiatePayment",
    access=Access.ACCOUNT,
    body=OfBooking,
    answers={302: ("Бронь ожидает подтверждения платежа", Message)},
)
def initiate_payment(call: Call) -> Reply:
    """Инициировать платеж для бронирования"""
    url = initiating.start_payment(call.user, call.input.booking_id)
    return message_reply("Бронь ожидает подтверждения платежа", ("Location", url), status=302)


@routes.add(
    "PATCH",
    "/api/bookings/cancel",
    access=Access.ACCOUNT,
    body=OfBooking,
    answers={200: ("Бронь успешно отменена", Message)},
)
def cancel_booking(call: Call) -> Reply:
    """Отменить бронирование"""
    refunding.cancel_booking(call.user, call.input.booking_id)
    return message_reply("Бронь успешно отменена")


@routes.add(
    "POST",
    "/api/bookings/refund",
    access=Access.ACCOUNT,
    body=SeatsOfBooking,
    answers={200: ("Места возвращены, деньги придут по правилам события", RefundOfSeats)},
)
def refund_seats(call: Call) -> Reply:
    """Вернуть одно или несколько мест оплаченной брони"""
    agreed = refunding.refund_seats(call.user, call.input.booking_id, call.input.seat_ids)
    return json_reply(
        RefundOfSeats(
            booking_id=call.input.booking_id,
            seats=[
                RefundedSeat(
                    line.seat_id,
                    decimal_string(share.refund_minor),
                    decimal_string(share.fee_minor),
                )
                for line, share in agreed
            ],
            amount=decimal_string(sum(share.refund_minor for _, share in agreed)),
            fee=decimal_string(sum(share.fee_minor for _, share in agreed)),
            currency=agreed[0].line.currency,
            refund_ids=sorted({share.refund_id for _, share in agreed if share.refund_id}),
        )
    )


@routes.add(
    "GET",
    "/api/refunds",
    access=Access.ACCOUNT,
    answers={200: ("Возвраты пользователя, от первого к последнему", list[OwnRefund])},
)
def list_refunds(call: Call) -> Reply:
    """Получить список своих возвратов"""
    found = [
        OwnRefund(
            id=refund.id,
            booking_id=refund.booking_id,
            seats=[SeatOfRefund(seat_id) for seat_id in refund.seat_ids],
            amount=decimal_string(refund.amount_minor),
            currency=refund.currency,
            status="PAID" if refund.status is RefundStatus.PAID else "PENDING",
            payment_status=payments.shown_status(refund.payment_status),
            created_at=refund.created_at,
            paid_at=refund.paid_at,
        )
        for refund in refunding.list_refunds(call.user)
    ]
    return json_reply(found)._replace(headers=(("Cache-Control", "no-store"),))


@routes.add(
    "GET",
    "/api/payments/success",
    access=Access.PUBLIC,
    query=Order,
    answers={200: ("Подсказка принята, решает ответ шлюза", Message)},
)
def payment_success(call: Call) -> Reply:
    """Уведомить сервис, что платеж успешно проведен"""
    return _hint(call)


@routes.add(
    "GET",
    "/api/payments/fail",
    access=Access.PUBLIC,
    query=Order,
    answers={200: ("Подсказка принята, решает ответ шлюза", Message)},
)
def payment_fail(call: Call) -> Reply:
    """Уведомить сервис, что платеж неуспешно проведен"""
    return _hint(call)


@routes.add(
    "POST",
    "/api/payments/notifications",
    access=Access.PUBLIC,
    body=Notification,
    raw_body=True,
    answers={200: ("Уведомление принято, решает ответ шлюза", Message)},
)
def payment_notification(call: Call) -> Reply:
    """Принимать уведомления от платежного шлюза"""
    body: bytes = call.input
    if settings().payment_webhook_secret:
        given = call.environ.get("HTTP_X_WEBHOOK_SIGNATURE")
        if not given:
            raise errors.BadRequest("Уведомление не подписано.", code="unsigned")
        if not payments.signature_matches(body, given):
            raise errors.Unauthorized("Подпись уведомления неверна.", code="bad_signature")
    try:
        body.decode("utf-8")
        notification = _decode_notification(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise errors.BadRequest("Тело запроса не читается как уведомление.") from None
    if notification.payment_id and "\0" not in notification.payment_id:
        payments.notice(notification.payment_id)
    return message_reply("Уведомление принято")


def _hint(call: Call) -> Reply:
    try:
        status = service.settle(call.input.order_id)
    except (errors.Unavailable, errors.Busy):
        status = PaymentStatus.OPEN  # A worker asks again.
    sentence = _SENTENCES.get(status, _WAITING)
    if "text/html" not in call.environ.get("HTTP_ACCEPT", ""):
        return message_reply(sentence)
    page = f"""<!doctype html><html lang="ru"><meta charset="utf-8"><title>Билеттер</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<body style="font: 18px/1.5 system-ui, sans-serif; max-width: min(34rem, 90vw); margin: 15vh auto">
<h1>Билеттер</h1><p>{html.escape(sentence)}.</p><p>Заказ {call.input.order_id}</p></body></html>"""
    return Reply(200, page.encode(), "text/html; charset=utf-8")
