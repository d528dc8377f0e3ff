"""What OVN's logical flows do to a packet: security groups, routers, NAT and virtual addresses.

`ovn-trace` reads the flows once and then answers by its control socket: hundreds of packets in a
second. What Terraform changes after that is seen by the next `Tracer`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from infra.lab import processes
from infra.lab.errors import LabError
from infra.lab.ovn.chassis import GATEWAY_MAC
from infra.lab.ovn.jsonrpc import Connection, RemoteError
from infra.lab.ovn.servers import ovn_environ
from infra.lab.ovn.topology import OUTSIDE, Topology, is_multicast
from infra.lab.state import Lab

SOMEBODY = "198.51.100.7"  # An address outside that nobody in the lab has.

_NUMBERS = {"vrrp": 112}
_OUTPUT = re.compile(r'\boutput\("([^"]+)"')
# Every connection table on the way sees a new connection; without this an established one would be
# assumed. The program uses the list up: a trace takes one for each table that it passes.
_TABLES, _TRACES = 8, 5000
_NEW = ["--ct=new"] * (_TABLES * _TRACES)


@dataclass(frozen=True)
class Verdict:
    """What became of a packet."""

    allowed: bool
    """Whether it reached the port that owns the destination, or left the cloud as it should.

    A multicast packet is allowed when it reached anybody: `left_at` says whom.
    """
    left_at: tuple[str, ...]
    """The ports that it left by, as Neutron's ids or OUTSIDE; empty when it was dropped."""
    text: str
    """The trace, for a person."""


class Tracer:
    """The logical flows of a lab at one moment, to send packets through.

    with Tracer(lab) as tracer:
        assert tracer.trace("outside", "203.0.113.20", "tcp", 443).allowed
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._traces = 0
        self._name = f"ovn-trace-{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        self.topology = Topology(self._lab)
        run = self._lab.run
        socket = run / f"{self._name}.ctl"
        command = [
            self._lab.root / "usr/bin/ovn-trace",
            f"--db=unix:{run}/sb.sock",
            f"--unixctl={socket}",
        ]
        daemon = [
            "--no-friendly-names",
            "--detach",
            "--no-chdir",
            f"--pidfile={run}/{self._name}.pid",
        ]
        processes.run(self._lab, self._name, [*command, *daemon, *_NEW], ovn_environ(self._lab))
        self._connection = Connection(socket)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.call("exit")
        self._connection.__exit__(kind, error, trace)
        (self._lab.log / f"{self._name}.log").unlink()

    def trace(
        self,
        source: str,
        destination: str,
        protocol: str,
        port: int | None = None,
        *,
        source_address: str | None = None,
        detail: str = "--minimal",
    ) -> Verdict:
        """Send the first packet of a connection and say what became of it.

        `source` is OUTSIDE, or the id, name or address of a server's port; `destination` an IPv4
        address, also a virtual, a floating or a foreign one; `protocol` tcp, udp, icmp, vrrp or a
        number; `source_address` the address that the packet claims to come from, if not its own.
        Raises LookupError when there is no such source, or when it is not clear who is meant.
        """
        self._traces += 1
        if self._traces > _TRACES:
            raise LabError(f"A Tracer serves {_TRACES} packets. Open another.")
        if source == OUTSIDE:
            begin = self.topology.way_from_outside(destination)
            mac, address = GATEWAY_MAC, SOMEBODY
        else:
            sender = self.topology.port(source)
            begin = self.topology.way_from(sender, destination)
            mac, address = sender.mac, sender.addresses[0]
        if begin is None:
            return Verdict(allowed=False, left_at=(), text=f"No router answers for {destination}.")
        way, expected = begin
        header = (
            f"ip4.src == {source_address or address} && ip4.dst == {destination} && ip.ttl == 64"
        )
        ethernet = f"eth.src == {mac} && eth.dst == {way.mac}"
        packet = f'inport == "{way.port}" && {ethernet} && {header} && {_payload(protocol, port)}'
        try:
            text = self._connection.call("trace", detail, way.network, packet)
        except RemoteError as error:
            raise LabError(f"ovn-trace refuses {packet}: {error}") from None
        names = dict.fromkeys(_OUTPUT.findall(text))
        left = tuple(OUTSIDE if name in self.topology.localnets else name for name in names)
        return Verdict(bool(left) if is_multicast(destination) else expected in left, left, text)


def _payload(protocol: str, port: int | None) -> str:
    match protocol:
        case "tcp" | "udp":
            return f"{protocol} && {protocol}.src == 40000 && {protocol}.dst == {port}"
        case "icmp":
            return "icmp4 && icmp4.type == 8 && icmp4.code == 0"
    return f"ip.proto == {_NUMBERS.get(protocol, protocol)}"
