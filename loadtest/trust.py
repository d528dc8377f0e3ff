"""Whose certificate an HTTPS service must show: anybody's, unless a CA was named."""

import ssl
from dataclasses import dataclass


@dataclass(slots=True)
class Trust:
    """What holds for all connections of this process."""

    ca: str | None = None
    """Certificates in PEM, of which one must have signed the service's."""


TRUST = Trust()


def context(cafile: object = None) -> ssl.SSLContext:  # noqa: ARG001 - Locust's client names a file
    """Return what a connection needs."""
    if TRUST.ca is not None:
        return ssl.create_default_context(cadata=TRUST.ca)
    # As Locust's own clients do: most services under load are known by an address alone.
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    return unverified
