"""The fixtures that several files of this folder share."""

from tests.integration.gateway import (
    clean_turns,
    coded,
    documented,
    either_gateway,
    gateway,
    puppet,
    service,
)

__all__ = [
    "clean_turns",
    "coded",
    "documented",
    "either_gateway",
    "gateway",
    "puppet",
    "service",
]
