"""What agrees with the services outside, row by row of the tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.operations import rules
from app.operations.models import DifferenceKind
from app.payments.models import GatewayPayment, Payment, PaymentStatus
from app.provider.models import Status

ORDER, SUM = 7, 500_000


def judged(
    status: str,
    said: str | None,
    *,
    amount: Decimal | int = SUM,
    currency: str = "KZT",
    came: int = SUM,
    returned: bool = False,
    days: float = 0,
) -> str | None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    ours = PaymentStatus(status)
    payment = Payment(ORDER, 1, 1, 1, SUM, "KZT", [1], ours, "p1", None, now)
    seen = None if said is None else GatewayPayment("p1", said, amount, currency)
    return rules.judge_payment(
        payment, seen, came_minor=came, is_returned_there=returned, age=timedelta(days=days)
    )


@pytest.mark.parametrize("status", ["COMPLETED", "CAPTURED"])
def test_what_is_sold_has_to_be_paid_there(status: str) -> None:
    assert judged(status, "CONFIRMED") is judged(status, "AUTHORIZED") is None
    for said in ("NEW", "FORM_SHOWED", "REJECTED", "EXPIRED", "CANCELLED", "REFUNDED", None):
        assert judged(status, said) == "payment_unpaid_there"


@pytest.mark.parametrize("status", ["COMPLETED", "CAPTURED", "REFUND_DUE", "REFUNDED"])
def test_what_came_has_the_same_sum_there(status: str) -> None:
    assert judged(status, "CONFIRMED", amount=Decimal("500000.00")) is None
    assert judged(status, "CONFIRMED", amount=SUM - 1) == "payment_of_other_sum"


def test_another_currency_is_a_difference_unless_it_is_owed_back() -> None:
    assert judged("COMPLETED", "CONFIRMED", currency="USD") == "payment_of_other_sum"
    assert judged("REFUND_DUE", "CONFIRMED", currency="USD") is None
    assert judged("REFUND_DUE", "AUTHORIZED", amount=Decimal("10.5"), came=11) is None


@pytest.mark.parametrize("said", ["AUTHORIZED", "CONFIRMED"])
def test_money_without_a_claim_is_a_difference(said: str) -> None:
    assert judged("FAILED", said) == "payment_unclaimed"


@pytest.mark.parametrize("said", ["NEW", "REJECTED", "CANCELLED", "REFUNDED", None])
def test_a_failed_payment_that_never_came_is_none(said: str | None) -> None:
    assert judged("FAILED", said) is None


def test_what_the_gateway_has_paid_back_in_full_says_so_there() -> None:
    assert judged("REFUNDED", "CONFIRMED", returned=True) == "payment_not_returned"
    assert judged("REFUNDED", "REFUNDED", returned=True) is None
    assert judged("REFUNDED", "CANCELLED", returned=True) is None
    assert judged("REFUNDED", "AUTHORIZED") is None, "a person paid it, or a part was kept"
    assert judged("REFUND_DUE", "REJECTED") == "payment_unpaid_there"


@pytest.mark.parametrize("status", ["INITIATED", "OPEN", "VOIDED"])
def test_an_undecided_payment_that_is_decided_there_was_not_followed(status: str) -> None:
    for said in ("AUTHORIZED", "CONFIRMED", "REJECTED", "EXPIRED"):
        assert judged(status, said) == "payment_not_followed"
    assert judged(status, "NEW", days=40) is judged(status, "FORM_SHOWED") is None


def test_an_accepted_payment_is_on_its_way() -> None:
    assert judged("ACCEPTED", "AUTHORIZED") is None
    assert judged("ACCEPTED", "CANCELLED") == "payment_not_followed"


def test_what_the_gateway_has_not_heard_of_in_a_day_never_comes() -> None:
    assert judged("VOIDED", None, days=0.9) is None
    assert judged("VOIDED", None, days=1.1) == "payment_unknown_there"
    assert judged("OPEN", None, days=2) is None


@pytest.mark.parametrize(
    ("here", "states", "there", "wanted"),
    [
        ("FREE", [], "taken", "seat_sold_elsewhere"),
        ("FREE", ["REFUSED"], "taken", "seat_sold_elsewhere"),
        ("FREE", ["REFUSED", "FREED"], "taken", "seat_sold_elsewhere"),
        ("FREE", ["FREED"], "taken", "place_not_freed"),
        ("FREE", ["FREED", "REFUSED"], "taken", "place_not_freed"),
        *(
            ("FREE", [state, "FREED"], "taken", None)
            for state in ("WANTED", "ASKED", "SELECTED", "SURPLUS", "RELEASING", "BOUGHT")
        ),
        ("RESERVED", [], "taken", None),
        ("SOLD", ["BOUGHT"], "taken", None),
        ("PROVIDER", [], "taken", None),
        ("PROVIDER", ["REFUSED"], "free", "seat_free_elsewhere"),
        ("PROVIDER", ["REFUSED"], "unknown", None),
        ("SOLD", ["BOUGHT"], "free", "place_not_ours"),
        ("SOLD", ["BOUGHT"], "unknown", "place_not_ours"),
        ("RESERVED", ["SELECTED"], "free", "place_not_ours"),
        ("RESERVED", ["ASKED"], "free", None),
        ("FREE", ["FREED"], "free", None),
        ("FREE", [], "unknown", None),
    ],
)
def test_places(here: str, states: list[str], there: str, wanted: str | None) -> None:
    found = rules.judge_place(
        is_free_here=here == "FREE",
        is_providers=here == "PROVIDER",
        states=states,
        is_free_there={"free": True, "taken": False, "unknown": None}[there],
    )
    assert found == wanted


@pytest.mark.parametrize(
    ("ours", "theirs", "count", "there", "wanted"),
    [
        ("HELD", "STARTED", 2, 2, None),
        ("HELD", "STARTED", 2, 3, None),
        ("HELD", "STARTED", 2, 1, DifferenceKind.ORDER_PLACES),
        ("HELD", "SUBMITTED", 2, 2, DifferenceKind.ORDER_STATUS),
        ("SUBMITTING", "SUBMITTED", 2, 2, None),
        ("CONFIRMING", "CONFIRMED", 2, 2, None),
        ("CONFIRMED", "SUBMITTED", 2, 2, DifferenceKind.ORDER_STATUS),
        ("CANCELLING", "CONFIRMED", 2, 2, DifferenceKind.ORDER_STATUS),
        ("HELD", None, 2, 0, DifferenceKind.ORDER_STATUS),
        ("WANTED", None, 0, 0, None),
        ("RETURNED", "STARTED", 0, 0, None),
    ],
)
def test_orders(ours: str, theirs: str | None, count: int, there: int, wanted: str | None) -> None:
    assert rules.judge_order(Status(ours), theirs, count=count, count_there=there) == wanted


def test_every_state_of_an_order_that_is_compared_has_a_word() -> None:
    assert set(rules._AGREES) == set(Status) - {Status.RETURNED, Status.CANCELLED}
