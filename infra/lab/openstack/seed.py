"""What a cloud has before its first tenant comes, and the tenant's project itself."""

from __future__ import annotations

from infra.lab.openstack.client import Answer, Cloud
from infra.lab.ovn.servers import EXTERNAL_GATEWAY
from infra.lab.state import Lab

FLAVORS = {  # Name: vCPUs, GB of memory. No disk of their own: servers boot from volumes.
    "c1.small": (1, 2),
    "c1.medium": (2, 4),
    "c1.large": (4, 8),
    "c1.xlarge": (8, 16),
    "m1.medium": (2, 8),
    "m1.large": (4, 16),
    "m1.xlarge": (8, 32),
}
IMAGES = ("Debian 13", "Debian 13.1")
EXTERNAL_NETWORK, EXTERNAL_SUBNET = "public", "203.0.113.0/24"

# Twice what three edges, four applications and five databases would want; a test sets less.
QUOTAS: dict[str, dict[str, int]] = {
    "compute": {"cores": 128, "ram": 262144, "instances": 40, "server_groups": 20},
    "block-storage": {"volumes": 60, "gigabytes": 4000, "snapshots": 20},
    "network": {
        "network": 10,
        "subnet": 10,
        "port": 100,
        "router": 5,
        "floatingip": 10,
        "security_group": 30,
        "security_group_rule": 400,
    },
}

_CATALOGUE = {  # User of the service: types in the catalogue, path of its API.
    "glance": (("image",), ""),
    "placement": (("placement",), ""),
    "nova": (("compute",), "/v2.1"),
    "neutron": (("network",), ""),
    "cinder": (
        ("block-storage", "volumev3"),
        "/v3/%(project_id)s",
    ),  # volumev3: the older name, still asked for.
}


def write_catalogue(lab: Lab) -> None:
    """Users and addresses of the services, and the tenant with its project."""
    cloud = Cloud.admin(lab)
    roles = {role["name"]: role["id"] for role in cloud.get("identity", "/roles")["roles"]}
    if "service" not in roles:
        roles["service"] = _make(cloud, "role", {"name": "service"})
    services = _make(cloud, "project", {"name": "service", "domain_id": "default"})
    for name, (types, path) in _CATALOGUE.items():
        user = _make_user(cloud, name, lab.passwords["service"], services)
        for role in ("admin", "service"):
            cloud.put("identity", f"/projects/{services}/users/{user}/roles/{roles[role]}")
        for kind in types:
            # Nova looks for Cinder by its type and its name.
            called = "cinderv3" if kind == "volumev3" else name
            service = _make(cloud, "service", {"name": called, "type": kind})
            address = {"service_id": service, "url": lab.url(name) + path, "region_id": "RegionOne"}
            for interface in ("public", "internal"):
                _make(cloud, "endpoint", {**address, "interface": interface})
    project = _make(cloud, "project", {"name": "biletter", "domain_id": "default"})
    user = _make_user(cloud, "biletter", lab.passwords["member"], project)
    cloud.put("identity", f"/projects/{project}/users/{user}/roles/{roles['member']}")


def furnish(lab: Lab) -> None:
    """Images, flavors, the external network, and the project's quotas."""
    cloud = Cloud.admin(lab)
    for name in IMAGES:
        _make_image(cloud, name)
    for name, (vcpus, gigabytes) in FLAVORS.items():
        size = {"vcpus": vcpus, "ram": gigabytes * 1024, "disk": 0}
        cloud.post("compute", "/flavors", {"flavor": {"name": name, **size}})
    _make_external_network(cloud)
    set_quotas(lab, QUOTAS)


def set_quotas(lab: Lab, quotas: dict[str, dict[str, int]]) -> None:
    """Set some of the project's quotas; the keys are those of QUOTAS."""
    cloud, project = Cloud.admin(lab), Cloud.member(lab).project
    for service, limits in quotas.items():
        if service == "network":
            cloud.put("network", f"/v2.0/quotas/{project}", {"quota": limits})
        else:
            cloud.put(service, f"/os-quota-sets/{project}", {"quota_set": limits})


def _make_image(cloud: Cloud, name: str) -> None:
    properties: Answer = {"os_distro": "debian", "os_version": name.split()[1], "min_disk": 2}
    form = {"disk_format": "raw", "container_format": "bare", "visibility": "public"}
    image = cloud.post("image", "/v2/images", {"name": name, **form, **properties})["id"]
    cloud.upload("image", f"/v2/images/{image}/file", name.encode().ljust(4096, b"\0"))


def _make_external_network(cloud: Cloud) -> None:
    network = {
        "name": EXTERNAL_NETWORK,
        "router:external": True,
        "provider:network_type": "flat",
        "provider:physical_network": "public",
    }
    made = cloud.post("network", "/v2.0/networks", {"network": network})["network"]["id"]
    subnet = {
        "name": f"{EXTERNAL_NETWORK}-v4",
        "network_id": made,
        "ip_version": 4,
        "cidr": EXTERNAL_SUBNET,
        "gateway_ip": EXTERNAL_GATEWAY,
        "enable_dhcp": False,
    }
    cloud.post("network", "/v2.0/subnets", {"subnet": subnet})


def _make_user(cloud: Cloud, name: str, password: str, project: str) -> str:
    user = {
        "name": name,
        "password": password,
        "domain_id": "default",
        "default_project_id": project,
    }
    return _make(cloud, "user", user)


def _make(cloud: Cloud, kind: str, values: Answer) -> str:
    made: str = cloud.post("identity", f"/{kind}s", {kind: values})[kind]["id"]
    return made
