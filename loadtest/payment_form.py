"""The gateway's payment form, as a buyer fills it in."""

from urllib.parse import urljoin, urlsplit

GOOD_CARD = "4111111111111111"
"""The gateway's own number for a card that pays."""
SUBMIT_PATH = "/api/v1/paymentform/submit"


def fields(payment_id: str, card: str = GOOD_CARD) -> dict[str, str]:
    """What is sent for a payment."""
    return {
        "PaymentId": payment_id,
        "CardNumber": card,
        "ExpiryDate": "12/90",
        "Cvv": "123",
        "CardholderName": "AIGERIM SAPAROVA",
        "Email": "buyer@example.com",
        "TermsAgreement": "true",
    }


def filled_in(page: str, card: str = GOOD_CARD) -> tuple[str, dict[str, str]]:
    """Where the form of this page is sent, and with what."""
    payment_id = urlsplit(page).path.rpartition("/")[2]
    return urljoin(page, SUBMIT_PATH), fields(payment_id, card)
