"""The fleet's network: a bridge of this machine, with no way out.

This machine has the first addresses on it: one as the client, one for each thing that lies outside
of the fleet. Each is given by name in `Fleet`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.fleet.state import Fleet, Host
from infra.lab.fleet.tools import run

_UP = 1  # Among an interface's flags.
_CANDIDATES = [IPv4Network(f"10.{second}.0.0/24") for second in range(78, 128)]


def choose_network(used: Iterable[IPv4Network]) -> IPv4Network:
    """The first candidate that overlaps with nothing in use. Raises LabError when all do."""
    taken = list(used)
    for candidate in _CANDIDATES:
        if not any(candidate.overlaps(one) for one in taken):
            return candidate
    raise LabError(f"No network is free from {_CANDIDATES[0]} to {_CANDIDATES[-1]}.")


def used_networks() -> list[IPv4Network]:
    """What this machine has addresses in or routes to; the way to everywhere does not count."""
    addresses = json.loads(run("ip", "-json", "-4", "address"))
    routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all"))
    written = [
        f"{entry['local']}/{entry['prefixlen']}"
        for link in addresses
        for entry in link.get("addr_info", ())
        if "local" in entry
    ]
    written += [route["dst"] for route in routes if route["dst"] != "default"]
    return [IPv4Network(one, strict=False) for one in written]


def make_bridge(fleet: Fleet) -> None:
    """Make the bridge with this machine's addresses; one that is there stays."""
    if Path("/sys/class/net", fleet.key).exists():
        return
    # Without an address of its own it would take the lowest of its ports', which come and go.
    hardware = "02:" + ":".join(fleet.key.encode()[-5:].hex()[i : i + 2] for i in range(0, 10, 2))
    options = ("forward_delay", "0", "stp_state", "0")
    run("ip", "link", "add", fleet.key, "address", hardware, "type", "bridge", *options)
    # What hosts send to elsewhere ends here, even on a machine that forwards for others.
    Path(f"/proc/sys/net/ipv4/conf/{fleet.key}/forwarding").write_text("0")
    outside = (fleet.client, fleet.mirror, fleet.gateway, fleet.provider, fleet.listener)
    for address in outside:
        run("ip", "address", "add", f"{address}/24", "dev", fleet.key)
    run("ip", "link", "set", fleet.key, "up")


def remove_bridge(key: str) -> None:
    """Remove the bridge and the rules between hosts, as far as they are there."""
    if Path("/sys/class/net", key).exists():
        run("ip", "link", "delete", key)
    if f"table bridge {key}" in run("nft", "list", "tables"):
        run("nft", "delete", "table", "bridge", key)


def set_link(host: Host, state: str) -> None:
    """Pull a host's cable (`down`) or plug it in again (`up`)."""
    run("ip", "link", "set", host.link, state)


def remove_link(host: Host) -> None:
    """Remove what is left of a host's cable: the kernel does it by itself, some time later."""
    if Path("/sys/class/net", host.link).exists():
        subprocess.run(["ip", "link", "delete", host.link], capture_output=True, check=False)


def is_linked(host: Host) -> bool:
    """Whether a host's cable is plugged in."""
    flags = Path("/sys/class/net", host.link, "flags")
    return flags.exists() and bool(int(flags.read_text(), 16) & _UP)


def part_hosts(fleet: Fleet, one: Host, other: Host) -> None:
    """Drop what two hosts send to each other; each still reaches all others."""
    rules = [f"add table bridge {fleet.key}"]
    rules += [f"add chain bridge {fleet.key} parted {{ type filter hook forward priority 0; }}"]
    rules += [
        f'add rule bridge {fleet.key} parted iifname "{a.link}" oifname "{b.link}" drop'
        for a, b in ((one, other), (other, one))
    ]
    run("nft", "-f", "-", text="\n".join(rules))


def join_hosts(fleet: Fleet) -> None:
    """Take back all that `part_hosts` did."""
    table = f"table bridge {fleet.key}"
    if table in run("nft", "list", "tables"):
        run("nft", "delete", *table.split())
