"""Who reaches whom: OVN's own verdict on the flows that it made, held against the rule table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any, NamedTuple

import pytest
import yaml

from infra.lab.openstack.client import Cloud
from infra.lab.ovn.trace import OUTSIDE, SOMEBODY, Tracer
from tests.deployment.cloud.conftest import ROOT
from tests.deployment.cloud.operator import Operator

TABLE = yaml.safe_load((ROOT / "infra/rules.yaml").read_text())
STRANGER = "192.0.2.77"
"""An address outside from which no administrator comes; SOMEBODY is one of theirs."""
OTHER_PORTS = {("tcp", 1), ("tcp", 3000), ("tcp", 6432), ("tcp", 65535), ("udp", 22), ("udp", 5432)}


class Row(NamedTuple):
    """A row of the table, its jump host named by its role."""

    sender: str
    receiver: str
    protocol: str
    ports: range | None

    def covers(self, protocol: str, port: int | None) -> bool:
        """Whether a packet is of the row's kind."""
        return protocol == self.protocol and (self.ports is None or port in self.ports)


def rows() -> Iterator[Row]:
    """The table."""
    for row in TABLE["rules"]:
        first, _, last = str(row.get("ports", "")).partition("-")
        ports = range(int(first), int(last or first) + 1) if first else None
        ends = (TABLE["jump"] if row[end] == "jump" else row[end] for end in ("from", "to"))
        yield Row(*ends, row["protocol"], ports)


ROWS = [*rows()]
PROBES = sorted(
    {(row.protocol, port) for row in ROWS for port in (row.ports or [None])} | OTHER_PORTS,
    key=str,
)  # fmt: skip


def leaves(role: str, to: str, protocol: str, port: int | None) -> bool:
    """Whether the table lets a host of a role send this to a role, or to the world."""
    return any(
        row.sender in (role, "all")
        and row.receiver in {to, "world"} | ({"all"} if to != "world" else set())
        for row in ROWS
        if row.covers(protocol, port)
    )


def enters(role: str, senders: set[str], protocol: str, port: int | None) -> bool:
    """Whether the table lets a host of a role take this from one of these."""
    return any(
        row.sender in senders and row.receiver in (role, "all")
        for row in ROWS
        if row.covers(protocol, port)
    )


def role_of(host: str) -> str:
    return host.rpartition("-")[0]


class Addresses(NamedTuple):
    """Of one environment."""

    hosts: Mapping[str, str]
    vip: str
    vip_outside: str
    jump: str


@pytest.fixture(scope="module")
def addresses(standing: Operator) -> Addresses:
    text = (standing.folder / "infra/.state/lab/inventory.yml").read_text()
    everything: dict[str, Any] = yaml.safe_load(text)["all"]
    hosts = {
        key: host["biletter_host"]["address"]
        for group in everything["children"].values()
        for key, host in group["hosts"].items()
    }
    vip = everything["vars"]["biletter_vip"]
    jump = everything["children"]["monitor"]["hosts"]["monitor-1"]["ansible_host"]
    return Addresses(hosts, vip["address"], vip["floating_ip"], jump)


@pytest.fixture(scope="module")
def tracer(standing: Operator, addresses: Addresses) -> Iterator[Tracer]:
    del addresses
    with Tracer(standing.lab) as tracer:
        yield tracer


def differences(verdicts: Mapping[str, tuple[bool, bool]]) -> list[str]:
    """What is not as the table says: probe, allowed or dropped."""
    return [
        f"{probe}: {'allowed' if allowed else 'dropped'}"
        for probe, (allowed, expected) in verdicts.items()
        if allowed != expected
    ]


def test_every_pair_of_hosts_reaches_each_other_as_the_table_says_and_not_else(
    tracer: Tracer, addresses: Addresses
) -> None:
    verdicts = {}
    for (sender, own), (receiver, address) in permutations(addresses.hosts.items(), 2):
        for protocol, port in PROBES:
            here, there = role_of(sender), role_of(receiver)
            expected = leaves(here, there, protocol, port) and enters(
                there, {here, "all", "world"}, protocol, port
            )
            verdict = tracer.trace(own, address, protocol, port)
            verdicts[f"{sender} → {receiver} {protocol}/{port}"] = verdict.allowed, expected
    assert differences(verdicts) == []
    allowed = [probe for probe, (is_allowed, _) in verdicts.items() if is_allowed]
    assert 100 < len(allowed) < len(verdicts) / 2


