"""What stands in for the chassis: rows for the hosts, and claims of the ports placed on them.

On a real host ovn-controller registers the host, claims the ports whose interfaces appear there and
reports that it is alive. Here one process does so for all hosts, from what northd asks for, so that
Neutron sees live hosts and its ports become ACTIVE. There is no switch and no interface behind it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from infra.lab.ovn.database import (
    Operation,
    Row,
    reference,
    select,
    several,
    transact,
    update,
    watch,
)
from infra.lab.ovn.jsonrpc import Connection, RemoteError

# The provider's gateway on the external network, which answers every router's ARP request.
GATEWAY_MAC = "0a:00:00:00:00:01"

_DATABASE = "OVN_Southbound"
_TABLES = (
    "SB_Global",
    "Chassis",
    "Chassis_Private",
    "Port_Binding",
    "HA_Chassis_Group",
    "HA_Chassis",
    "MAC_Binding",
)


def main() -> None:
    """Serve the hosts named on the command line: SOCKET GATEWAY_ADDRESS HOST ..."""
    socket, gateway, *hosts = sys.argv[1:]
    with Connection(Path(socket), seconds=None) as connection:
        transact(
            connection, _DATABASE, registrations(select(connection, _DATABASE, *_TABLES)[1], hosts)
        )
        watch(connection, _DATABASE, *_TABLES)
        while True:
            connection.wait_for_notice()
            tables = dict(zip(_TABLES, select(connection, _DATABASE, *_TABLES), strict=True))
            operations = [*heartbeats(tables), *claims(tables), *neighbours(tables, gateway)]
            try:
                transact(connection, _DATABASE, operations)
            except RemoteError as error:  # A row has gone meanwhile: its change is a notice too.
                print(f"Tried again: {error}", flush=True)


def registrations(known: list[Row], hosts: list[str]) -> list[Operation]:
    """Rows for the hosts that have none; each may hold gateway ports."""
    operations: list[Operation] = []
    names = {row["name"] for row in known}
    for number, host in enumerate(hosts, start=1):
        if host in names:
            continue
        options = {
            "ovn-bridge-mappings": "public:br-ex",
            "ovn-cms-options": "enable-chassis-as-gw",
            "datapath-type": "system",
            "iface-types": "geneve",
        }
        encapsulation = {"type": "geneve", "ip": f"127.0.1.{number}", "chassis_name": host}
        chassis = {
            "name": host,
            "hostname": host,
            "encaps": ["named-uuid", f"encap{number}"],
            "other_config": ["map", list(options.items())],
        }
        private = {"name": host, "chassis": ["named-uuid", f"chassis{number}"]}
        operations += [
            {"op": "insert", "table": "Encap", "uuid-name": f"encap{number}", "row": encapsulation},
            {"op": "insert", "table": "Chassis", "uuid-name": f"chassis{number}", "row": chassis},
            {"op": "insert", "table": "Chassis_Private", "row": private},
        ]
    return operations


def heartbeats(tables: dict[str, list[Row]]) -> list[Operation]:
    """Acknowledge the newest configuration for every host that has not: Neutron asks for it."""
    newest = max((row["nb_cfg"] for row in tables["SB_Global"]), default=0)
    values = {"nb_cfg": newest, "nb_cfg_timestamp": int(time.time() * 1000)}
    late = [row for row in tables["Chassis_Private"] if row["nb_cfg"] != newest]
    return [update("Chassis_Private", row["_uuid"], values) for row in late]


def claims(tables: dict[str, list[Row]]) -> list[Operation]:
    """Bind every port to the host that it is meant for, and release those meant for none."""
    by_name = {row["name"]: row["_uuid"] for row in tables["Chassis"]}
    ports = {row["logical_port"]: row for row in tables["Port_Binding"]}
    operations = []
    for port in tables["Port_Binding"]:
        wanted: Row | None = None
        match port["type"]:
            case "":
                wanted = {"chassis": by_name.get(port["options"].get("requested-chassis", ""))}
            case "chassisredirect":
                wanted = {"chassis": _gateway_host(port, tables)}
            case "virtual":
                wanted = _holder(port, ports, by_name)
        if wanted is None:
            continue
        wanted["up"] = bool(wanted["chassis"])
        if any((port[column] or None) != (value or None) for column, value in wanted.items()):
            operations.append(update("Port_Binding", port["_uuid"], _columns(wanted)))
    return operations


def neighbours(tables: dict[str, list[Row]], gateway: str) -> list[Operation]:
    """What a router learns when the provider's gateway answers its ARP request."""
    known = {(row["logical_port"], row["ip"]) for row in tables["MAC_Binding"]}
    operations = []
    for port in tables["Port_Binding"]:
        name = port["options"].get("distributed-port", "")
        if port["type"] == "chassisredirect" and (name, gateway) not in known:
            learned = {
                "logical_port": name,
                "ip": gateway,
                "mac": GATEWAY_MAC,
                "datapath": reference(port["datapath"]),
            }
            operations.append({"op": "insert", "table": "MAC_Binding", "row": learned})
    return operations


def _gateway_host(port: Row, tables: dict[str, list[Row]]) -> str | None:
    """The host with the highest priority of the group that northd made for a gateway port."""
    groups = {row["_uuid"]: row for row in tables["HA_Chassis_Group"]}
    members = {row["_uuid"]: row for row in tables["HA_Chassis"]}
    group = groups.get(port["ha_chassis_group"] or "", {"ha_chassis": []})
    candidates = [
        members[uuid] for uuid in several(group["ha_chassis"]) if members[uuid]["chassis"]
    ]
    best = max(candidates, key=lambda row: int(row["priority"]), default=None)
    return best["chassis"] if best else None


def _holder(port: Row, ports: dict[str, Row], by_name: dict[str, str]) -> Row:
    """A virtual address belongs to the first of its parents that runs, as to VRRP's master."""
    parents = sorted(port["options"].get("virtual-parents", "").split(","))
    for parent in parents:
        options = ports[parent]["options"] if parent in ports else {}
        host = by_name.get(options.get("requested-chassis", ""))
        if host:
            return {"virtual_parent": parent, "chassis": host}
    return {"virtual_parent": None, "chassis": None}


def _columns(wanted: Row) -> Row:
    columns: Row = {"chassis": reference(wanted["chassis"]), "up": wanted["up"]}
    if "virtual_parent" in wanted:
        columns["virtual_parent"] = wanted["virtual_parent"] or ["set", []]
    return columns


if __name__ == "__main__":
    main()
