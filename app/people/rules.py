"""How a password is compared with what is stored."""

from __future__ import annotations

import hashlib
import hmac

_NOBODY = hashlib.sha256(b"nobody").hexdigest()


def password_matches(password: str, stored: str | None) -> bool:
    """Whether the password has the stored SHA-256 hex (the dataset's format).

    An account that does not exist (None) costs the same time as one that does.
    """
    given = hashlib.sha256(password.encode("utf-8", "surrogatepass")).hexdigest()
    equal = hmac.compare_digest(given.encode(), (stored or _NOBODY).lower().encode())
    return equal and stored is not None
