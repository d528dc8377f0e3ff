"""Whom the service takes for its client behind proxies, and whom it does not believe."""

from __future__ import annotations

from typing import Any

import pytest

from app.kernel import proxies

EDGE = "10.0.0.11"
OTHER_EDGE = "10.0.0.12"


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own proxies are the two edges."""
    monkeypatch.setattr(proxies, "_trusted", lambda: frozenset({EDGE, OTHER_EDGE}))


def request(remote: str, **headers: str) -> dict[str, Any]:
    return {"REMOTE_ADDR": remote, "REMOTE_PORT": "50001"} | {
        f"HTTP_{name.upper()}": value for name, value in headers.items()
    }


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        (request("192.0.2.7"), "192.0.2.7"),
        (request(EDGE, x_forwarded_for="192.0.2.7"), "192.0.2.7"),
        (request(EDGE, x_forwarded_for="198.51.100.1, 192.0.2.7"), "192.0.2.7"),
        (request(EDGE, x_forwarded_for=f"192.0.2.7, {OTHER_EDGE}"), "192.0.2.7"),
        (request(EDGE), EDGE),
        (request("192.0.2.7", x_forwarded_for="198.51.100.1"), "192.0.2.7"),
    ],
)
def test_the_address_is_the_nearest_that_is_not_ours(environ: dict[str, Any], address: str) -> None:
    assert proxies.client_address(environ) == address


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        (request("192.0.2.7"), "50001"),
        (request("192.0.2.7", x_client_port="1"), "50001"),
        (request(EDGE, x_client_port="40007"), "40007"),
        (request(EDGE), ""),
    ],
)
def test_the_port_is_the_clients_not_the_proxys(environ: dict[str, Any], port: str) -> None:
    assert proxies.client_port(environ) == port
