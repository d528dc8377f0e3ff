"""From the text of a request to the declared types; what does not fit is a BadRequest."""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from app.kernel import errors
from app.kernel.http import JSON, Environ

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")


def parse_query(wanted: type[msgspec.Struct], text: str) -> msgspec.Struct:
    """Read a query string as the declared type. Raises BadRequest."""
    try:
        # WSGI passes the bytes of the query on as latin-1.
        raw = text.encode("latin-1").decode("utf-8")
        pairs = parse_qsl(raw, strict_parsing=False, errors="strict", max_num_fields=32)
    except (UnicodeError, ValueError):
        raise errors.BadRequest("Строка запроса не читается как UTF-8.") from None
    values: dict[str, str | int] = {}
    integers = _integers(wanted)
    for name, value in pairs:
        if name in values:
            raise errors.BadRequest(f"Параметр {name[:40]} указан дважды.")
        if "\0" in value:
            raise errors.BadRequest(f"Параметр {name[:40]} содержит NUL.")
        is_integer = name in integers and _INTEGER.fullmatch(value)
        values[name] = int(value) if is_integer else value
    try:
        # Not msgspec's lax mode: it reads `null` as "not given" and rounds 9007199254740993.0.
        return msgspec.convert(values, wanted)
    except msgspec.ValidationError as error:
        raise errors.BadRequest(str(error)) from None


@functools.cache
def _integers(wanted: type[msgspec.Struct]) -> frozenset[str]:
    """The parameters whose type is an integer."""
    info = msgspec.inspect.type_info(wanted)
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return frozenset(
        item.encode_name
        for item in fields
        if any(
            isinstance(part, msgspec.inspect.IntType)
            for part in getattr(item.type, "types", (item.type,))
        )
    )


def read_body(environ: Environ) -> bytes:
    """The bytes of the request's body."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def decode_body(decoder: msgspec.json.Decoder[Any], environ: Environ) -> Any:
    """Read the JSON body as the declared type. Raises BadRequest, UnsupportedMediaType."""
    body = read_body(environ)
    media_type = environ.get("CONTENT_TYPE", "")
    if media_type and not media_type.lower().lstrip().startswith(JSON):
        raise errors.UnsupportedMediaType
    if not body:
        raise errors.BadRequest("Тело запроса пусто.")
    try:
        if not body.isascii():
            body.decode("utf-8")
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise errors.BadRequest(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise errors.BadRequest("Тело запроса не читается как JSON.") from None
