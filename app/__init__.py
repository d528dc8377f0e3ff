"""Biletter: the booking service. Entry points patch gevent first, then call `create_app`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app(*, warm: bool = False) -> Flask:
    """The WSGI application, with the settings of the environment. Raises SettingsError.

    `warm` has it read in the background what whoever comes first would have to wait for.
    """
    # Imported here: the import builds on settings and on gevent's patches.
    import gevent  # noqa: PLC0415

    from app import application  # noqa: PLC0415

    if warm:
        gevent.spawn(application.warm_up)
    return application.build()
