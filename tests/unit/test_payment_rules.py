"""What the gateway's words mean, how tokens are made, and how order ids are chosen."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel import errors
from app.payments import rules
from app.payments.models import Decision, GatewayPayment, Payment, PaymentStatus

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
PASSWORD, SLUG = "MyPassword123", "my-team"


def attempt(amount: int = 150_000, currency: str = "KZT") -> Payment:
    return Payment(
        1, 2, 3, 4, amount, currency, [5], PaymentStatus.OPEN, "17554321987654", "http://form", NOW
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            (150_000, "KZT", "order-123", PASSWORD, SLUG),
            "053a7e3f397220eb68467e158fcdaec17242fd2b1bdd23521e98d8b00f179f7b",
        ),
        (
            ("17554321987654", PASSWORD, SLUG),
            "a484ae8419d25defe91cabdc9bc5a66226e101bc6476b2f9226749e2dd3399d2",
        ),
        (
            (150_000, PASSWORD, "17554321987654", SLUG),
            "3cd6fdf2cd6329a6cbec60524e9181108c72f904db26d2a58e4fed163d054a53",
        ),
    ],
    ids=["init", "check", "confirm"],
)
def test_tokens_are_those_of_the_gateways_documentation(
    values: tuple[object, ...], expected: str
) -> None:
    assert rules.token(*values) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("NEW", Decision.OPEN),
        ("FORM_SHOWED", Decision.OPEN),
        ("AUTHORIZED", Decision.PAID),
        ("CONFIRMED", Decision.PAID),
        ("REJECTED", Decision.FAILED),
        ("CANCELLED", Decision.FAILED),
        ("EXPIRED", Decision.FAILED),
        ("REFUNDED", Decision.FAILED),
        ("", Decision.OPEN),
        ("authorized", Decision.OPEN),
        ("SOMETHING_NEW", Decision.OPEN),
    ],
)
def test_only_the_gateways_status_decides(status: str, expected: Decision) -> None:
    assert rules.decide(attempt(), GatewayPayment("1", status, 150_000, "KZT")) is expected


@pytest.mark.parametrize("status", ["AUTHORIZED", "CONFIRMED"])
@pytest.mark.parametrize(
    ("amount", "currency"), [(149_999, "KZT"), (150_001, "KZT"), (150_000, "USD"), (0, "")]
)
def test_money_counts_only_when_amount_and_currency_agree(
    status: str, amount: int, currency: str
) -> None:
    seen = GatewayPayment("1", status, amount, currency)
    assert rules.decide(attempt(), seen) is Decision.MISMATCH


def test_a_failed_payment_is_failed_whatever_its_amount() -> None:
    assert rules.decide(attempt(), GatewayPayment("1", "REJECTED", 1, "USD")) is Decision.FAILED


S = PaymentStatus
STEPS = {
    (S.INITIATED, S.OPEN), (S.INITIATED, S.VOIDED), (S.INITIATED, S.ACCEPTED),
    (S.INITIATED, S.FAILED), (S.INITIATED, S.REFUND_DUE),
    (S.OPEN, S.VOIDED), (S.OPEN, S.ACCEPTED), (S.OPEN, S.FAILED), (S.OPEN, S.REFUND_DUE),
    (S.ACCEPTED, S.VOIDED), (S.ACCEPTED, S.CAPTURED), (S.ACCEPTED, S.FAILED),
    (S.ACCEPTED, S.REFUND_DUE),
    (S.CAPTURED, S.VOIDED), (S.CAPTURED, S.COMPLETED), (S.CAPTURED, S.REFUND_DUE),
    (S.VOIDED, S.FAILED), (S.VOIDED, S.REFUND_DUE),
    (S.FAILED, S.REFUND_DUE), (S.COMPLETED, S.REFUND_DUE), (S.REFUND_DUE, S.REFUNDED),
}  # fmt: skip


@pytest.mark.parametrize(("status", "to"), list(product(S, S)))
def test_a_payment_takes_only_the_steps_of_the_table(status: S, to: S) -> None:
    if (status, to) in STEPS:
        assert rules.advance(status, to=to) is to
    else:
        with pytest.raises(errors.Conflict):
            rules.advance(status, to=to)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (S.COMPLETED, "PARTIAL_REFUND"),
        (S.REFUND_DUE, "REFUND_DUE"),
        (S.REFUNDED, "REFUNDED"),
    ],
)
def test_a_buyer_with_a_refund_is_told_what_it_leaves_of_the_payment(status: S, shown: str) -> None:
    assert rules.shown_status(status) == shown


def test_a_voided_payment_never_completes_and_what_is_decided_only_turns_into_a_debt() -> None:
    assert [s for s in S if S.COMPLETED in rules.TRANSITIONS[s]] == [S.CAPTURED]
    for decided in rules.DECIDED:
        assert rules.TRANSITIONS[decided] <= {S.REFUND_DUE, S.REFUNDED}


def test_order_ids_of_ten_thousand_milliseconds_are_unique_growing_int64() -> None:
    ids = [rules.new_order_id(NOW + timedelta(milliseconds=n)) for n in range(10_000)]
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert len(set(ids)) == 10_000
    assert ids[0] > 0


def test_order_ids_of_one_millisecond_differ_by_chance() -> None:
    # Of a hundred draws from two million two are the same once in four hundred runs; ten never.
    assert len({rules.new_order_id(NOW) for _ in range(100)}) > 90


def test_order_ids_fit_an_int64_for_the_next_eighty_years() -> None:
    assert rules.new_order_id(datetime(2106, 1, 1, tzinfo=UTC)) < 2**63


@given(secret=st.text(min_size=1), body=st.binary(), other=st.binary())
def test_a_signature_fits_its_own_body_and_secret_only(
    secret: str, body: bytes, other: bytes
) -> None:
    signature = rules.signature(secret, body)
    assert rules.signature_matches(secret, body, signature)
    assert rules.signature_matches(secret, other, signature) == (other == body)
    assert not rules.signature_matches(f"{secret}x", body, signature)
    assert not rules.signature_matches(secret, body, signature.removeprefix("sha256="))


@given(given_signature=st.text())
def test_a_made_up_signature_never_matches(given_signature: str) -> None:
    assert not rules.signature_matches("secret", b"{}", given_signature)
