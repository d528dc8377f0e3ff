"""The one table of settings. Everything comes from the environment; a wrong value refuses to start.

`python -m app.kernel.config` prints the table as it stands in the documentation.
"""

from __future__ import annotations

import difflib
import functools
import os
from typing import Any, get_type_hints

import msgspec

from app.kernel.settings import Settings

__all__ = ["Settings"]

_PREFIX = "BILETTER_"


class SettingsError(Exception):
    """A setting is missing, unknown or out of range; the message names it."""


_OWN_NAMES = ("database_url", "database_replica_url")
_OWN_PREFIXES = ("payment_", "event_")
_SECRET = {"database_url", "database_replica_url", "payment_password", "payment_webhook_secret"}


def variable(field: str) -> str:
    """The name of a setting in the environment."""
    own = field in _OWN_NAMES or field.startswith(_OWN_PREFIXES)
    return field.upper() if own else _PREFIX + field.upper()


def load(environ: dict[str, str]) -> Settings:
    """Read all settings, or raise SettingsError with one sentence that names the wrong one."""
    known = {variable(name): name for name in Settings.__struct_fields__}
    for name in environ:
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise SettingsError(f"The setting {name} does not exist.{hint}")
    values: dict[str, Any] = {}
    for var, field in known.items():
        if environ.get(var, "") != "":
            values[field] = _convert(var, field, environ[var])
    if "database_url" not in values:
        raise SettingsError("The setting DATABASE_URL is missing.")
    return Settings(**values)


def _convert(var: str, field: str, text: str) -> Any:
    try:
        return msgspec.convert(text, _types()[field], strict=False)
    except msgspec.ValidationError as error:
        shown = "its value" if field in _SECRET else repr(text)
        raise SettingsError(f"The setting {var} does not accept {shown}: {error}.") from None


@functools.cache
def _types() -> dict[str, Any]:
    return get_type_hints(Settings, include_extras=True)


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load(dict(os.environ))


def table() -> str:
    """All settings as a Markdown table."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    defaults = dict(
        zip(
            Settings.__struct_fields__[-len(Settings.__struct_defaults__) :],
            Settings.__struct_defaults__,
            strict=True,
        )
    )
    for field in Settings.__struct_fields__:
        default = defaults.get(field, msgspec.NODEFAULT)
        shown = (
            "required"
            if default is msgspec.NODEFAULT
            else f"`{default}`"
            if default != ""
            else "empty"
        )
        rows.append(f"| `{variable(field)}` | {shown} | {description(field)} |")
    return "\n".join(rows)


def description(field: str) -> str:
    """The sentence that documents a setting."""
    metas = [m for m in _types()[field].__metadata__ if isinstance(m, msgspec.Meta)]
    return " ".join(m.description for m in metas if m.description)


if __name__ == "__main__":
    print(table())  # noqa: T201 - this is what the command is for
