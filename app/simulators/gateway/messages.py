"""The bodies of the gateway's calls and of its complaint about bad fields."""

import re
import uuid
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

T = TypeVar("T")

TeamSlug = Annotated[str, Meta(min_length=1, max_length=50)]
PaymentId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,50}\Z")]
OrderId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,36}\Z")]
Url = Annotated[str, Meta(pattern=r"^https?://", max_length=2048)]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\Z", max_length=254)]
Amount = Annotated[int, Meta(ge=1, le=2**63 - 1)]  # Tiyn.


class InitRequest(Struct, kw_only=True, rename="camel"):
    """Asks for a payment."""

    team_slug: TeamSlug
    token: str | None = None
    amount: Annotated[int, Meta(ge=1000, le=2**63 - 1)]
    order_id: OrderId
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")] | None = None
    description: Annotated[str, Meta(max_length=140)] | None = None
    email: Email | None = None
    language: Literal["ru", "en"] | None = None
    success_url: Url | None = field(default=None, name="successURL")
    fail_url: Url | None = field(default=None, name="failURL")
    notification_url: Url | None = field(default=None, name="notificationURL")
    payment_expiry: Annotated[int, Meta(ge=1, le=43200)] = 30  # Minutes.


class CheckRequest(Struct, kw_only=True, rename="camel"):
    """Asks for the state of a payment, by its id or by its order."""

    team_slug: TeamSlug
    token: str | None = None
    payment_id: PaymentId | None = None
    order_id: OrderId | None = None


class ConfirmRequest(Struct, kw_only=True, rename="camel"):
    """Asks to capture an authorized payment."""

    team_slug: TeamSlug
    token: str | None = None
    payment_id: PaymentId
    amount: Amount | None = None


class CancelRequest(Struct, kw_only=True, rename="camel"):
    """Asks to cancel, reverse or refund a payment."""

    team_slug: TeamSlug
    token: str | None = None
    payment_id: PaymentId
    reason: Annotated[str, Meta(max_length=255)] | None = None
    amount: Amount | None = None


class FieldsInvalidError(Exception):
    """A field of a call is missing, of the wrong type or out of range."""

    def __init__(self, name: str, complaint: str) -> None:
        super().__init__(f"{name}: {complaint}")
        self.name = name
        self.complaint = complaint


def decode(body: bytes, kind: type[T]) -> T:
    """Read the body of a call, or raise FieldsInvalidError naming the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        named = re.search(r"`\$\.(\w+)|required field `(\w+)`", str(error))
        name = (named[1] or named[2]) if named else "$"
        raise FieldsInvalidError(name[:1].upper() + name[1:], str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FieldsInvalidError("$", f"The body is not valid JSON: {error}") from error


def problem(error: FieldsInvalidError) -> dict[str, Any]:
    """Describe bad fields as ASP.NET does."""
    return {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {error.name: [error.complaint]},
        "traceId": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-00",
    }
