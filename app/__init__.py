"""Biletter: the booking service. Entry points patch gevent first, then call `create_app`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """The WSGI application, with the settings of the environment. Raises SettingsError."""
    # Imported here: the import builds on settings and on gevent's patches.
    from app import application  # noqa: PLC0415

    return application.build()
