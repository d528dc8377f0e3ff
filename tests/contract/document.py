"""The contract as a document, and how an answer is held against it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.test import TestResponse

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "openapi-1.1.json").read_text())

# The statuses of the table that comes with the document; 401 and 503 are in none of its lists.
ALSO: dict[tuple[str, str], set[int]] = {
    ("GET", "/api/events"): {400},
    ("POST", "/api/bookings"): {400, 401, 404, 409},
    ("GET", "/api/bookings"): {401},
    ("PATCH", "/api/bookings/initiatePayment"): {400, 401, 403, 404, 409, 503},
    ("PATCH", "/api/bookings/cancel"): {401, 403, 404, 409},
    ("GET", "/api/seats"): {400, 404},
    ("PATCH", "/api/seats/select"): {400, 401, 403, 404, 419},
    ("PATCH", "/api/seats/release"): {401, 403, 419},
    ("GET", "/api/payments/success"): {400, 404},
    ("GET", "/api/payments/fail"): {400, 404},
    ("POST", "/api/payments/notifications"): {400, 401},
    ("GET", "/api/analytics"): {400, 404},
    ("POST", "/api/reset"): {404},
}

PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "minLength": 1},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "detail": {"type": "string", "minLength": 1},
    },
    "required": ["type", "title", "status", "code"],
}

_formats = FormatChecker()


@_formats.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@_formats.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@_formats.checks("decimal")
def _is_decimal(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"\d+(\.\d+)?", value) is not None


class Operation(NamedTuple):
    """One call of the contract."""

    method: str
    path: str
    description: dict[str, Any]


def operations() -> list[Operation]:
    """All calls of the contract."""
    return [
        Operation(method.upper(), path, description)
        for path, methods in DOCUMENT["paths"].items()
        for method, description in methods.items()
    ]


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of a schema that may refer to the components of the contract."""
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole, format_checker=_formats)


def hold_against_contract(method: str, path: str, answer: TestResponse) -> None:
    """Fail when the answer is none that the contract allows for the call."""
    documented = DOCUMENT["paths"][path][method.lower()]["responses"]
    allowed = {int(status) for status in documented} | ALSO[method, path]
    assert answer.status_code in allowed, f"{method} {path}: {answer.status} {answer.text}"
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        validator(PROBLEM).validate(answer.json)
        assert answer.json["status"] == answer.status_code
        return
    response = documented[str(answer.status_code)]
    for name in response.get("headers", {}):
        assert answer.headers[name]
    assert answer.content_type == "application/json"
    content = response.get("content", {})
    if content:
        validator(content["application/json"]["schema"]).validate(answer.json)
    else:
        assert set(answer.json) == {"message"}
        assert isinstance(answer.json["message"], str)
