"""The fixtures of races, those included that they share with the integration tests."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.integration.gateway import clean_turns, closed_breakers, puppet
from tests.integration.shop import shop
from tests.races.line import Line

__all__ = ["clean_turns", "closed_breakers", "puppet", "shop"]


@pytest.fixture
def line(sql: psycopg.Connection[Any]) -> Line:
    return Line(sql)
