"""The form of the gateway's simulator: what it shows, which cards it takes, where it leads."""

import pytest

from app.simulators.gateway import rules
from app.simulators.gateway.knobs import Panel
from app.simulators.gateway.web import format_money
from tests.integration import merchant
from tests.integration.merchant import Shop

# This file's, instead of the folder's fixtures of these names.
shop, coded = merchant.shop, merchant.coded


def test_luhn_finds_a_mistyped_digit() -> None:
    assert rules.is_luhn_valid("5555555555554444")
    assert not rules.is_luhn_valid("5555555555554445")
    assert not rules.is_luhn_valid("٤١١١١١١١١١١١١١١١")


def test_money_is_shown_in_tenge() -> None:
    assert format_money(123_456_705) == "1\u00a0234\u00a0567,05\u00a0₸"


def test_nine_of_ten_unknown_cards_are_approved_and_a_seed_repeats_them() -> None:
    first, second = Panel(seed=3), Panel(seed=3)
    answers = [first.approves("5555555555554444") for _ in range(1000)]
    assert 870 < sum(answers) < 930
    assert answers == [second.approves("5555555555554444") for _ in range(1000)]


def test_the_form_shows_the_amount_and_the_test_cards(shop: Shop) -> None:
    payment_id = shop.init(description="Концерт <b>")
    page = shop.client.get(f"/api/v1/paymentform/render/{payment_id}")
    assert page.status_code == 200
    assert "1\u00a0500,00\u00a0₸" in page.text
    assert "Концерт &lt;b&gt;" in page.text
    assert all(f'data-number="{card}"' in page.text for card in rules.TEST_CARDS)
    assert "http" not in page.text.replace("http-equiv", "")


def test_an_approved_card_authorizes_and_leads_back_to_the_shop(shop: Shop) -> None:
    payment_id = shop.init(successURL="https://shop.kz/ok?orderId=1", failURL="https://shop.kz/no")
    answer = shop.pay(payment_id, "4111 1111 1111 1111")
    assert answer.status_code == 302
    assert answer.location == "https://shop.kz/ok?orderId=1"
    assert shop.status(payment_id) == "AUTHORIZED"


@pytest.mark.parametrize("card", ["4000000000000002", "4000000000000119"])
def test_a_refused_card_rejects_and_leads_to_the_fail_url(shop: Shop, card: str) -> None:
    payment_id = shop.init(successURL="https://shop.kz/ok", failURL="https://shop.kz/no")
    assert shop.pay(payment_id, card).location == "https://shop.kz/no"
    assert shop.status(payment_id) == "REJECTED"


def test_as_coded_the_buyer_ends_on_the_gateways_own_result_page(coded: Shop) -> None:
    payment_id = coded.init(successURL="https://shop.kz/ok?orderId=1")
    answer = coded.pay(payment_id)
    assert answer.location == f"/api/v1/paymentform/result/{payment_id}"
    page = coded.client.get(answer.location).text
    assert "Оплата прошла" in page
    assert 'href="https://shop.kz/ok?orderId=1">Вернуться в магазин' in page


def test_a_payment_has_one_attempt(shop: Shop) -> None:
    payment_id = shop.init()
    shop.pay(payment_id, "4000000000000002")
    again = shop.pay(payment_id)
    assert again.location == f"/api/v1/paymentform/result/{payment_id}"
    assert shop.status(payment_id) == "REJECTED"
    form = shop.client.get(f"/api/v1/paymentform/render/{payment_id}")
    assert form.location == f"/api/v1/paymentform/result/{payment_id}"


def test_a_second_submit_while_the_bank_thinks_is_no_second_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = shop.init()
    locations: list[str] = []

    def submit_again(_: float) -> None:
        assert shop.status(payment_id) == "FORM_SHOWED"
        locations.append(shop.pay(payment_id, "4000000000000002").location)

    monkeypatch.setattr("app.simulators.gateway.pages.time.sleep", submit_again)
    shop.pay(payment_id)
    assert locations == [f"/api/v1/paymentform/result/{payment_id}"]
    assert shop.status(payment_id) == "AUTHORIZED"


@pytest.mark.parametrize(
    "bad",
    [
        {"CardNumber": "4111111111111112"},
        {"ExpiryDate": "07/25"},
        {"ExpiryDate": "13/30"},
        {"Cvv": "12"},
        {"CardholderName": " "},
        {"Email": "buyer"},
        {"TermsAgreement": ""},
    ],
)
def test_a_mistyped_form_is_shown_again_and_the_attempt_is_kept(
    shop: Shop, bad: dict[str, str]
) -> None:
    payment_id = shop.init()
    answer = shop.pay(payment_id, **bad)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert shop.status(payment_id) == "NEW"


def test_the_form_of_an_unknown_payment_is_404(shop: Shop) -> None:
    assert shop.client.get("/api/v1/paymentform/render/1").status_code == 404
    assert shop.pay("1").status_code == 404
