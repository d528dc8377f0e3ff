"""The fixtures that several files of this folder share."""

from tests.integration.dataset import importer, migrated
from tests.integration.gateway import (
    clean_turns,
    closed_breakers,
    coded,
    coded_gateway,
    documented,
    either_gateway,
    gateway,
    puppet,
    service,
)
from tests.integration.hall import hall, small_hall
from tests.integration.shop import shop

__all__ = [
    "clean_turns",
    "closed_breakers",
    "coded",
    "coded_gateway",
    "documented",
    "either_gateway",
    "gateway",
    "hall",
    "importer",
    "migrated",
    "puppet",
    "service",
    "shop",
    "small_hall",
]
