"""The fixtures that races about money share with the integration tests."""

from tests.integration.gateway import clean_turns, closed_breakers, puppet
from tests.integration.shop import shop

__all__ = ["clean_turns", "closed_breakers", "puppet", "shop"]
