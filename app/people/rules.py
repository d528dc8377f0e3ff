"""How a password is compared with what is stored."""

from __future__ import annotations

import hashlib
import hmac

_NOBODY = hashlib.sha256(b"nobody").hexdigest()


def password_matches(password: str, stored: str | None) -> bool:
    """Whether the password has the stored SHA-256 hex (the dataset's format).

    An account that does not exist (None) costs the same time as one that does.
    """
    equal = hmac.compare_digest(hashed(password).encode(), (stored or _NOBODY).lower().encode())
    return equal and stored is not None


def hashed(password: str) -> str:
    """A password as it is stored (the dataset's format)."""
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).hexdigest()
