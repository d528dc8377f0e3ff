"""What OVN's databases say of ports and addresses: who owns one, and how a packet finds it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, ip_address

from infra.lab.ovn.database import Row, select, several
from infra.lab.ovn.servers import NORTH, SOUTH, connect
from infra.lab.state import Lab

OUTSIDE = "outside"

_NOBODY = "00:00:00:00:00:00"


@dataclass(frozen=True)
class Port:
    """A port of a server: `name` is Neutron's id of it, `label` the name that a person gave."""

    name: str
    label: str
    network: str
    mac: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """How a packet begins: the network it is on, the port it enters by, and the next hop's MAC."""

    network: str
    port: str
    mac: str


@dataclass(frozen=True)
class _Router:
    """A router: its MAC on each network that it serves, and what it does on the external one."""

    macs: dict[str, str]
    subnets: dict[str, list[IPv4Network]]
    translations: dict[str, str]
    outside: Way | None
    outside_addresses: tuple[str, ...]

    def holds(self, address: str) -> bool:
        """Whether the address lies in a subnet behind the router."""
        subnets = [subnet for several in self.subnets.values() for subnet in several]
        return any(ip_address(address) in subnet for subnet in subnets)


class Topology:
    """The two databases at one moment."""

    def __init__(self, lab: Lab) -> None:
        with connect(lab, SOUTH) as connection:
            (bindings,) = select(connection, SOUTH, "Port_Binding")
        with connect(lab, NORTH) as connection:
            north = select(connection, NORTH, "Logical_Router", "Logical_Router_Port", "NAT")
        self._bindings: dict[str, Row] = {row["logical_port"]: row for row in bindings}
        self.ports = [_port(row) for row in bindings if row["type"] == "" and row["mac"]]
        self.localnets = {row["logical_port"] for row in bindings if row["type"] == "localnet"}
        ports, translations = ({row["_uuid"]: row for row in rows} for rows in north[1:])
        self._routers = [self._router(row, ports, translations) for row in north[0]]

    def port(self, wanted: str) -> Port:
        """The port with this id, name or address. Raises LookupError."""
        found = [p for p in self.ports if wanted in (p.name, p.label, *p.addresses)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} ports of servers are called {wanted}.")
        return found[0]

    def way_from(self, port: Port, destination: str) -> tuple[Way, str | None]:
        """How a packet of a server begins, and which port it should reach (see `_owner`).

        It goes to a neighbour at once, and by the router to all others.
        """
        routers = [router for router in self._routers if port.network in router.macs]
        owner = self._owner(destination, routers, {port.network})
        mac = _multicast_mac(destination) or self._neighbour(
            port.network, destination, owner, routers
        )
        mac = mac or next((router.macs[port.network] for router in routers), _NOBODY)
        return Way(port.network, port.name, mac), owner

    def way_from_outside(self, destination: str) -> tuple[Way, str | None] | None:
        """How a packet from outside begins; None when no router answers for the address there.

        For an address inside the cloud a neighbour on the external network is assumed that sends
        it to the router all the same. Raises LookupError when several routers hold it.
        """
        found = [
            router
            for router in self._routers
            if destination in (*router.translations, *router.outside_addresses)
            or router.holds(destination)
        ]
        if len(found) > 1:
            raise LookupError(f"{len(found)} routers hold {destination}.")
        if not found or found[0].outside is None:
            return None
        return found[0].outside, self._owner(destination, found, set())

    def _owner(self, address: str, routers: list[_Router], networks: set[str]) -> str | None:
        """The port that a packet should reach; OUTSIDE for an address that is not in the cloud.

        A virtual address is owned by its present holder, a floating one by the port behind it.
        """
        for router in self._routers:
            if address in router.translations:
                return self._owner(router.translations[address], [router], set())
        scope = networks.union(*(router.macs for router in routers))
        for row in self._of_type("virtual"):
            if row["datapath"] in scope and row["options"].get("virtual-ip") == address:
                return row["virtual_parent"] or None
        for port in self.ports:
            if port.network in scope and address in port.addresses:
                return port.name
        return None if any(router.holds(address) for router in routers) else OUTSIDE

    def _neighbour(
        self, network: str, address: str, owner: str | None, routers: list[_Router]
    ) -> str | None:
        """The MAC that answers for an address on the network itself: not for a floating one."""
        subnets = [subnet for router in routers for subnet in router.subnets[network]]
        row = self._bindings.get(owner or "")
        if row is None or row["datapath"] != network:
            return None
        is_local = not subnets or any(ip_address(address) in subnet for subnet in subnets)
        return _mac(row) if is_local else None

    def _router(self, router: Row, ports: dict[str, Row], translations: dict[str, Row]) -> _Router:
        gateways = {row["options"]["distributed-port"] for row in self._of_type("chassisredirect")}
        macs: dict[str, str] = {}
        subnets: dict[str, list[IPv4Network]] = {}
        outside: Way | None = None
        outside_addresses: tuple[str, ...] = ()
        for uuid in several(router["ports"]):
            row = self._bindings.get(ports[uuid]["name"])
            peer = self._bindings.get(row["options"].get("peer", "")) if row else None
            if row is None or peer is None:
                continue
            network = peer["datapath"]
            if row["logical_port"] in gateways:
                entry = next(
                    name for name in self.localnets if self._bindings[name]["datapath"] == network
                )
                outside, outside_addresses = Way(network, entry, _mac(row)), _addresses(row)
            else:
                macs[network] = _mac(row)
                subnets[network] = [IPv4Interface(text).network for text in row["mac"].split()[1:]]
        rows = [translations[uuid] for uuid in several(router["nat"])]
        floating = {
            row["external_ip"]: row["logical_ip"] for row in rows if row["type"] == "dnat_and_snat"
        }
        return _Router(macs, subnets, floating, outside, outside_addresses)

    def _of_type(self, kind: str) -> list[Row]:
        return [row for row in self._bindings.values() if row["type"] == kind]


def is_multicast(address: str) -> bool:
    """Whether a packet to the address goes to all who listen on the network."""
    return ip_address(address).is_multicast


def _multicast_mac(address: str) -> str | None:
    if not is_multicast(address):
        return None
    low = (int(ip_address(address)) & 0x7FFFFF).to_bytes(3)
    return f"01:00:5e:{low.hex(':')}"


def _port(row: Row) -> Port:
    label = row["external_ids"].get("neutron:port_name", "")
    return Port(row["logical_port"], label, row["datapath"], _mac(row), _addresses(row))


def _mac(row: Row) -> str:
    return str(row["mac"].split()[0])


def _addresses(row: Row) -> tuple[str, ...]:
    return tuple(text.partition("/")[0] for text in row["mac"].split()[1:])
