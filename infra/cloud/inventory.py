"""The hand-over to Ansible: groups, hosts with their facts, and the way in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def to_yaml(outputs: Mapping[str, Any]) -> str:
    """The hosts root's output `inventory` as an inventory that Ansible reads."""
    jump, hosts = outputs["jump"], outputs["hosts"]
    way_in = f"-o ProxyJump={jump['user']}@{jump['address']}"
    listed = {
        group: {"hosts": {key: _host(key, hosts[key], jump, way_in) for key in keys}}
        for group, keys in outputs["groups"].items()
    }
    variables = {
        "ansible_user": jump["user"],
        "biletter_environment": outputs["environment"],
        "biletter_vip": outputs["vip"],
        "biletter_network": outputs["network"],
    }
    head = "# Written by every apply; changes made here are lost.\n"
    return head + yaml.safe_dump({"all": {"vars": variables, "children": listed}}, sort_keys=False)


def _host(
    key: str, host: Mapping[str, Any], jump: Mapping[str, Any], way_in: str
) -> dict[str, Any]:
    if key == jump["host"]:
        entry = {"ansible_host": jump["address"]}
    else:
        entry = {"ansible_host": host["address"], "ansible_ssh_common_args": way_in}
    return {**entry, "biletter_host": dict(host)}
