"""What lies outside of the fleet, each at an address of its own and port 80.

The hosts' firewalls let nothing out but what a real cloud would have outside: a mirror of Debian,
the payment gateway, the event provider and somebody who listens to alerts.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from infra.lab import processes
from infra.lab.fleet.sources import find_mirrors, proxy_environ
from infra.lab.fleet.state import SIMULATORS, Fleet
from infra.lab.fleet.tools import run
from infra.lab.ports import takes_connections
from infra.lab.software import cache_folder

TEAM_SLUG = "biletter"

_ROOT = Path(__file__).parents[3]
_RELAY = "/lib/systemd/systemd-socket-proxyd"
_CONNECTIONS = 4096  # At once, more than all workers of the service open.


def start_mirror(fleet: Fleet) -> None:
    """Start the mirror, which answers from the cache where it can."""
    if processes.is_alive(fleet, "mirror"):
        return
    mirrors = find_mirrors()
    architecture = run("dpkg", "--print-architecture").strip()
    options = (
        *("--address", fleet.mirror, "--cache", cache_folder() / "fleet/archive"),
        *("--architecture", architecture, "--named-in", _ROOT / "ansible"),
    )
    upstreams = (f"debian={mirrors.main}", f"debian-security={mirrors.security}")
    _start(fleet, "mirror", ("infra.lab.fleet.mirror", *options, *upstreams), proxy_environ())
    processes.wait_for(fleet, "mirror", lambda: takes_connections(80, fleet.mirror))


def start_listener(fleet: Fleet) -> None:
    """Start who is told of alerts."""
    if not processes.is_alive(fleet, "listener"):
        options = ("--address", fleet.listener, "--file", fleet.messages)
        _start(fleet, "listener", ("infra.lab.fleet.messages", *options), {})


def start_simulators(fleet: Fleet) -> None:
    """Start the payment gateway and the event provider with empty ledgers or those they have."""
    password, secret = fleet.passwords["payment"], fleet.passwords["webhook"]
    notifications = f"https://{fleet.vip}/api/payments/notifications"
    gateway = ("--team-slug", TEAM_SLUG, "--password", password, "--webhook-secret", secret)
    options = {"gateway": (*gateway, "--webhook-url", notifications), "provider": ()}
    # The CA comes with the first converge; it is read anew for each connection.
    trust = {"SSL_CERT_FILE": str(fleet.ca_certificate)}
    for name in SIMULATORS:
        if not processes.is_alive(fleet, name):
            ledger = ("--port", fleet.ports[name], "--data", fleet.data / f"{name}.sqlite")
            _start(fleet, name, (f"app.simulators.{name}", *ledger, *options[name]), trust)


def start_relays(fleet: Fleet) -> None:
    """Lead the addresses of the simulators, which listen on the loopback alone, to them."""
    for name, address in zip(SIMULATORS, (fleet.gateway, fleet.provider), strict=True):
        relay = f"{name}-relay"
        if not processes.is_alive(fleet, relay):
            listen = ("systemd-socket-activate", "--listen", f"{address}:80", _RELAY)
            target = f"127.0.0.1:{fleet.ports[name]}"
            options = (f"--connections-max={_CONNECTIONS}", target)
            processes.start(fleet, relay, (*listen, *options))


def wait_for_simulators(fleet: Fleet) -> None:
    """Wait until both answer."""
    for name in SIMULATORS:
        processes.wait_for(fleet, name, partial(takes_connections, fleet.ports[name]))


def _start(fleet: Fleet, name: str, module: tuple[object, ...], environ: dict[str, str]) -> None:
    command = (sys.executable, "-m", *module)
    processes.start(fleet, name, command, {**environ, "PYTHONPATH": str(_ROOT)})
