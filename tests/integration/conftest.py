"""The fixtures that several files of this folder share."""

from tests.integration.dataset import importer, migrated
from tests.integration.gateway import (
    clean_turns,
    coded,
    coded_gateway,
    documented,
    either_gateway,
    gateway,
    puppet,
    service,
)
from tests.integration.shop import shop

__all__ = [
    "clean_turns",
    "coded",
    "coded_gateway",
    "documented",
    "either_gateway",
    "gateway",
    "importer",
    "migrated",
    "puppet",
    "service",
    "shop",
]
