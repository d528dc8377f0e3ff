"""The inventory that Ansible reads: the cloud's, and what only a lab knows."""

from __future__ import annotations

import resource
from typing import Any

import yaml

from infra.cloud import inventory
from infra.lab.fleet import volumes
from infra.lab.fleet.outside import TEAM_SLUG
from infra.lab.fleet.state import JUMP, USER, Fleet

_SIZE = {"vcpus": 2, "ram_mb": 2048, "boot_gb": 8}
_VOLUME = {"gb": volumes.GB, "devices": [volumes.DEVICE]}
_CONNECTIONS, _SPARE = 20_000, 1000  # The role's own figures.
_HEAD = "# Written by every `up` of the lab; changes made here are lost.\n"


def write_inventory(fleet: Fleet) -> None:
    """Write it for this user alone: it holds the passwords of the lab's simulators."""
    fleet.write_private(fleet.inventory, to_yaml(fleet))


def to_yaml(fleet: Fleet) -> str:
    """The fleet as an inventory of the same shape as a cloud's."""
    content: dict[str, Any] = yaml.safe_load(inventory.to_yaml(_outputs(fleet)))
    content["all"]["vars"] |= {
        "ansible_ssh_private_key_file": str(fleet.ssh_key),
        "biletter_secrets_file": str(fleet.secrets),
        "haproxy_maxconn": min(_CONNECTIONS, (_descriptors() - _SPARE) // 2),
        # All buyers of a lab come from one address.
        "haproxy_unlimited_cidrs": [f"{fleet.client}/32"],
        "prometheus_load_generators": [fleet.load_generator],
        "alertmanager_webhooks": [f"http://{fleet.listener}/alerts"],
        "alertmanager_dead_mans_switch": f"http://{fleet.listener}/alive",
        "app_settings_extra": {
            "BILETTER_ALLOW_RESET": "true",
            "PAYMENT_GATEWAY_URL": f"http://{fleet.gateway}",
            "PAYMENT_TEAM_SLUG": TEAM_SLUG,
            "PAYMENT_PASSWORD": fleet.passwords["payment"],
            "PAYMENT_WEBHOOK_SECRET": fleet.passwords["webhook"],
            "EVENT_PROVIDER_URL": f"http://{fleet.provider}",
        },
    }
    for group in content["all"]["children"].values():
        for entry in group["hosts"].values():
            # Options would not reach the jump host's ssh, a configuration does.
            way_in = f"-F {fleet.ssh_config} {entry.get('ansible_ssh_common_args', '')}"
            entry["ansible_ssh_common_args"] = way_in.strip()
    return _HEAD + yaml.safe_dump(content, sort_keys=False)


def _outputs(fleet: Fleet) -> dict[str, Any]:
    """What the hosts root would put out, had Terraform made the fleet."""
    groups = {
        role: [name for name, host in fleet.hosts.items() if host.role == role]
        for role in ("edge", "app", "db", "monitor")
    }
    return {
        "environment": "lab-fleet",
        "groups": {**groups, "backup": [JUMP], "loadgen": []},
        "hosts": {
            host.name: {
                "role": host.role,
                "address": host.address,
                "zone": "lab",
                **_SIZE,
                "data": _VOLUME if host.volume else None,
            }
            for host in fleet.hosts.values()
        },
        "jump": {"host": JUMP, "address": fleet.hosts[JUMP].address, "user": USER},
        "vip": {"address": fleet.vip, "floating_ip": fleet.vip},
        "network": {
            "cidr": fleet.network,
            "gateway": fleet.client,
            "dns_servers": [],
            "admin_cidrs": [f"{fleet.client}/32"],
        },
    }


def _descriptors() -> int:
    """How many files a host may open: no more than this machine allows its own processes."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]
