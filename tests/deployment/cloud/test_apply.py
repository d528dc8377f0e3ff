"""From nothing to an environment, and back to nothing."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from infra.lab.openstack.listing import list_names
from tests.deployment.cloud.operator import Operator


def test_a_second_plan_is_empty(standing: Operator) -> None:
    assert standing.planned() == {}


def test_the_inventory_has_every_host_in_its_group_behind_the_jump_host(standing: Operator) -> None:
    text = (standing.folder / "infra/.state/lab/inventory.yml").read_text()
    inventory: dict[str, Any] = yaml.safe_load(text)["all"]
    groups = {name: [*group["hosts"]] for name, group in inventory["children"].items()}
    assert groups == {
        "edge": ["edge-1", "edge-2"],
        "app": ["app-1", "app-2"],
        "db": ["db-1", "db-2", "db-3"],
        "monitor": ["monitor-1"],
        "backup": ["backup-1"],
        "loadgen": ["loadgen-1"],
    }
    servers = standing.servers()
    hosts = {
        key: host for one in inventory["children"].values() for key, host in one["hosts"].items()
    }
    monitor = hosts.pop("monitor-1")
    assert "ansible_ssh_common_args" not in monitor
    addresses = standing.clouds("network", "/v2.0/floatingips")["floatingips"]
    assert monitor["ansible_host"] in {one["floating_ip_address"] for one in addresses}
    for key, host in hosts.items():
        network = servers[key]["addresses"]["lab-network"]
        assert host["ansible_host"] == network[0]["addr"]
        assert host["ansible_ssh_common_args"].endswith("@" + monitor["ansible_host"])
    assert hosts["db-1"]["biletter_host"]["data"]["gb"] == 4


def test_members_of_a_role_are_on_different_machines(standing: Operator) -> None:
    servers = standing.servers()
    for role in ("edge", "app", "db"):
        machines = [
            server["OS-EXT-SRV-ATTR:host"]
            for server in servers.values()
            if server["metadata"]["role"] == role
        ]
        assert len(machines) >= 2
        assert len({*machines}) == len(machines), role


def test_no_secret_is_in_the_state(standing: Operator) -> None:
    passwords = standing.lab.passwords.values()
    files = [*(standing.folder / "infra/.state/lab").rglob("*.tfstate*")]
    assert len(files) >= 2
    for file in files:
        text = file.read_text()
        assert not any(password in text for password in passwords)
        assert "PRIVATE KEY" not in text


@pytest.mark.long
@pytest.mark.parametrize("environment", ["hackathon", "production"])
def test_an_environment_is_applied_destroyed_and_erased(
    operator: Operator, environment: str
) -> None:
    before = list_names(operator.lab)
    told = operator.must("apply", environment, "--yes")
    assert "administrators enter by debian@203.0.113." in told
    assert operator.planned(environment=environment) == {}
    operator.must("destroy", environment, "--yes")
    left = list_names(operator.lab)
    new = {
        kind: {*left[kind]} - {*before[kind]} for kind in left if {*left[kind]} - {*before[kind]}
    }
    assert {*new} == {"volumes", "floatingips", "ports"}
    assert all("-data " in volume for volume in new["volumes"])
    assert len(new["ports"]) == len(new["floatingips"]) == 2  # Neutron's own, one for each.
    assert "is not its name" in operator.refused("erase", environment, said="yes\n")
    assert list_names(operator.lab) == left
    operator.must("erase", environment, said=f"{environment}\n")
    assert list_names(operator.lab) == before
