"""The end of a connection that is the client's, seen through the proxies that are ours."""

from __future__ import annotations

import functools
from typing import Any

from app.kernel.config import settings


def client_address(environ: dict[str, Any]) -> str:
    """The nearest address that is not one of our own proxies."""
    address: str = environ.get("REMOTE_ADDR", "")
    trusted = _trusted()
    if address not in trusted:
        return address
    for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        address = hop.strip() or address
        if address not in trusted:
            break
    return address


def client_port(environ: dict[str, Any]) -> str:
    """The client's port; empty where the proxy in front does not tell."""
    if environ.get("REMOTE_ADDR", "") in _trusted():
        port: str = environ.get("HTTP_X_CLIENT_PORT", "")
    else:
        port = environ.get("REMOTE_PORT", "")
    return port


@functools.cache
def _trusted() -> frozenset[str]:
    return frozenset(a.strip() for a in settings().trusted_proxies.split(",") if a.strip())
