"""A fleet's network, hosts and inventory, and what it asks of a machine; root is not needed."""

from __future__ import annotations

import os
import shutil
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cloud import inventory as cloud_inventory
from infra.lab.errors import LabError
from infra.lab.fleet import faults, inventory, life, tools
from infra.lab.fleet.network import choose_network
from infra.lab.fleet.state import Fleet, key_of

INTERFACE_NAME = 15  # What the kernel allows.


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet.create(
        tmp_path.resolve() / "fleet", tmp_path / "base", IPv4Network("10.79.0.0/24")
    )


@pytest.fixture
def written(fleet: Fleet) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(inventory.to_yaml(fleet))["all"]
    return content


def test_a_network_is_chosen_that_nothing_on_this_machine_uses() -> None:
    used = [IPv4Network("127.0.0.0/8"), IPv4Network("10.78.0.64/26"), IPv4Network("10.79.0.1/32")]

    assert choose_network(used) == IPv4Network("10.80.0.0/24")


def test_a_machine_without_a_free_network_is_refused() -> None:
    with pytest.raises(LabError, match="No network is free"):
        choose_network([IPv4Network("10.0.0.0/8")])


def test_without_root_nothing_is_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(LabError, match="needs root"):
        life.bring_up(tmp_path / "fleet")

    assert not (tmp_path / "fleet").exists()


def test_a_machine_that_is_not_debian_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(LabError, match="needs Debian"):
        tools.require_machine()


def test_only_packages_whose_programs_are_missing_are_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"ip", "losetup", "ssh-keygen", "nft", "systemd-socket-activate"}
    monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)

    assert tools.missing_packages() == ["mmdebstrap", "systemd-container"]


def test_a_fleet_is_found_again_with_its_network_and_passwords(fleet: Fleet) -> None:
    assert Fleet.open(fleet.folder) == fleet


def test_nobody_else_may_read_the_passwords(fleet: Fleet) -> None:
    inventory.write_inventory(fleet)

    for path in (fleet.folder / "fleet.json", fleet.inventory):
        assert path.stat().st_mode & 0o077 == 0


def test_a_folder_that_is_not_a_fleets_is_refused_by_both_ways(tmp_path: Path) -> None:
    (tmp_path / "biletter-lab").touch()  # The mark of the other kind of lab.

    with pytest.raises(LabError, match="not a lab's"):
        life.take_down(tmp_path)


def test_fleets_in_two_folders_share_no_name(fleet: Fleet, tmp_path: Path) -> None:
    other = Fleet.create(tmp_path / "other", tmp_path / "base", IPv4Network("10.80.0.0/24"))

    names = [{one.key, *(host.link for host in one.hosts.values())} for one in (fleet, other)]
    assert not names[0] & names[1]
    assert all(len(name) <= INTERFACE_NAME for name in names[0])
    assert key_of(fleet.folder) == fleet.key


def test_every_address_belongs_to_one_thing(fleet: Fleet) -> None:
    addresses = [host.address for host in fleet.hosts.values()]
    addresses += [
        fleet.client,
        fleet.mirror,
        fleet.gateway,
        fleet.provider,
        fleet.listener,
        fleet.vip,
    ]

    assert len(set(addresses)) == len(addresses) == 14


def test_the_inventory_has_the_roles_as_groups(written: dict[str, Any]) -> None:
    groups = {name: list(group["hosts"]) for name, group in written["children"].items()}

    assert groups == {
        "edge": ["edge-1", "edge-2"],
        "app": ["app-1", "app-2"],
        "db": ["db-1", "db-2", "db-3"],
        "monitor": ["monitor-1"],
        "backup": ["monitor-1"],
        "loadgen": [],
    }


def test_the_inventory_tells_all_that_a_clouds_tells(written: dict[str, Any]) -> None:
    cloud: dict[str, Any] = {"environment": "x", "groups": {}, "hosts": {}}
    cloud |= {"jump": {"user": "x", "address": "x"}, "vip": {}, "network": {}}
    expected = yaml.safe_load(cloud_inventory.to_yaml(cloud))["all"]

    assert expected["vars"].keys() <= written["vars"].keys()
    assert written["vars"]["biletter_environment"] == "lab-fleet"
    assert written["vars"]["biletter_vip"]["address"] == "10.79.0.10"
    assert written["vars"]["biletter_network"]["admin_cidrs"] == ["10.79.0.1/32"]


def test_the_jump_host_is_the_one_way_in(written: dict[str, Any], fleet: Fleet) -> None:
    way_in = {
        name: entry["ansible_ssh_common_args"]
        for group in written["children"].values()
        for name, entry in group["hosts"].items()
    }

    for name, options in way_in.items():
        assert options.startswith(f"-F {fleet.ssh_config}")
        assert ("ProxyJump=debian@10.79.0.41" in options) == (name != "monitor-1")


def test_the_service_is_told_where_the_simulators_are(written: dict[str, Any]) -> None:
    settings = written["vars"]["app_settings_extra"]

    assert settings["PAYMENT_GATEWAY_URL"] == "http://10.79.0.3"
    assert settings["EVENT_PROVIDER_URL"] == "http://10.79.0.4"
    assert settings["PAYMENT_PASSWORD"] != settings["PAYMENT_WEBHOOK_SECRET"]


def test_a_host_that_does_not_exist_cannot_be_broken(fleet: Fleet) -> None:
    with pytest.raises(LabError, match="There is no host db-9: there are edge-1, "):
        faults.crash(fleet, "db-9")


def test_a_host_that_does_not_run_cannot_be_broken(fleet: Fleet) -> None:
    with pytest.raises(LabError, match="db-1 does not run"):
        faults.power_off(fleet, "db-1")


def test_databases_and_the_monitor_have_volumes_that_a_new_disk_leaves_alone(
    fleet: Fleet, written: dict[str, Any]
) -> None:
    hosts = {
        name: host["biletter_host"]["data"]
        for group in ("edge", "app", "db", "monitor")
        for name, host in written["children"][group]["hosts"].items()
    }
    with_volume = {name for name, data in hosts.items() if data is not None}

    assert with_volume == {"db-1", "db-2", "db-3", "monitor-1"}
    assert hosts["db-1"] == {"gb": 4, "devices": ["/dev/vdb"]}
    for name in with_volume:
        host = fleet.hosts[name]
        assert host.volume is not None
        assert host.disk not in host.volume.parents