def test_hosts_call_outside_what_the_table_says_and_not_else(
    tracer: Tracer, addresses: Addresses
) -> None:
    verdicts = {}
    for host, own in addresses.hosts.items():
        for protocol, port in PROBES:
            expected = leaves(role_of(host), "world", protocol, port)
            verdict = tracer.trace(own, STRANGER, protocol, port)
            verdicts[f"{host} → outside {protocol}/{port}"] = verdict.allowed, expected
    assert differences(verdicts) == []


def test_buyers_reach_the_shared_address_alone_and_on_two_ports(
    tracer: Tracer, addresses: Addresses
) -> None:
    verdicts = {}
    for protocol, port in PROBES:
        expected = enters("edge", {"world"}, protocol, port)
        verdict = tracer.trace(OUTSIDE, addresses.vip_outside, protocol, port)
        verdicts[f"outside → vip {protocol}/{port}"] = verdict.allowed, expected
    assert differences(verdicts) == []
    allowed = {probe for probe, (is_allowed, _) in verdicts.items() if is_allowed}
    assert allowed == {"outside → vip tcp/443", "outside → vip tcp/80"}


@pytest.mark.parametrize(("address", "ports"), [(SOMEBODY, {22}), (STRANGER, set())])
def test_only_administrators_reach_the_jump_host_and_nothing_but_ssh(
    tracer: Tracer, addresses: Addresses, address: str, ports: set[int]
) -> None:
    allowed = {
        port
        for protocol, port in PROBES
        if tracer.trace(OUTSIDE, addresses.jump, protocol, port, source_address=address).allowed
    }
    assert allowed == ports


def test_a_neighbour_of_the_router_reaches_no_more_than_buyers_do(
    tracer: Tracer, addresses: Addresses
) -> None:
    """Who stands on the cloud's external network may send to inner addresses; the groups decide."""
    verdicts = {}
    for host, address in addresses.hosts.items():
        for protocol, port in PROBES:
            expected = enters(role_of(host), {"world"}, protocol, port)
            verdict = tracer.trace(OUTSIDE, address, protocol, port, source_address=STRANGER)
            verdicts[f"outside → {host} {protocol}/{port}"] = verdict.allowed, expected
    assert differences(verdicts) == []
    allowed = {probe for probe, (is_allowed, _) in verdicts.items() if is_allowed}
    assert allowed == {f"outside → edge-{n} tcp/{port}" for n in (1, 2) for port in (80, 443)}


def test_an_edge_speaks_with_the_shared_address_and_nobody_with_another(
    tracer: Tracer, addresses: Addresses
) -> None:
    target = addresses.hosts["app-1"]
    for edge in ("edge-1", "edge-2"):
        own = addresses.hosts[edge]
        assert tracer.trace(own, target, "tcp", 8000, source_address=addresses.vip).allowed
        assert not tracer.trace(own, target, "tcp", 8000, source_address="10.40.0.11").allowed
    taken = addresses.hosts["app-2"]
    assert not tracer.trace(taken, target, "icmp", source_address=addresses.vip).allowed


def test_the_matrix_sees_a_rule_that_is_gone(standing: Operator, addresses: Addresses) -> None:
    """The control: without the row the same packet is dropped."""
    admin = Cloud.admin(standing.lab)
    with Tracer(standing.lab) as tracer:
        assert tracer.trace(OUTSIDE, addresses.vip_outside, "tcp", 443).allowed
    groups = admin.get("network", "/v2.0/security-groups?name=lab-edge")["security_groups"]
    rules = groups[0]["security_group_rules"]
    https = next(one for one in rules if one["port_range_min"] == 443)
    admin.delete("network", f"/v2.0/security-group-rules/{https['id']}")
    try:
        with Tracer(standing.lab) as tracer:
            assert not tracer.trace(OUTSIDE, addresses.vip_outside, "tcp", 443).allowed
    finally:
        standing.must("apply", "lab", "--yes")
    with Tracer(standing.lab) as tracer:
        assert tracer.trace(OUTSIDE, addresses.vip_outside, "tcp", 443).allowed
