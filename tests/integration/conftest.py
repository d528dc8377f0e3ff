"""The fixtures that several files of this folder share."""

from tests.integration.bad_input import send, unchanged, valid
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
from tests.integration.merchant import open_shop
from tests.integration.post import post
from tests.integration.reconciliation import clean_differences
from tests.integration.serving import booking
from tests.integration.shop import shop

__all__ = [
    "booking",
    "clean_differences",
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
    "open_shop",
    "post",
    "puppet",
    "send",
    "service",
    "shop",
    "small_hall",
    "unchanged",
    "valid",
]
