"""Who calls: HTTP Basic, looked up once and then remembered for some seconds.

Accepted and refused credentials are remembered apart, so that a flood of wrong ones cannot push
out the right ones. The cache's keys are keyed hashes of the header: nobody reads a password out
of a memory dump.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from app.kernel import errors
from app.kernel.cache import TimedCache
from app.kernel.config import settings

_MAX_HEADER = 8192


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: an account with its roles and the organizers it works for."""

    user_id: int
    roles: frozenset[str] = field(default_factory=frozenset)
    organizers: frozenset[int] = field(default_factory=frozenset)


Lookup = Callable[[str, str], Principal | None]


class BasicAuthentication:
    """Turns an Authorization header into a Principal with the help of `lookup(email, password)`."""

    def __init__(self, lookup: Lookup) -> None:
        config = settings()
        self._lookup = lookup
        self._key = os.urandom(32)
        self._accepted: TimedCache[bytes, Principal] = TimedCache(
            config.auth_cache_size, config.auth_cache_seconds
        )
        self._refused: TimedCache[bytes, bool] = TimedCache(
            config.auth_cache_size, config.auth_cache_seconds
        )

    def principal(self, header: str | None) -> Principal | None:
        """The account that the header proves, or None. Raises Unavailable, Busy."""
        if not header or len(header) > _MAX_HEADER:
            return None
        key = hashlib.blake2b(
            header.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16
        ).digest()
        if (known := self._accepted.get(key)) is not None:
            return known
        if self._refused.get(key):
            return None
        credentials = parse(header)
        principal = self._lookup(*credentials) if credentials else None
        if principal is None:
            self._refused.put(key, True)
        else:
            self._accepted.put(key, principal)
        return principal

    def required(self, header: str | None) -> Principal:
        """The account that the header proves. Raises Unauthorized."""
        principal = self.principal(header)
        if principal is None:
            raise errors.Unauthorized
        return principal


def parse(header: str) -> tuple[str, str] | None:
    """Split a Basic header into e-mail and password (RFC 7617, UTF-8), or None if it is not one."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(token.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    email, colon, password = text.partition(":")
    if not colon or "\0" in text:
        return None
    return email, password
