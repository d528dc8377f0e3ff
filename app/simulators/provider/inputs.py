"""What comes in with a call: ids, page numbers and bodies, as leniently read as by the provider."""

import re
from typing import Any

import msgspec
from flask import request

from app.simulators.common.modes import Mode
from app.simulators.provider import rules
from app.simulators.provider.rules import Refusal

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,10}")
_LARGEST = 2**31 - 1
_ABSURD_OFFSET = 100_000_000


def is_id(text: object) -> bool:
    """Tell whether a text is a UUID."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def read_id(text: str, mode: Mode) -> str:
    """Read the id of a path, or refuse."""
    if not is_id(text):
        raise rules.malformed(mode)
    return text.lower()


def read_page(mode: Mode) -> tuple[int, int]:
    """Read number and size of the wanted page from the query, clamped, or refuse."""
    number = max(_number("page", 1, mode), 1)
    size = min(_number("pageSize", 20, mode), rules.MAX_PAGE_SIZE)
    if size < 0:
        raise rules.malformed(mode)
    if mode is Mode.CODED and (number - 1) * size >= _ABSURD_OFFSET:
        raise Refusal(500)
    return number, size


def read_selection() -> str:
    """Read the order of a select from its body, or refuse."""
    order_id = _fields().get("order_id")
    if not isinstance(order_id, str) or not is_id(order_id):
        raise Refusal(422)
    return order_id.lower()


def read_position(mode: Mode) -> tuple[int, int]:
    """Read row and seat of a new place from its body; as coded, words become 0."""
    fields = _fields()
    if "row" not in fields or "seat" not in fields:
        raise Refusal(422)
    return _whole(fields["row"], mode), _whole(fields["seat"], mode)


def _fields() -> dict[str, Any]:
    try:
        return msgspec.json.decode(request.get_data(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal(422) from None


def _number(name: str, default: int, mode: Mode) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or abs(int(text)) > _LARGEST:
        raise rules.malformed(mode)
    return int(text)


def _whole(value: object, mode: Mode) -> int:
    if isinstance(value, int | float) and abs(value) <= _LARGEST:
        return int(value)
    if mode is Mode.DOCUMENTED:
        raise Refusal(422)
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else 0
