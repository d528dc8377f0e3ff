"""The stand-in for the chassis claims what OVN would have its hosts claim, and nothing twice."""

from __future__ import annotations

from typing import Any

from infra.lab.ovn.chassis import claims, heartbeats, neighbours, registrations


def _port(name: str, kind: str = "", **columns: Any) -> dict[str, Any]:
    unset: dict[str, Any] = {
        "chassis": [],
        "up": False,
        "virtual_parent": [],
        "ha_chassis_group": [],
    }
    return {"_uuid": f"uuid-{name}", "logical_port": name, "type": kind, **unset, **columns}


def _tables(
    *ports: dict[str, Any], **tables: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    hosts = [{"_uuid": "host-1", "name": "compute-1"}, {"_uuid": "host-2", "name": "compute-2"}]
    empty: dict[str, list[dict[str, Any]]] = {
        "HA_Chassis_Group": [],
        "HA_Chassis": [],
        "MAC_Binding": [],
    }
    return {"Chassis": hosts, "Port_Binding": list(ports), **empty, **tables}


def test_a_port_is_claimed_by_the_host_that_it_asks_for() -> None:
    port = _port("a", options={"requested-chassis": "compute-2"})

    (operation,) = claims(_tables(port))

    assert operation["row"] == {"chassis": ["uuid", "host-2"], "up": True}


def test_a_claimed_port_is_left_alone() -> None:
    port = _port("a", options={"requested-chassis": "compute-2"}, chassis="host-2", up=True)

    assert claims(_tables(port)) == []


def test_a_port_that_no_longer_asks_for_a_host_is_released() -> None:
    port = _port("a", options={}, chassis="host-2", up=True)

    (operation,) = claims(_tables(port))

    assert operation["row"] == {"chassis": ["set", []], "up": False}


def test_a_virtual_address_goes_to_the_first_parent_that_runs() -> None:
    virtual = _port("vip", "virtual", options={"virtual-parents": "b,a,c"})
    absent = _port("a", options={}, chassis=[], up=False)
    second = _port("b", options={"requested-chassis": "compute-1"}, chassis="host-1", up=True)

    (operation,) = claims(_tables(virtual, absent, second))

    assert operation["row"] == {"chassis": ["uuid", "host-1"], "up": True, "virtual_parent": "b"}


def test_a_gateway_goes_to_the_host_of_the_highest_priority() -> None:
    gateway = _port("cr-lrp-x", "chassisredirect", options={}, ha_chassis_group="group")
    members = [
        {"_uuid": "m1", "chassis": "host-1", "priority": 1},
        {"_uuid": "m2", "chassis": "host-2", "priority": 2},
        {"_uuid": "m3", "chassis": [], "priority": 3},
    ]
    group = {"_uuid": "group", "ha_chassis": ["m1", "m2", "m3"]}

    (operation,) = claims(_tables(gateway, HA_Chassis=members, HA_Chassis_Group=[group]))

    assert operation["row"]["chassis"] == ["uuid", "host-2"]


def test_a_router_learns_its_provider_gateway_once() -> None:
    options = {"distributed-port": "lrp-x"}
    gateway = _port("cr-lrp-x", "chassisredirect", options=options, datapath="router")
    known = {"logical_port": "lrp-x", "ip": "203.0.113.1"}

    (operation,) = neighbours(_tables(gateway), "203.0.113.1")

    assert operation["row"]["logical_port"] == "lrp-x"
    assert neighbours(_tables(gateway, MAC_Binding=[known]), "203.0.113.1") == []


def test_a_host_acknowledges_a_new_configuration_once() -> None:
    rows = [{"_uuid": "late", "nb_cfg": 1}, {"_uuid": "current", "nb_cfg": 2}]

    operations = heartbeats({"SB_Global": [{"nb_cfg": 2}], "Chassis_Private": rows})

    assert [operation["where"][0][2] for operation in operations] == [["uuid", "late"]]


def test_a_host_is_registered_once() -> None:
    inserted = registrations([{"name": "compute-1"}], ["compute-1", "compute-2"])

    names = [row["row"]["name"] for row in inserted if row["table"] == "Chassis"]
    assert names == ["compute-2"]
