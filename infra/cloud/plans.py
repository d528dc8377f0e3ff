"""What a plan would do, host by host, and what no plan may do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

CREATE, UPDATE, REPLACE, DESTROY = "create", "update", "replace", "destroy"
SERVER = "openstack_compute_instance_v2"
VOLUME = "openstack_blockstorage_volume_v3"
ATTACHMENT = "openstack_compute_volume_attach_v2"
PORT = "openstack_networking_port_v2"
FLOATING_IP = "openstack_networking_floatingip_v2"

_OF_A_HOST = (SERVER, ATTACHMENT, PORT)
_LABELS = {"metadata", "tags", "all_tags"}
_KINDS = {
    ("create",): CREATE,
    ("update",): UPDATE,
    ("delete",): DESTROY,
    ("delete", "create"): REPLACE,
    ("create", "delete"): REPLACE,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one resource."""

    address: str
    type: str
    key: str
    """By which its module knows it: a host's, a rule's; empty where there is one only."""
    kind: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def changes_of(content: Mapping[str, Any]) -> list[Change]:
    """Everything that a plan, read as JSON, would change, in its order."""
    return [
        Change(
            address=one["address"],
            type=one["type"],
            key=str(one.get("index", "")),
            kind=kind,
            before=one["change"]["before"] or {},
            after=one["change"]["after"] or {},
        )
        for one in content.get("resource_changes", [])
        if one["mode"] == "managed" and (kind := _KINDS.get(tuple(one["change"]["actions"])))
    ]


def objections(content: Mapping[str, Any]) -> list[str]:
    """What the plan's checks object to without refusing it."""
    return [
        problem["message"]
        for check in content.get("checks", [])
        for instance in check.get("instances", [])
        for problem in instance.get("problems", [])
        if instance["status"] == "fail"
    ]


def touched_members(changes: Iterable[Change], members: Collection[str]) -> list[str]:
    """Which hosts of a cluster a plan touches, whatever the reason: a change, a drift, a taint.

    Other labels alone are no harm: they can be put on all members at once.
    """
    return sorted(
        {
            one.key
            for one in changes
            if one.type in _OF_A_HOST and one.key in members and not _is_label(one)
        }
    )


def _is_label(change: Change) -> bool:
    if change.kind != UPDATE:
        return False
    after = change.after
    return {key for key in after if after[key] != change.before.get(key)} <= _LABELS


def lost_volumes(changes: Iterable[Change]) -> list[str]:
    """The data volumes that a plan would delete, with a new one in their place or none.

    Terraform forgets that a resource is protected when its block is gone from the code.
    """
    return [one.key for one in changes if one.type == VOLUME and one.kind in (REPLACE, DESTROY)]
