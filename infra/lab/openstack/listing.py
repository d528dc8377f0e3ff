"""Everything that exists in the cloud, to compare before and after."""

from __future__ import annotations

from typing import Any

from infra.lab.openstack.client import Cloud
from infra.lab.state import Lab

# Key of the answer: type in the catalogue, path. The administrator sees all projects'.
_RESOURCES = {
    "networks": ("network", "/v2.0/networks"),
    "subnets": ("network", "/v2.0/subnets"),
    "ports": ("network", "/v2.0/ports"),
    "routers": ("network", "/v2.0/routers"),
    "floatingips": ("network", "/v2.0/floatingips"),
    "security_groups": ("network", "/v2.0/security-groups"),
    "security_group_rules": ("network", "/v2.0/security-group-rules"),
    "servers": ("compute", "/servers/detail?all_tenants=1"),
    "server_groups": ("compute", "/os-server-groups?all_projects=1"),
    "flavors": ("compute", "/flavors/detail?is_public=none"),
    "volumes": ("block-storage", "/volumes/detail?all_tenants=1"),
    "snapshots": ("block-storage", "/snapshots/detail?all_tenants=1"),
    "images": ("image", "/v2/images?limit=1000"),
}


def list_resources(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """Every resource of Neutron, Nova, Cinder and Glance, as its API describes it, by kind."""
    admin, member = Cloud.admin(lab), Cloud.member(lab)
    found = {kind: admin.get(*where)[kind] for kind, where in _RESOURCES.items()}
    pairs = member.get("compute", "/os-keypairs")["keypairs"]  # A user's own: nobody lists all.
    found["keypairs"] = [{"id": pair["keypair"]["name"], **pair["keypair"]} for pair in pairs]
    return found


def list_names(lab: Lab) -> dict[str, list[str]]:
    """The same as names and ids alone, sorted: equal before an apply and after a destroy."""
    found = list_resources(lab)
    # Every project has this group from the first time that somebody looks at its groups.
    own = {row["id"] for row in found["security_groups"] if row["name"] == "default"}
    found["security_groups"] = [row for row in found["security_groups"] if row["id"] not in own]
    rules = found["security_group_rules"]
    found["security_group_rules"] = [row for row in rules if row["security_group_id"] not in own]
    return {
        kind: sorted(f"{row.get('name') or '-'} {row['id']}" for row in rows)
        for kind, rows in found.items()
    }
