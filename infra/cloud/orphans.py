"""What is tagged as ours and no state knows: left behind by an apply that was killed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

import openstack
from openstack.connection import Connection

from infra.cloud.plans import CREATE, FLOATING_IP, PORT, SERVER, VOLUME, Change


class Orphan(NamedTuple):
    """A resource of the cloud, as a person finds it again."""

    type: str
    """Terraform's name for its kind."""
    id: str
    name: str


class _Kind(NamedTuple):
    type: str
    list: Callable[[Connection, list[str]], Iterable[Any]]
    delete: Callable[[Connection, str], object]


def connect() -> Connection:
    """The cloud that OS_CLOUD, or OS_AUTH_URL and its companions, name."""
    return openstack.connect()


def find(cloud: Connection, environment: str, known: Collection[str]) -> list[Orphan]:
    """Everything of an environment but what has one of the known ids, in the order of deletion."""
    tags = ["biletter", f"env:{environment}"]
    return [
        Orphan(kind.type, one.id, one.name or getattr(one, "floating_ip_address", "") or "")
        for kind in _KINDS
        for one in kind.list(cloud, tags)
        if one.id not in known
    ]


def delete(cloud: Connection, orphans: Iterable[Orphan]) -> None:
    """Delete them for good. Raises the SDK's errors."""
    kinds = {kind.type: kind for kind in _KINDS}
    for orphan in orphans:
        kinds[orphan.type].delete(cloud, orphan.id)


def addresses(orphans: Iterable[Orphan], changes: Iterable[Change]) -> dict[Orphan, str]:
    """Where a plan would make such a resource: that is the address to import each to."""
    wanted = {
        (one.type, one.after.get("name")): one.address for one in changes if one.kind == CREATE
    }
    return {one: found for one in orphans if (found := wanted.get((one.type, one.name)))}


def _volumes(cloud: Connection, tags: list[str]) -> Iterator[Any]:
    # Volumes have metadata in place of tags.
    environment = tags[1].partition(":")[2]
    for volume in cloud.block_storage.volumes():
        if volume.metadata.get("env") == environment and "biletter" in volume.metadata:
            yield volume


def _by_name(found: Iterable[Any], tags: list[str]) -> Iterator[Any]:
    prefix = tags[1].partition(":")[2] + "-"
    return (one for one in found if one.name.startswith(prefix))


def _delete_server(cloud: Connection, server_id: str) -> None:
    cloud.compute.delete_server(server_id)
    cloud.compute.wait_for_delete(cloud.compute.get_server(server_id), wait=120)


def _delete_router(cloud: Connection, router_id: str) -> None:
    for port in cloud.network.ports(device_id=router_id):
        if port.fixed_ips and port.device_owner != "network:router_gateway":
            cloud.network.remove_interface_from_router(router_id, None, port.id)
    cloud.network.delete_router(router_id)


# In the order in which they can be deleted.
_KINDS = (
    _Kind(
        FLOATING_IP,
        lambda cloud, tags: cloud.network.ips(tags=tags),
        lambda cloud, one: cloud.network.delete_ip(one),
    ),
    _Kind(
        SERVER,
        lambda cloud, tags: cloud.compute.servers(tags=",".join(tags)),
        _delete_server,
    ),
    _Kind(
        VOLUME,
        _volumes,
        lambda cloud, one: cloud.block_storage.delete_volume(one),
    ),
    _Kind(
        PORT,
        lambda cloud, tags: cloud.network.ports(tags=tags),
        lambda cloud, one: cloud.network.delete_port(one),
    ),
    _Kind(
        "openstack_networking_router_v2",
        lambda cloud, tags: cloud.network.routers(tags=tags),
        _delete_router,
    ),
    _Kind(
        "openstack_networking_subnet_v2",
        lambda cloud, tags: cloud.network.subnets(tags=tags),
        lambda cloud, one: cloud.network.delete_subnet(one),
    ),
    _Kind(
        "openstack_networking_network_v2",
        lambda cloud, tags: cloud.network.networks(tags=tags),
        lambda cloud, one: cloud.network.delete_network(one),
    ),
    _Kind(
        "openstack_networking_secgroup_v2",
        lambda cloud, tags: cloud.network.security_groups(tags=tags),
        lambda cloud, one: cloud.network.delete_security_group(one),
    ),
    # These two cannot carry a tag: their names begin with the environment's.
    _Kind(
        "openstack_compute_servergroup_v2",
        lambda cloud, tags: _by_name(cloud.compute.server_groups(), tags),
        lambda cloud, one: cloud.compute.delete_server_group(one),
    ),
    _Kind(
        "openstack_compute_keypair_v2",
        lambda cloud, tags: _by_name(cloud.compute.keypairs(), tags),
        lambda cloud, one: cloud.compute.delete_keypair(one),
    ),
)
