"""What runs by the state, in the words of the hosts root's variables `hosts` and `running`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.cloud.plans import SERVER

_IMAGE = "openstack_images_image_v2"
SIZES = ("flavor", "image", "boot_gb")
"""What makes a host another one when it changes."""


def running_hosts(state: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By host key its role, flavor, image, size of the boot volume and zone.

    A server that the cloud could not make stands in the state without a flavor; it does not run.
    """
    state = list(state)
    images = {one["values"]["id"]: one["values"]["name"] for one in state if one["type"] == _IMAGE}
    return {
        one["index"]: _host(one["values"], images)
        for one in state
        if one["mode"] == "managed" and one["type"] == SERVER and one["values"]["flavor_name"]
    }


def _host(server: Mapping[str, Any], images: Mapping[str, str]) -> dict[str, Any]:
    boot = server["block_device"][0]
    return {
        "role": server["metadata"]["role"],
        "flavor": server["flavor_name"],
        "image": images.get(boot["uuid"], boot["uuid"]),
        "boot_gb": boot["volume_size"],
        "zone": server["availability_zone"],
    }


def outdated(wanted: Mapping[str, Mapping[str, Any]], running: Mapping[str, Any]) -> list[str]:
    """The hosts that run and should be of another flavor, image or size."""
    return [
        key
        for key, host in wanted.items()
        if key in running and any(host[one] != running[key][one] for one in SIZES)
    ]


def as_running_but(
    key: str, wanted: Mapping[str, Mapping[str, Any]], running: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """All hosts as they run now, but this one as it should be; what does not run is left out."""
    return {
        name: dict(host) if name == key else {**host, **{one: running[name][one] for one in SIZES}}
        for name, host in wanted.items()
        if name in running
    }
