"""The fixtures of both proofs, and a venue that one session shares."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.gateway import (
    Simulator,
    clean_turns,
    closed_breakers,
    configured,
    documented,
    gateway,
    service,
)
from tests.integration.provider import QUICK, Provider, program
from tests.integration.shop import Shop, shop
from tests.sagas.forks import ForkServer
from tests.sagas.venue import Venue

__all__ = ["clean_turns", "closed_breakers", "documented", "gateway", "service", "shop"]

IS_LONG = bool(os.environ.get("SAGAS_LONG"))


@pytest.fixture(scope="session")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Provider]]:
    """The provider's program in a mode, started when it is first asked for."""
    folder = tmp_path_factory.mktemp("venue")
    running: dict[str, Provider] = {}
    size = ("--rows=20", "--seats-per-row=50")
    with ExitStack() as stack:

        def find(mode: str) -> Provider:
            if mode not in running:
                data = folder / f"{mode}.sqlite"
                running[mode] = stack.enter_context(program(data, *size, QUICK, f"--mode={mode}"))
            return running[mode]

        yield find


@pytest.fixture(scope="session")
def forks(app: Any, environment: dict[str, str]) -> Iterator[ForkServer]:  # noqa: ARG001 - migrated
    """Processes that can be killed, for what a fork costs."""
    with ForkServer(environment) as server:
        yield server


@pytest.fixture(params=["documented", "coded"] if IS_LONG else ["coded"])
def venue_provider(request: pytest.FixtureRequest, venues: Callable[[str], Provider]) -> Provider:
    """The provider; in the long form in each of its modes."""
    return venues(request.param)


@pytest.fixture
def venue(
    venue_provider: Provider,
    forks: ForkServer,
    gateway: Simulator,
    shop: Shop,
) -> Iterator[Venue]:
    """A venue that nobody has been in."""
    provider = venue_provider
    made = Venue(shop.sql, shop.new_user, shop.new_event, shop.anybody, shop.buyer, shop.event)
    made.provider, made.gateway, made.forks = provider, gateway, forks
    variables = {
        "EVENT_PROVIDER_URL": provider.base,
        "EVENT_PROVIDER_PATIENCE": "0.3",
        "EVENT_PROVIDER_WINDOW": "2000",
        "PAYMENT_DEADLINE": "1",
    }
    made.settings = variables | {
        "PAYMENT_GATEWAY_URL": gateway.base,
        "BILETTER_PUBLIC_URL": gateway.service,
    }
    with configured(**variables):
        made.start_over()
        yield made
        made.leave()
