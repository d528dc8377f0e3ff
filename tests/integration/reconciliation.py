"""What the tests of reconciliation share: a clean start, a sale, a comparison, what it found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.operations import differences, reconciling
from app.operations.models import Outcome, Part
from tests.integration.gateway import Puppet
from tests.integration.shop import Attempt, Shop, worked_until


@pytest.fixture
def clean_differences(app: Any, sql: psycopg.Connection[Any]) -> Iterator[None]:  # noqa: ARG001 - it comes first
    """No differences of earlier tests, and none that later ones would see."""
    sql.execute("TRUNCATE differences, reconciliations")
    yield
    sql.execute("TRUNCATE differences, reconciliations")


def listed() -> set[tuple[str, str]]:
    """What waits for a person."""
    return {(one.kind, one.subject) for one in differences.listed()}


def healed() -> set[tuple[str, str]]:
    return {(one.kind, one.subject) for one in differences.history() if one.healed_at}


def pass_time(sql: psycopg.Connection[Any]) -> None:
    """Let all that was seen have been seen some time ago."""
    sql.execute("UPDATE differences SET first_seen = first_seen - interval '10 minutes'")


def compared(part: Part) -> Outcome:
    outcome = reconciling.compare(part)
    assert outcome.error == ""
    return outcome


def sell(shop: Shop, puppet: Puppet) -> Attempt:
    """A paid booking."""
    attempt = shop.initiate()
    puppet.change(status="AUTHORIZED")
    shop.check_now(attempt.order)
    worked_until(lambda: shop.booking(attempt.booking) == "CONFIRMED")
    return attempt
